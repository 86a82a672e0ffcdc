"""Whoever fails, alone or with many, or is tried again: who would be taken hardly waits."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import pytest

from deliverer.crm.lanes import Job
from deliverer.crm.replays import ReplayJob
from deliverer.crm.response_policy import FIRST_RETRY_AFTER, LONGEST_WAIT
from deliverer.crm.scheduler import BATCHES
from deliverer.transport.response import Response
from services import metrics
from tests.support.deliverer.delivery_harness import OK, Crm, Hall, of
from tests.support.virtual_clock import run

GOOD = 10_000
"""Numbers from here on are of messages that are taken."""


class Writers:
    """Somebody else writes every so many seconds, and is taken."""

    def __init__(self, hall: Hall, every: float, first: float = 0.0) -> None:
        self.hall, self.every, self.first = hall, every, first
        self.came: dict[int, float] = {}

    async def write(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self.first)
        for n in count(GOOD):
            self.came[n] = loop.time()
            self.hall.receives(of(n, f"writer {n}"))
            await asyncio.sleep(self.every)

    def longest(self, now: float) -> float:
        """Seconds that one of them waited, or waits still."""
        asked: dict[int, float] = {}
        for at, n in self.hall.crm.asked:
            asked.setdefault(n, at)
        return max(asked.get(n, now) - at for n, at in self.came.items())


def failing(answer: Response) -> Callable[[int], Response]:
    return lambda n: OK if n >= GOOD else answer


async def after(hall: Hall, writers: Writers, seconds: float) -> float:
    """The longest that one of them waited, after all that time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    writing = asyncio.create_task(writers.write())
    await hall.works(lambda: loop.time() - began > seconds)
    writing.cancel()
    return writers.longest(loop.time())


def test_a_message_that_asks_for_an_hour_is_not_everybody_s_hour() -> None:
    async def work() -> None:
        hall = Hall(Crm(failing(Response(status=503, retry_after=3600.0)), seconds=0.05))
        hall.receives(of(1, "a"))
        writers = Writers(hall, every=10, first=10)
        assert await after(hall, writers, 900) <= FIRST_RETRY_AFTER + 1

    run(work())


@pytest.mark.slow
@pytest.mark.parametrize(("count", "most"), [(10, LONGEST_WAIT), (20, 300.0), (40, 900.0)])
def test_many_failing_conversations_delay_others_by_minutes_at_most(
    count: int, most: float
) -> None:
    async def work() -> None:
        hall = Hall(Crm(failing(Response(status=500)), seconds=0.05))
        for n in range(1, count + 1):
            hall.receives(of(n, f"failing {n}"))
        assert await after(hall, Writers(hall, every=5), 1800) <= most

    assert BATCHES < 20
    run(work())


@pytest.mark.slow
@pytest.mark.parametrize("every", [20.0, 60.0])
def test_failing_message_is_parked_when_other_citizens_seldom_write(
    every: float,
) -> None:
    async def work() -> None:
        hall = Hall(Crm(failing(Response(status=500)), seconds=0.05))
        hall.receives(of(1, "a"), of(GOOD - 1, "a"))
        hall.crm.answer = lambda n: Response(status=500) if n == 1 else OK
        await after(hall, Writers(hall, every), 6 * 3600)
        assert [s.state for s in hall.book.settled if s.conversation == "a"] == [
            "parked",
            "settled",
        ]

    run(work())


@pytest.mark.slow
@pytest.mark.parametrize("many", [20, 200])
def test_hanging_sidelined_messages_leave_most_of_the_window_to_others(many: int) -> None:
    class Hanging(Crm):
        async def post(self, url: str, body: bytes, headers: Any) -> Response:
            self.seconds = 0.05 if int(msgspec.json.decode(body)["sequence"]) >= GOOD else 15.0
            return await super().post(url, body, headers)

    async def work() -> None:
        hall = Hall(Hanging(failing(Response(failure="timeout"))), window=32)
        aside(hall, many)
        assert await after(hall, Writers(hall, every=1), 900) <= 16

    run(work())


def aside(hall: Hall, many: int) -> None:
    for n in range(1, many + 1):
        one = of(n, f"aside {n}")
        hall.book.aside[one.id] = (0.0, n, Job(one, None, failures=2))


@pytest.mark.slow
def test_an_outage_that_only_what_stands_aside_meets_is_one() -> None:
    async def work() -> None:
        hall = Hall(Crm(failing(Response(status=503)), seconds=0.05), window=32)
        aside(hall, 200)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await hall.works(lambda: loop.time() - began > 3600)
        paused = metrics.REGISTRY.get_sample_value(
            "postkamer_destination_paused", {"destination": "crm"}
        )
        assert paused == 1
        assert len(hall.crm.asked) < 300, "one at a time, half a minute apart"

    run(work())


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 500])
def test_failing_replays_do_not_delay_new_messages(status: int) -> None:
    async def work() -> None:
        hall = Hall(Crm(failing(Response(status=status)), seconds=0.05), window=32)
        hall.book.again = [ReplayJob(of(n, f"again {n}"), 1) for n in range(1, 51)]
        assert await after(hall, Writers(hall, every=2), 600) <= 5

    run(work())
