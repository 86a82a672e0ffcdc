"""Two people who answer, over a real socket: what each of them hears."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.api import Api
from gateway.store import Acceptance, Store
from gateway.uploads import Uploads
from services import clock
from services.database import Pool
from services.http import application, serve
from services.keyring import Keyring
from tests.integration.test_orders_at_the_door import (
    CONVERSATION,
    NUMBER,
    TOWN,
    Desk,
    Taken,
)
from tests.integration.test_orders_at_the_door import pool as pool
from tests.tokens import GENEROUS, key

OWN, OTHER = "burgerzaken", "openbare-ruimte"
ANSWER = {
    "conversationId": CONVERSATION,
    "type": "text",
    "text": {"body": "Goedemiddag"},
    "ifLast": None,
}


@asynccontextmanager
async def desk_of(pool: Pool, *departments: str) -> AsyncIterator[Desk]:
    """Of a token for these departments, with a conversation that is at the first."""
    await pool.execute(_OPENED, CONVERSATION, TOWN.numbers[0].tenant, NUMBER, clock.new_id(), OWN)
    taken: Any = Taken()
    ring = Keyring(pool, [key("t", **GENEROUS | {"departments": frozenset(departments)})])
    uploads = Uploads(pool)
    api = Api(taken, Store(pool), uploads, TOWN, ring)
    async with serve(application(api.routes()), "127.0.0.1", 0) as port:
        yield Desk(f"http://127.0.0.1:{port}", taken, uploads)


@pytest.mark.parametrize(
    ("whose", "departments", "tells"),
    [(OWN, (OWN,), True), (OTHER, (OWN,), False), (OTHER, (OWN, OTHER), True), (OTHER, (), True)],
)
async def test_only_who_may_know_of_the_last_answer_hears_which_it_is(
    pool: Pool, whose: str, departments: tuple[str, ...], tells: bool
) -> None:
    last = Acceptance(
        id=clock.new_id(),
        tenant=TOWN.numbers[0].tenant,
        token="colleague",
        fingerprint=b"print",
        at=clock.now(),
        conversation=CONVERSATION,
        department=whose,
    )
    await Store(pool).accept(last)
    async with desk_of(pool, *departments) as desk:
        status, said = await desk.post("messages", ANSWER)
    assert (status, said["code"], desk.commands) == (409, "answered_meanwhile", [])
    assert ("last" in said) is tells and said.get("last") == (str(last.id) if tells else None)


async def test_after_a_reaction_nobody_has_answered_yet(pool: Pool) -> None:
    reaction = {"messageId": str(clock.new_id()), "emoji": "\N{THUMBS UP SIGN}"}
    thumb = {"conversationId": CONVERSATION, "type": "reaction", "reaction": reaction}
    async with desk_of(pool) as desk:
        for n, body in enumerate((thumb, thumb | {"ifLast": None}, ANSWER)):
            status, said = await desk.post("messages", body, [("Idempotency-Key", str(n))])
            assert (status, said.get("code")) == (202, None)
        status, refused = await desk.post("messages", thumb | {"ifLast": None})
        assert (status, refused["last"]) == (409, said["id"])
    assert [command.type for command in desk.commands] == ["reaction", "reaction", "text"]


_OPENED = """
insert into router.conversation (id, tenant, number, person, department, departments, rule, reason,
    since, opened_at, sequence)
values ($1, $2, $3, $4, $5, array[$5], '', '', now(), now(), 1)
"""
