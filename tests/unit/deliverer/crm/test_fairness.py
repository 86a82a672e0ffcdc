"""Failing, hanging and repeated deliveries hardly delay those that would be taken."""

from typing import Any

import msgspec
import pytest

from deliverer.crm.lanes import Job
from deliverer.crm.replays import ReplayJob
from deliverer.crm.response_policy import FIRST_RETRY_AFTER, LONGEST_WAIT
from deliverer.crm.scheduler import BATCHES
from deliverer.transport.response import Response
from tests.support.deliverer.delivery_harness import (
    OK,
    WRITERS,
    Crm,
    Harness,
    metric,
    now,
    of,
    writing,
)

ERROR = Response(status=500)


def failing(answer: Response, window: int = 4) -> Harness:
    """A CRM that fails on everything but what `writing` citizens write."""
    return Harness(Crm(lambda n: OK if n >= WRITERS else answer, seconds=0.05), window)


async def longest_wait(harness: Harness, seconds: float, every: float, first: float = 0.0) -> float:
    async with writing(harness, every, first) as writers:
        await harness.run_for(seconds)
        return writers.longest_wait()


def put_aside(harness: Harness, count: int) -> None:
    for n in range(1, count + 1):
        one = of(n, f"aside {n}")
        harness.tables.aside[one.id] = (0.0, n, Job(one, None, failures=2))


async def test_message_that_asks_for_an_hour_delays_others_by_a_minute() -> None:
    harness = failing(Response(status=503, retry_after=3600.0))
    harness.receive(of(1, "a"))
    assert await longest_wait(harness, 900, every=10, first=10) <= FIRST_RETRY_AFTER + 1


@pytest.mark.slow
@pytest.mark.parametrize(("count", "most"), [(10, LONGEST_WAIT), (20, 300.0), (40, 900.0)])
async def test_many_failing_conversations_delay_others_by_minutes_at_most(
    count: int, most: float
) -> None:
    harness = failing(ERROR)
    for n in range(1, count + 1):
        harness.receive(of(n, f"failing {n}"))
    assert await longest_wait(harness, 1800, every=5) <= most
    assert BATCHES < 20


@pytest.mark.slow
async def test_failing_message_is_parked_when_other_citizens_seldom_write() -> None:
    harness = Harness(Crm(lambda n: ERROR if n == 1 else OK, seconds=0.05))
    harness.receive(of(1, "a"), of(2, "a"))
    end = now() + 6 * 3600

    def states() -> list[str]:
        return [s.state for s in harness.tables.settled if s.conversation == "a"]

    async with writing(harness, every=60):
        await harness.run_until(lambda: len(states()) == 2 or now() > end)
    assert states() == ["parked", "settled"]


@pytest.mark.slow
@pytest.mark.parametrize("many", [20, 200])
async def test_hanging_sidelined_messages_leave_most_of_the_window_to_others(many: int) -> None:
    harness = failing(Response(failure="timeout"), window=32)

    class Hanging:
        async def post(self, url: str, body: bytes, headers: Any) -> Response:
            number = int(msgspec.json.decode(body)["sequence"])
            harness.crm.seconds = 0.05 if number >= WRITERS else 15.0
            return await harness.crm.post(url, body, headers)

    harness.post_through(Hanging())
    put_aside(harness, many)
    assert await longest_wait(harness, 900, every=1) <= 16


@pytest.mark.slow
async def test_outage_that_only_sidelined_messages_meet_pauses_the_destination() -> None:
    harness = failing(Response(status=503), window=32)
    put_aside(harness, 200)
    await harness.run_for(3600)
    assert metric("destination_paused") == 1
    assert len(harness.crm.asked) < 300, "one at a time, half a minute apart"


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 500])
async def test_failing_replays_do_not_delay_new_messages(status: int) -> None:
    harness = failing(Response(status=status), window=32)
    harness.tables.replays = [ReplayJob(of(n, f"again {n}"), 1) for n in range(1, 51)]
    assert await longest_wait(harness, 300, every=2) <= 5
