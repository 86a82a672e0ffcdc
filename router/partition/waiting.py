"""Events on their way to the destinations: into their queues, or in line until those take them.

Once something of a partition waits for a destination, everything later waits behind it, so a
conversation stays in order. A queue that is full or gone stops neither its partition nor another
destination.

Rows leave the table only after their event is confirmed. Each router therefore publishes from the
front: one that lost the partition may repeat events that its successor publishes too, but never
publishes a later event before an earlier one. A deliverer skips what it has settled.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

import msgspec
import structlog

from router.handlers.batch import ITEMS, split_by_size
from router.store.waiting import LineEnd, WaitingEvent, WaitingTable
from services import clock, metrics
from services.amqp import topology
from services.amqp.connection import FIRST_WAIT, LONGEST_WAIT
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import (
    UNATTENDED_SECONDS,
    Publisher,
    PublishUnconfirmed,
    publish_until_confirmed,
)
from services.backoff import Backoff
from services.contract import Delivery, DeliveryBatch
from services.postgres.database import retry_while_unavailable

WAITING_BYTES = 20 * topology.GIGABYTE
"""Limit of what waits for one destination in one partition. It is that of the archive's queue, 72
hours of the sized peak. At the limit the router waits, as it would lose events otherwise."""
UNCONFIRMED_ATTEMPTS = 3
"""Publishes without a confirm after which events are put in line: half a minute. A new leader of
the queue is elected within one."""
WAKE_SECONDS = 60.0
"""Interval of waking the holder of a partition in which something waits and no message comes."""
OVERHEAD = 240
"""Bytes of an event beside its contents."""

BEHIND = "earlier events wait"

GAUGES = (metrics.waiting, metrics.waiting_bytes, metrics.waiting_seconds)

log = structlog.get_logger()


class LineState(msgspec.Struct, frozen=True):
    """Events that wait for one destination, their bytes, and since when the first one waits. An
    event that was redelivered leaves a gap behind it, which counts until the gap is first."""

    events: int = 0
    bytes: int = 0
    since: datetime | None = None


def measure_line(first: WaitingEvent, end: LineEnd) -> LineState:
    """Return the state of a line from its first event and its end."""
    return LineState(end.n - first.n + 1, end.total - first.total + first.size, first.at)


def has_room(state: LineState, size: int, limit: int) -> bool:
    """Return whether `size` more bytes fit in a line; an empty one takes anything."""
    return state.events == 0 or state.bytes + size <= limit


class _Line:
    """One destination while a router holds the partition.

    While `is_waiting`, only the drain publishes to the destination. Both it and the partition
    change that under `changed`, so nothing overtakes the last event in line.
    """

    def __init__(self, destination: str, end: LineEnd) -> None:
        self.destination, self.end = destination, end
        self.state, self.is_waiting = LineState(), False
        self.removed = 0
        """Place of the last event that was removed."""
        self.changed = asyncio.Condition()


class DestinationLines:
    """Delivers the events of one partition while this router holds it."""

    def __init__(
        self,
        partition: int,
        epoch: int,
        table: WaitingTable,
        publisher: Publisher,
        is_lost: Callable[[], bool],
        limit: int = WAITING_BYTES,
    ) -> None:
        self._partition, self._epoch = partition, epoch
        self._table, self._publisher, self._is_lost = table, publisher, is_lost
        self._limit = limit
        self._lines: dict[str, _Line] = {}
        self._begun: asyncio.Queue[_Line] = asyncio.Queue()

    async def deliver(self, destination: str, events: Sequence[Delivery]) -> None:
        """Return once the queue or the table has all events, in order."""
        line = self._line(destination)
        for chunk in split_by_size(events, lambda event: len(event.data) + OVERHEAD):
            async with line.changed:
                refusal = BEHIND
                if not line.is_waiting:
                    refusal = await self._publish(line, chunk, UNCONFIRMED_ATTEMPTS)
                if refusal:
                    await self._append(line, chunk)
                    if not line.is_waiting:
                        self._begin(line, refusal)

    async def find_waiting(self) -> None:
        """Find the lines that an earlier holder of the partition left; call this first."""
        load = partial(self._table.lines, self._partition)
        for destination, end in (await retry_while_unavailable(load, "waiting")).items():
            line = self._lines[destination] = _Line(destination, end)
            await self._head(line, 1)
            self._begin(line, BEHIND)

    async def drain(self) -> None:
        """Publish what waits, each destination apart, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    group.create_task(self._drain_line(await self._begun.get()))
        finally:
            for line in self._lines.values():
                for gauge in GAUGES:
                    gauge.remove(line.destination, str(self._partition))

    def _line(self, destination: str) -> _Line:
        if destination not in self._lines:
            # Places of a new line are higher than those of any holder before: one of them that
            # stood still may yet remove what it published.
            self._lines[destination] = _Line(destination, LineEnd(n=self._epoch << 32))
            self._show(self._lines[destination], LineState())
        return self._lines[destination]

    def _begin(self, line: _Line, reason: str) -> None:
        line.is_waiting = True
        self._begun.put_nowait(line)
        log.warning("waiting.began", **self._names(line), reason=reason)

    async def _publish(self, line: _Line, events: list[Delivery], attempts: int) -> str:
        """Return '' once the queue has the events, or the reason why it does not take them."""
        try:
            await publish_until_confirmed(
                self._publisher,
                topology.destination_queue(line.destination),
                DeliveryBatch(destination=line.destination, deliveries=events),
                may_stop=self._is_lost,
                attempts=attempts,
            )
        except PublishUnconfirmed as error:
            if self._is_lost():
                raise
            return error.reason
        return ""

    async def _append(self, line: _Line, events: list[Delivery]) -> None:
        """Put events at the end of a line, once there is room for them."""
        size = sum(len(event.data) + OVERHEAD for event in events)
        if not has_room(line.state, size, self._limit):
            log.error("waiting.full", **self._names(line), size=line.state.bytes)
            await line.changed.wait_for(lambda: has_room(line.state, size, self._limit))
        append = partial(
            self._table.append, self._partition, self._epoch, line.destination, line.end, events
        )
        before, line.end = line.end, await retry_while_unavailable(append, "waiting")
        added = line.state.events + len(events), line.state.bytes + line.end.total - before.total
        self._show(line, LineState(*added, line.state.since or clock.now()))

    async def _drain_line(self, line: _Line) -> None:
        """Publish from the front until nothing waits. While the queue refuses, one event is tried:
        it costs less than a full message, which would be refused as well."""
        backoff, count = Backoff(FIRST_WAIT, LONGEST_WAIT, random.random), ITEMS
        while head := await self._head(line, count) or await self._end(line):
            if await self._publish(line, [each.event for each in head], 1):
                count = 1
                await asyncio.sleep(backoff.next_delay())
            else:
                places = [each.n for each in head]
                remove = partial(self._table.remove, self._partition, line.destination, places)
                await retry_while_unavailable(remove, "waiting")
                line.removed, count = places[-1], ITEMS
                backoff.reset()
        log.info("waiting.ended", **self._names(line))

    async def _head(self, line: _Line, count: int) -> list[WaitingEvent]:
        """Return the first events in line, as many as one message holds."""
        load = partial(self._table.head, self._partition, line.destination, line.removed, count)
        events = await retry_while_unavailable(load, "waiting")
        if not events:
            return []
        async with line.changed:
            self._show(line, measure_line(events[0], line.end))
            line.changed.notify_all()
        return next(split_by_size(events, lambda each: each.size))

    async def _end(self, line: _Line) -> list[WaitingEvent]:
        """End a line in which nothing waits any more; return the first event if one came after
        all."""
        load = partial(self._table.head, self._partition, line.destination, line.removed, 1)
        async with line.changed:
            events = await retry_while_unavailable(load, "waiting")
            if not events:
                line.is_waiting = False
                self._show(line, LineState())
                line.changed.notify_all()
        return events

    def _show(self, line: _Line, state: LineState) -> None:
        line.state = state
        age = (clock.now() - state.since).total_seconds() if state.since else 0.0
        for gauge, value in zip(GAUGES, (state.events, state.bytes, max(0.0, age)), strict=True):
            gauge.labels(line.destination, str(self._partition)).set(value)

    def _names(self, line: _Line) -> dict[str, object]:
        return {"partition": self._partition, "destination": line.destination}


async def wake_holder(partition: int, table: WaitingTable, publisher: PartitionPublisher) -> None:
    """Wake the holder of a partition while something waits in it, until cancelled.

    A router knows that it holds a partition by the first message. After a restart at night none may
    come for hours, so each router on the queue sends one without entries.
    """
    while True:
        is_empty = await retry_while_unavailable(partial(table.is_empty, partition), "waiting")
        if not is_empty:
            # Without a confirm it is sent again; a queue that is full needs none.
            with suppress(PublishUnconfirmed):
                await publisher.publish(partition, [], UNATTENDED_SECONDS)
        await asyncio.sleep(WAKE_SECONDS)
