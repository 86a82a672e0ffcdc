"""Events on their way to destinations that refuse them, on a virtual clock."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.partition.waiting import (
    UNCONFIRMED_ATTEMPTS,
    DestinationLines,
    LineState,
    has_room,
    measure_line,
    wake_holder,
)
from router.store.waiting import LineEnd, WaitingEvent
from services import event_types
from services.amqp.connection import BLOCKED
from services.amqp.publisher import PublishUnconfirmed
from services.contract import Delivery, DeliveryBatch
from services.tasks import background_task
from tests.support.router.names import at, id_of
from tests.support.virtual_clock import on_virtual_clock, run

FULL = PublishUnconfirmed("the queue is full", rejected=True)
LOST = PublishUnconfirmed("the channel was lost", rejected=False)
STOPPED = PublishUnconfirmed(BLOCKED, rejected=True)
ROUNDS = 1000
SIZE = 242
"""Bytes of an event of these tests, as the lines count them."""


def event(sequence: int) -> Delivery:
    return Delivery(
        id=id_of("event", sequence),
        type=event_types.RECEIVED,
        tenant="almelo",
        conversation="c",
        department="kcc",
        sequence=sequence,
        time=at(sequence),
        received_at=at(sequence),
        data=b"{}",
    )


class Table:
    """The rows of one partition. Statements take a moment, as the database's do."""

    def __init__(self) -> None:
        self.rows: dict[str, list[WaitingEvent]] = {}
        self.largest = 0

    async def is_empty(self, partition: int) -> bool:
        return not await self.lines(partition)

    async def lines(self, partition: int) -> dict[str, LineEnd]:
        await asyncio.sleep(0.001)
        return {
            name: LineEnd(rows[-1].n, rows[-1].total) for name, rows in self.rows.items() if rows
        }

    async def append(
        self, partition: int, epoch: int, destination: str, end: LineEnd, events: list[Delivery]
    ) -> LineEnd:
        await asyncio.sleep(0.001)
        rows = self.rows.setdefault(destination, [])
        assert not rows or end.n >= rows[-1].n, "its place is taken"
        for each in events:
            end = LineEnd(end.n + 1, end.total + SIZE)
            if each.id not in {row.event.id for row in rows}:
                rows.append(WaitingEvent(each, end.n, SIZE, end.total, at(0)))
        self.largest = max(self.largest, len(rows))
        return end

    async def head(
        self, partition: int, destination: str, after: int, count: int
    ) -> list[WaitingEvent]:
        await asyncio.sleep(0.001)
        return [row for row in self.rows.get(destination, []) if row.n > after][:count]

    async def remove(self, partition: int, destination: str, places: list[int]) -> None:
        await asyncio.sleep(0.001)
        self.rows[destination] = [row for row in self.rows[destination] if row.n not in places]


