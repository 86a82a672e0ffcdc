"""A message that a destination always fails on, among others that it takes."""

import asyncio
from itertools import pairwise

import pytest

from deliverer.crm.breaker import SIDELINE_WAITS
from deliverer.crm.session import POLL_SECONDS
from deliverer.transport.response import Response
from tests.support.deliverer.delivery_harness import (
    WRITERS,
    Crm,
    Harness,
    fail_for,
    metric,
    now,
    of,
    writing,
)

POISON, AFTER = 1, 2
"""The poison message, and the next one of its conversation."""
FOREVER = 1e9


def poisoned(seconds: float = FOREVER, status: int = 500) -> Harness:
    """A CRM that fails so long on the poison message, and only on that."""
    return Harness(Crm(fail_for(seconds, Response(status=status), only=POISON), seconds=0.05))


def attempts_at_poison(harness: Harness) -> list[float]:
    return [at for at, number in harness.crm.asked if number == POISON]


async def deliver_both(harness: Harness) -> None:
    harness.receive(of(POISON, "a"), of(AFTER, "a"))
    await harness.run_until(
        lambda: AFTER in harness.crm.numbers and not metric("destination_aside")
    )


@pytest.mark.slow
@pytest.mark.parametrize("status", [500, 403])
async def test_poison_message_is_parked_after_15_minutes_and_delays_no_others(
    status: int,
) -> None:
    harness = poisoned(status=status)
    async with writing(harness) as writers:
        task = asyncio.create_task(deliver_both(harness))
        await asyncio.sleep(60)
        assert metric("destination_aside") == 1
        await task
        assert writers.longest_wait() < 5
    assert (metric("destination_paused"), metric("destination_aside")) == (0, 0)
    gaps = [later - earlier for earlier, later in pairwise(attempts_at_poison(harness))]
    # At first it is taken for a failure of the destination, and is a probe of it.
    waits = zip(gaps[-len(SIDELINE_WAITS) :], SIDELINE_WAITS, strict=True)
    late = POLL_SECONDS + 0.1  # until the table is looked at, and the attempt before it
    assert all(wait <= gap < wait + late for gap, wait in waits)
    assert sum(gaps[: -len(SIDELINE_WAITS)]) < 10
    [parked] = harness.settled("parked")
    assert parked.message and parked.message.int == POISON
    assert parked.attempts == len(gaps) + 1
    assert "took what came between" in parked.reason
    assert POISON not in harness.crm.numbers[harness.crm.numbers.index(AFTER) :]


@pytest.mark.slow
async def test_poison_message_delays_no_others_when_its_citizen_writes_on() -> None:
    """Each envelope of theirs would take a place from others, if it were kept in hand."""
    harness = poisoned(600)
    async with writing(harness) as writers:
        for n in range(50):  # three times as many envelopes as are in hand
            harness.receive(of(POISON + n, "a"))
        await harness.run_until(lambda: POISON + 49 in harness.crm.numbers)
        assert writers.longest_wait() < 5 and len(writers.wrote) > 400
    theirs = [n for n in harness.crm.numbers if n < WRITERS]
    assert list(dict.fromkeys(theirs)) == [POISON + n for n in range(50)]
    assert all(theirs.count(n) == 1 for n in range(2, 51))
    settled = [s.state for s in harness.tables.settled if s.conversation == "a"]
    assert settled == ["settled"] * 50
    assert len(harness.channel.acked) == harness.tags


@pytest.mark.slow
async def test_sidelined_conversation_stays_sidelined_after_a_restart() -> None:
    harness = poisoned()
    async with writing(harness):
        harness.receive(of(POISON, "a"), of(AFTER, "a"))
        await harness.run_for(300)
        tries, stopped = len(attempts_at_poison(harness)), now()
        assert metric("destination_aside") == 1 and AFTER not in harness.crm.numbers
        harness.open_channel()
        harness.receive(of(AFTER + 1, "a"))
        await harness.run_until(lambda: AFTER + 1 in harness.crm.numbers)
    again = attempts_at_poison(harness)[tries:]
    assert again[0] - stopped < 120 + SIDELINE_WAITS[-1] and len(again) <= 3
    assert [n for n in harness.crm.numbers if n < WRITERS][-2:] == [AFTER, AFTER + 1]
    [parked] = harness.settled("parked")
    assert parked.message and parked.message.int == POISON
