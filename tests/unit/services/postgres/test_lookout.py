"""One look for all who wait, on a clock that jumps (see `virtual_clock`)."""

import asyncio
from itertools import pairwise
from typing import Any

import asyncpg

from services.postgres.lookout import LOOK_SECONDS, Pause, run_lookout
from services.tasks import background_task
from tests.support.virtual_clock import on_virtual_clock

FIRST, SECOND = "select from first", "select from second"


class Tables:
    """A database of which each condition is true or not. A look takes a while."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.true: set[str] = set()
        self.looks: list[list[str]] = []
        self.seconds, self.is_away = seconds, False

    async def fetch(self, sql: str) -> list[list[bool]]:
        asked = [each for each in (FIRST, SECOND) if each in sql]
        answer = [each in self.true for each in asked]
        self.looks.append(asked)
        await asyncio.sleep(self.seconds)
        if self.is_away:
            raise asyncpg.ConnectionDoesNotExistError
        return [answer]


async def count_pauses(pause: Pause, ends: list[float]) -> None:
    while True:
        await pause()
        ends.append(asyncio.get_running_loop().time())


def lookout_on(tables: Any) -> Any:
    return run_lookout(tables)


@on_virtual_clock
async def test_only_the_task_whose_condition_holds_is_woken() -> None:
    tables, loop = Tables(), asyncio.get_running_loop()
    async with lookout_on(tables) as lookout:
        one, other = (asyncio.create_task(lookout.pause_until(x)()) for x in (FIRST, SECOND))
        await asyncio.sleep(10)
        assert not one.done() and not other.done()
        tables.true.add(SECOND)
        began = loop.time()
        await other
        assert loop.time() - began <= LOOK_SECONDS and not one.done()
        assert all(asked == [FIRST, SECOND] for asked in tables.looks), "one statement for all"
        one.cancel()


@on_virtual_clock
async def test_nothing_is_asked_while_nobody_waits() -> None:
    tables = Tables()
    async with lookout_on(tables) as lookout:
        lookout.pause_until(FIRST)
        await asyncio.sleep(10)
        assert tables.looks == []
        task = asyncio.create_task(lookout.pause_until(FIRST)())
        await asyncio.sleep(1)
        assert 4 <= len(tables.looks) <= 5
        task.cancel()


@on_virtual_clock
async def test_condition_that_stays_true_ends_a_pause_no_oftener_than_asked() -> None:
    tables, ends = Tables(), list[float]()
    tables.true.add(FIRST)
    async with (
        lookout_on(tables) as lookout,
        background_task(count_pauses(lookout.pause_until(FIRST, 1.0), ends)),
    ):
        await asyncio.sleep(10)
    assert 8 <= len(ends) <= 10
    assert min(b - a for a, b in pairwise(ends)) >= 0.999


@on_virtual_clock
async def test_row_that_is_committed_during_a_look_is_found_by_the_next() -> None:
    tables = Tables(seconds=1.0)
    async with lookout_on(tables) as lookout:
        task = asyncio.create_task(lookout.pause_until(FIRST)())
        await asyncio.sleep(LOOK_SECONDS + 0.5)
        assert len(tables.looks) == 1
        tables.true.add(FIRST)
        await task
        assert len(tables.looks) == 2


@on_virtual_clock
async def test_pause_does_not_end_by_what_ended_the_one_before() -> None:
    """The row that ended one pause is claimed; the next pause waits for another row."""
    tables, ends = Tables(), list[float]()
    tables.true.add(FIRST)
    async with lookout_on(tables) as lookout:
        await lookout.pause_until(FIRST)()
        tables.true.clear()
        async with background_task(count_pauses(lookout.pause_until(FIRST), ends)):
            await asyncio.sleep(10)
    assert ends == []


@on_virtual_clock
async def test_lookout_outlives_a_database_that_is_away() -> None:
    tables = Tables()
    tables.is_away = True
    async with lookout_on(tables) as lookout:
        task = asyncio.create_task(lookout.pause_until(FIRST)())
        await asyncio.sleep(30)
        assert not task.done() and not lookout.task.done()
        tables.true.add(FIRST)
        tables.is_away = False
        await task
