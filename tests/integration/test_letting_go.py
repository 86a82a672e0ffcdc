"""A deliverer that is stopped while it claims: at every point of it, against a real PostgreSQL."""

import asyncio
import types
from collections.abc import AsyncIterator, Coroutine, Generator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from deliverer.answers import Answer, Body
from deliverer.ledger import Ledger
from deliverer.outbound import Outbound
from services import clock
from services.database import Pool, connected, migrate
from tests.integration.conftest import all_migrations
from tests.integration.provider import NUMBER, Account, Office, office

TEXT = {"type": "text", "text": {"body": "Ja."}}
LONG = 10.0
NOTHING: Any = None
"""What is published is not looked at here."""


@pytest.fixture
async def pool(empty: str) -> AsyncIterator[Pool]:
    await migrate(empty, all_migrations())
    async with connected(empty, "test", 8) as pool:
        yield pool


@pytest.fixture
async def place(pool: Pool, tmp_path: Path) -> AsyncIterator[tuple[Office, Account]]:
    async with office(pool, tmp_path) as place:
        yield place


@types.coroutine
def interrupted(work: Coroutine[Any, Any, None], at: int, late: bool) -> Generator[Any, Any, None]:
    """`work`, cancelled at its await number `at`, counted from 0: as soon as it waits, or `late`:
    when what it waits for has just come, and nobody looks at it any more."""
    task = asyncio.current_task()
    assert task
    steps = work.__await__()
    error: BaseException | None = None
    for number in count():
        try:
            waits_for = steps.throw(error) if error else steps.send(None)
        except StopIteration:
            return
        if number == at and late and waits_for is not None:
            waits_for.add_done_callback(lambda _: task.cancel())
        elif number == at:
            task.cancel()
        error = None
        try:
            yield waits_for
        except BaseException as raised:
            error = raised


async def stopped(work: Coroutine[Any, Any, None], at: int, late: bool) -> None:
    async def run() -> None:
        await interrupted(work, at, late)

    async with asyncio.timeout(LONG):
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(run())


class Poster:
    """Takes everything."""

    def __init__(self) -> None:
        self.posts = 0

    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Answer:
        self.posts += 1
        return Answer(status=200, body=b'{"messages": [{"id": "wamid.1"}]}')


@pytest.mark.parametrize("late", [False, True])
async def test_a_message_that_was_claimed_as_the_end_came_is_not_left_behind(
    place: tuple[Office, Account], late: bool
) -> None:
    office, account = place
    id = await office.queue(TEXT)
    poster = Poster()
    for at in count():
        ledger = Ledger(office.pool, clock.new_id(), {NUMBER: account.name})
        await stopped(Outbound(ledger, poster, {NUMBER: account}, NOTHING).send(), at, late)
        state = (await office.line(id))["state"]
        assert (at, state) == (at, "sent" if poster.posts else "queued")
        if poster.posts:
            break
    assert poster.posts == 1