class Queue:
    """Queues that take or refuse what is published, as scripted; in the end they take it."""

    def __init__(self, *script: PublishUnconfirmed | None) -> None:
        self.script = list(script)
        self.published: list[int] = []
        self.tried = 0

    async def publish(self, key: str, batch: DeliveryBatch, seconds: float) -> None:
        self.tried += 1
        await asyncio.sleep(0.002)
        if refusal := self.script.pop(0) if self.script else None:
            if not refusal.rejected:  # it may have arrived all the same
                self.published += [each.sequence for each in batch.deliveries]
            raise refusal
        self.published += [each.sequence for each in batch.deliveries]

    async def wait_until_unblocked(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def lines_of(table: Any, queue: Any, **limit: int) -> DestinationLines:
    return DestinationLines(0, 1, table, queue, lambda: False, **limit)


async def drained(table: Table) -> None:
    for _ in range(ROUNDS):
        if await table.is_empty(0):
            return
        await asyncio.sleep(1)
    raise AssertionError("something waits for ever")


@pytest.mark.parametrize(
    ("events", "size", "limit", "fits"),
    [(0, 9, 5, True), (1, 2, 5, True), (1, 3, 5, False), (1, 0, 3, True)],
)
def test_line_takes_anything_when_empty_and_no_more_than_its_limit(
    events: int, size: int, limit: int, fits: bool
) -> None:
    assert has_room(LineState(events, 3 * events), size, limit) is fits


def test_line_is_measured_by_its_first_event_and_its_end() -> None:
    first = WaitingEvent(event(1), n=7, size=10, total=110, at=at(3))
    assert measure_line(first, LineEnd(7, 110)) == LineState(1, 10, at(3))
    assert measure_line(first, LineEnd(9, 150)) == LineState(3, 50, at(3))


@pytest.mark.parametrize(
    ("script", "tried", "waits"),
    [
        ([FULL], 1, True),
        ([LOST] * UNCONFIRMED_ATTEMPTS, UNCONFIRMED_ATTEMPTS, True),
        ([LOST] * (UNCONFIRMED_ATTEMPTS - 1), UNCONFIRMED_ATTEMPTS, False),
        ([LOST, FULL], 2, True),
        ([STOPPED] * 9, 10, False),  # everything waits for a blocked broker
        ([], 1, False),
    ],
)
@on_virtual_clock
async def test_event_waits_after_a_refusal_or_some_publishes_without_a_confirm(
    script: list[PublishUnconfirmed], tried: int, waits: bool
) -> None:
    table, queue = Table(), Queue(*script)
    await lines_of(table, queue).deliver("crm", [event(1)])
    assert (queue.tried, not await table.is_empty(0)) == (tried, waits)


@on_virtual_clock
async def test_line_at_its_limit_holds_the_router_until_it_drains() -> None:
    table, queue = Table(), Queue(*[FULL] * 30)
    lines = lines_of(table, queue, limit=5 * SIZE)
    async with background_task(lines.drain()):
        for n in range(1, 40):
            await lines.deliver("crm", [event(n)])
        await drained(table)
    assert table.largest == 5
    assert queue.published == list(range(1, 40))


@on_virtual_clock
async def test_drain_that_breaks_ends_its_task_with_the_error() -> None:
    class BrokenTable(Table):
        async def head(self, *arguments: object) -> list[WaitingEvent]:
            raise ValueError("a row that cannot be read")

    lines = lines_of(BrokenTable(), Queue(FULL))
    async with background_task(lines.drain()) as draining:
        await lines.deliver("crm", [event(1)])
        await asyncio.wait([draining], timeout=60)
        assert draining.done()
    assert isinstance(draining.exception(), ExceptionGroup)


class Wakes:
    def __init__(self) -> None:
        self.sent = 0

    async def publish(self, partition: int, entries: list[Any], seconds: float) -> None:
        self.sent += 1
        if self.sent == 1:
            raise LOST


@on_virtual_clock
async def test_holder_is_woken_only_while_something_waits() -> None:
    table: Any = Table()
    wakes: Any = Wakes()
    async with background_task(wake_holder(0, table, wakes)) as waking:
        await asyncio.sleep(timedelta(hours=1).total_seconds())
        assert wakes.sent == 0
        table.rows["crm"] = [WaitingEvent(event(1), 1, SIZE, SIZE, at(0))]
        await asyncio.sleep(timedelta(minutes=3).total_seconds())
        assert wakes.sent == 3
        assert not waking.done()


ANSWERS = st.lists(st.sampled_from([FULL, LOST, STOPPED, None]), max_size=30)
BATCHES = st.lists(
    st.tuples(st.integers(1, 4), st.booleans(), st.integers(0, 3)), min_size=1, max_size=12
)
"""Events of a batch, whether the router dies before it acknowledges, and seconds until the next."""


@given(ANSWERS, BATCHES)
def test_events_come_in_order_and_completely_whenever_queues_refuse_and_routers_die(
    script: list[PublishUnconfirmed | None], batches: list[tuple[int, bool, int]]
) -> None:
    table, queue = Table(), Queue(*script)

    async def hold(todo: list[list[Delivery]], deaths: list[bool], pauses: list[int]) -> None:
        """Deliver until the death of a router; the next begins with the batch in its hand."""
        lines = lines_of(table, queue)
        await lines.find_waiting()
        async with background_task(lines.drain()) as draining:
            while todo:
                await lines.deliver("crm", todo[0])
                if deaths.pop(0):
                    deaths.insert(0, False)
                    return
                await asyncio.sleep(pauses.pop(0) / 10)
                del todo[0]
            await drained(table)
            assert not draining.done()

    async def live() -> None:
        numbers = iter(range(1, 100))
        todo = [[event(next(numbers)) for _ in range(count)] for count, _, _ in batches]
        deaths, pauses = [dies for _, dies, _ in batches], [pause for *_, pause in batches]
        while todo:
            await hold(todo, deaths, pauses)

    run(live())
    total = sum(count for count, _, _ in batches)
    assert list(dict.fromkeys(queue.published)) == list(range(1, total + 1))
