"""A message that a destination always fails on, among others that it takes; the clock jumps."""

import asyncio
from itertools import count, pairwise

import pytest

from deliverer.crm.breaker import MAX_IN_A_ROW, SIDELINE_WAITS
from deliverer.crm.session import POLL_SECONDS
from deliverer.transport.response import Response
from services import metrics
from services.contract import Delivery
from tests.support.deliverer.delivery_harness import OK, Crm, Hall, of
from tests.support.virtual_clock import run

POISON, AFTER = 1, 2
"""The one, and what follows it in its conversation."""


def steady(hall: Hall) -> "asyncio.Task[None]":
    """A message of somebody else's every second."""
    numbers = count(100)

    async def write() -> None:
        while True:
            n = next(numbers)
            hall.receives(of(n, f"citizen {n}"))
            await asyncio.sleep(1)

    return asyncio.create_task(write())


def metric(name: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(f"postkamer_{name}", {"destination": "crm"})


def of_poison(hall: Hall) -> list[float]:
    return [at for at, number in hall.crm.asked if number == POISON]


async def poisoned(hall: Hall) -> None:
    hall.receives(of(POISON, "a"), of(AFTER, "a"))
    others = steady(hall)
    await hall.works(lambda: AFTER in hall.crm.numbers and not metric("destination_aside"))
    others.cancel()


@pytest.mark.slow
def test_poison_message_is_parked_after_a_quarter_of_an_hour() -> None:
    async def work() -> None:
        hall = Hall(Crm(lambda n: Response(status=500) if n == POISON else OK, seconds=0.05))
        await poisoned(hall)
        gaps = [later - earlier for earlier, later in pairwise(of_poison(hall))]
        # At first it is taken for a failure of the destination, and is a probe of it.
        waits = zip(gaps[-len(SIDELINE_WAITS) :], SIDELINE_WAITS, strict=True)
        late = POLL_SECONDS + 0.1  # until the table is looked at, and the attempt before it
        assert all(wait <= gap < wait + late for gap, wait in waits)
        assert sum(gaps[: -len(SIDELINE_WAITS)]) < 10
        [parked] = [s for s in hall.book.settled if s.state == "parked"]
        assert parked.message and parked.message.int == POISON
        assert parked.attempts == len(gaps) + 1
        assert "took what came between" in parked.reason
        assert hall.crm.numbers.index(AFTER) > max(
            place for place, n in enumerate(hall.crm.numbers) if n == POISON
        )

    run(work())


@pytest.mark.slow
def test_poison_message_delays_other_conversations_by_seconds_at_most() -> None:
    async def work() -> None:
        hall = Hall(Crm(lambda n: Response(status=500) if n == POISON else OK, seconds=0.05))
        began = asyncio.get_running_loop().time()
        await poisoned(hall)
        late = [at - began - (number - 100) for at, number in hall.crm.asked if number >= 100]
        assert max(late) < 5
        assert metric("destination_paused") == 0

    run(work())


@pytest.mark.slow
def test_poison_message_delays_no_others_when_its_citizen_writes_on() -> None:
    """Each envelope of theirs would take a place from others, if it were kept in hand."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        mended = loop.time() + 600
        broken = Response(status=500)
        crm = Crm(lambda n: broken if n == POISON and loop.time() < mended else OK, seconds=0.05)
        hall = Hall(crm)
        others = steady(hall)
        for n in range(50):  # three times as many envelopes as are in hand
            hall.receives(of(POISON + n, "a"))
        began = loop.time()
        await hall.works(lambda: POISON + 49 in crm.numbers)
        others.cancel()
        late = [at - began - (number - 100) for at, number in crm.asked if number >= 100]
        assert max(late) < 5 and len(late) > 400
        theirs = [n for n in crm.numbers if n < 100]
        assert list(dict.fromkeys(theirs)) == [POISON + n for n in range(50)]
        assert all(theirs.count(n) == 1 for n in range(2, 51))
        settled = [s for s in hall.book.settled if s.conversation == "a"]
        assert len(settled) == 50 and {s.state for s in settled} == {"settled"}
        assert len(hall.channel.acked) == hall.tags

    run(work())


@pytest.mark.slow
def test_a_message_that_a_firewall_refuses_stops_nobody_either() -> None:
    async def work() -> None:
        refused = Response(status=403)
        hall = Hall(Crm(lambda n: refused if n == POISON else OK, seconds=0.05))
        began = asyncio.get_running_loop().time()
        await poisoned(hall)
        late = [at - began - (number - 100) for at, number in hall.crm.asked if number >= 100]
        assert max(late) < 5
        [parked] = [s for s in hall.book.settled if s.state == "parked"]
        assert parked.message and parked.message.int == POISON

    run(work())


@pytest.mark.slow
def test_sidelined_conversation_stays_sidelined_after_a_restart() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        hall = Hall(Crm(lambda n: Response(status=500) if n == POISON else OK, seconds=0.05))
        hall.receives(of(POISON, "a"), of(AFTER, "a"))
        others = steady(hall)
        stopped = loop.time() + 300
        await hall.works(lambda: loop.time() > stopped)
        tries, before = len(of_poison(hall)), hall.channel
        assert metric("destination_aside") == 1 and AFTER not in hall.crm.numbers
        hall.opens()
        assert before is not hall.channel
        hall.receives(of(AFTER + 1, "a"))
        await hall.works(lambda: AFTER + 1 in hall.crm.numbers)
        others.cancel()
        again = of_poison(hall)[tries:]
        assert again[0] - stopped < 120 + SIDELINE_WAITS[-1] and len(again) <= 3
        assert [n for n in hall.crm.numbers if n < 100][-2:] == [AFTER, AFTER + 1]
        [parked] = [s for s in hall.book.settled if s.state == "parked"]
        assert parked.message and parked.message.int == POISON

    run(work())


@pytest.mark.slow
def test_sidelined_conversations_are_counted_in_a_metric() -> None:
    async def work() -> None:
        hall = Hall(Crm(lambda n: Response(status=500) if n == POISON else OK, seconds=0.05))
        task = asyncio.create_task(poisoned(hall))
        await asyncio.sleep(60)
        assert metric("destination_aside") == 1
        await task
        assert metric("destination_aside") == 0

    run(work())


def test_sidelined_conversation_continues_in_order_when_its_message_passes() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        mended = loop.time() + 100
        broken = Response(status=500)
        crm = Crm(lambda n: broken if n == POISON and loop.time() < mended else OK, seconds=0.05)
        hall = Hall(crm)
        await poisoned(hall)
        assert {s.state for s in hall.book.settled} == {"settled"}
        assert AFTER in crm.numbers and crm.numbers.count(AFTER) == 1

    run(work())


@pytest.mark.slow
def test_no_message_is_parked_while_the_destination_is_away() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        back = loop.time() + 3600
        hall = Hall(Crm(lambda _: OK if loop.time() > back else Response(status=500), seconds=0.05))
        hall.receives(*(of(n, f"citizen {n % 40}") for n in range(200)))
        await hall.works(lambda: hall.channel.acked == [1])
        assert {s.state for s in hall.book.settled} == {"settled"}
        assert max(at for at, _ in hall.crm.asked) < back + 60

    run(work())


def test_destination_pauses_after_ten_refused_messages_in_a_row() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        mended = loop.time() + 600
        refused = Response(status=422)
        hall = Hall(Crm(lambda _: OK if loop.time() > mended else refused, seconds=0.05), window=1)
        hall.receives(*(of(n, f"citizen {n}") for n in range(100)))
        await hall.works(lambda: hall.channel.acked == [1])
        states = [s.state for s in hall.book.settled]
        assert states == ["parked"] * MAX_IN_A_ROW + ["settled"] * (100 - MAX_IN_A_ROW)

    run(work())


def test_destination_does_not_pause_when_one_message_in_ten_is_refused() -> None:
    async def work() -> None:
        hall = Hall(Crm(lambda n: Response(status=400) if n % 10 == 0 else OK, seconds=0.05))
        given: list[Delivery] = [of(n, f"citizen {n % 17}") for n in range(200)]
        hall.receives(*given)
        await hall.works(lambda: hall.channel.acked == [1])
        parked = [s for s in hall.book.settled if s.state == "parked"]
        assert len(parked) == 20 and len(hall.crm.asked) == 200

    run(work())
