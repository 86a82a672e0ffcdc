"""A citizen who wrote too long ago for Meta, and what waits for them in the ledger."""

from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

from deliverer.meta.held_messages import HeldMessages
from services import clock
from tests.support.integration.message_provider import NUMBER, TEXT, Office
from tests.support.integration.outcomes import stored_outcomes

PICTURE = {"type": "image", "image": {"link": "https://almelo.example/a.png"}}
ASK = {"type": "template", "template": {"name": "schrijf_terug", "language": {"code": "nl"}}}
REFUSED = 400, {"error": {"code": 132015}}
_OUTGOING = """
insert into router.outgoing (id, tenant, number, conversation, department, status, changed_at,
    reason, code, type)
values ($1, 'almelo', $2, '', 'kcc', 'accepted', now(), '', 0, 'template')
"""


class Late:
    """A citizen who wrote 30 hours ago, and what waits for them."""

    def __init__(self, office: Office, person: UUID) -> None:
        self.office, self.person = office, person

    def working(self) -> AbstractAsyncContextManager[None]:
        return self.office.working()

    async def answer(self, content: dict[str, Any] = TEXT, **more: Any) -> UUID:
        return await self.office.queue(content, self.person, **more)

    async def hold(self, content: dict[str, Any] = TEXT) -> UUID:
        """An answer that came to be held."""
        id = await self.answer(content)
        await self.office.until(id, "held")
        return id

    async def ask(self, end: str = "") -> UUID:
        """The reopen request, as the router writes it; until it comes to this end."""
        id = await self.answer(ASK, asks=True)
        await self.office.pool.execute(_OUTGOING, id, NUMBER)
        if end:
            await self.office.until(id, end)
        return id

    async def ask_in_vain(self) -> None:
        self.office.provider.message_answers = [REFUSED]
        await self.ask("failed")

    async def write(self, hours_ago: int = 0, person: UUID | None = None) -> None:
        sql = (
            "update router.conversation set last_inbound_at = wrote, said_at = wrote from"
            " (select now() - make_interval(hours => $2) as wrote) as message where person = $1"
        )
        await self.office.pool.execute(sql, person or self.person, hours_ago)

    async def age(self, id: UUID, seconds: float) -> None:
        """An answer that was held so much longer ago."""
        sql = "update deliverer.ledger set held_at = held_at - make_interval(secs => $2)"
        await self.office.pool.execute(f"{sql} where id = $1", id, seconds)

    async def sweep(self) -> dict[str, int]:
        return await HeldMessages(self.office.pool).sweep(clock.now())

    async def state(self, id: UUID) -> str:
        return str((await self.office.line(id))["state"])

    async def state_and_reason(self, id: UUID) -> tuple[str, str]:
        line = await self.office.line(id)
        return line["state"], line["reason"]

    async def told(self, id: UUID) -> list[tuple[str, str]]:
        """Outcomes of a message that the router is told, in order."""
        said = await stored_outcomes(self.office.pool)
        return [(each.state, each.reason) for each in said if each.message == id]
