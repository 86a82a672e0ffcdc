"""A citizen who wrote too long ago for Meta, and what waits for them in the ledger."""

from typing import Any
from uuid import UUID

import msgspec

from deliverer.meta.held_messages import HeldMessages
from services import clock
from services.contract import SendOutcome
from tests.support.integration.message_provider import NUMBER, Office

TEXT = {"type": "text", "text": {"body": "Ja."}}
PICTURE = {"type": "image", "image": {"link": "https://almelo.example/a.png"}}
ASK = {"type": "template", "template": {"name": "schrijf_terug", "language": {"code": "nl"}}}
HEARD = """
insert into router.conversation (id, tenant, number, person, department, rule, reason, since,
    opened_at, last_inbound_at, said_at, sequence, departments)
select $1, 'almelo', $2, $3, 'kcc', '', '', now(), now(), wrote, wrote, 1, '{kcc}'
from (select now() - make_interval(hours => $4) as wrote) as message
"""
WROTE = "update router.conversation set last_inbound_at = now(), said_at = now() where person = $1"
SILENT = """
update router.conversation set last_inbound_at = now() - interval '30 hours',
    said_at = now() - interval '30 hours'
where person = $1
"""
STOP = "insert into router.withdrawal values ('almelo', $1, 'stop', now())"
OUTGOING = """
insert into router.outgoing (id, tenant, number, conversation, department, status, changed_at,
    reason, code, type)
values ($1, 'almelo', $2, '', 'kcc', $3, now(), $4, $5, 'template')
"""
AGED = "update deliverer.ledger set held_at = held_at - make_interval(secs => $2) where id = $1"


class Late:
    """A citizen who wrote 30 hours ago, and what waits for them."""

    def __init__(self, office: Office, person: UUID) -> None:
        self.office, self.person = office, person
        self.holding = HeldMessages(office.pool)

    async def answer(self, content: dict[str, Any] = TEXT, **more: Any) -> UUID:
        return await self.office.queue(content, self.person, **more)

    async def held(self, content: dict[str, Any] = TEXT) -> UUID:
        id = await self.answer(content)
        await self.office.until(id, "held")
        return id

    async def ask(self) -> UUID:
        """As the router writes it."""
        id = await self.answer(ASK, asks=True)
        await self.office.pool.execute(OUTGOING, id, NUMBER, "accepted", "", 0)
        return id

    async def writes(self) -> None:
        await self.office.pool.execute(WROTE, self.person)

    async def silent(self) -> None:
        """They wrote before all of it, and not since."""
        await self.office.pool.execute(SILENT, self.person)

    async def look(self) -> dict[str, int]:
        return await self.holding.sweep(clock.now())

    async def state(self, id: UUID) -> tuple[str, str]:
        line = await self.office.line(id)
        return line["state"], line["reason"]

    async def told(self, id: UUID) -> list[tuple[str, str]]:
        """What the router is told of a message, in order."""
        rows = await self.office.pool.fetch("select body from deliverer.outcome order by position")
        said = [msgspec.msgpack.decode(row["body"], type=SendOutcome) for row in rows]
        return [(each.state, each.reason) for each in said if each.message == id]
