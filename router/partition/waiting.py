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
from functools import partial

import structlog

from router.handlers.batch import BYTES, ITEMS, split_by_size
from router.store.waiting import LineHead, LineState, WaitingTable
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
OVERHEAD = 200
"""Bytes of an event beside its contents."""

BEHIND = "earlier events wait"

GAUGES = (metrics.waiting, metrics.waiting_bytes, metrics.waiting_seconds)

log = structlog.get_logger()


def has_room(state: LineState, size: int, limit: int) -> bool:
    """Return whether `size` more bytes fit in a line; an empty one takes anything."""
    return state.events == 0 or state.bytes + size <= limit


class _Line:
    """One destination while a router holds the partition.

    While `is_waiting`, only the drain publishes to the destination. Both it and the partition
    change that under `changed`, so nothing overtakes the last event in line.
    """

    def __init__(self, destination: str) -> None:
        self.destination = destination
        self.state, self.is_waiting = LineState(), False
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
        for destination, state in (await retry_while_unavailable(load, "waiting")).items():
            line = self._line(destination)
            self._show(line, state)
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
            self._lines[destination] = _Line(destination)
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
        append = partial(self._table.append, self._partition, self._epoch, line.destination, events)
        self._show(line, line.state + await retry_while_unavailable(append, "waiting"))

    async def _drain_line(self, line: _Line) -> None:
        backoff = Backoff(FIRST_WAIT, LONGEST_WAIT, random.random)
        while (head := await self._head(line)).events:
            if await self._publish(line, head.events, 1):
                await asyncio.sleep(backoff.next_delay())
            else:
                remove = partial(self._table.remove, self._partition, line.destination, head.last)
                await retry_while_unavailable(remove, "waiting")
                backoff.reset()
        log.info("waiting.ended", **self._names(line))

    async def _head(self, line: _Line) -> LineHead:
        """Return the first events in line; without any, the line ends in the same moment."""
        load = partial(self._table.head, self._partition, line.destination, ITEMS, BYTES)
        async with line.changed:
            head = await retry_while_unavailable(load, "waiting")
            line.is_waiting = bool(head.events)
            self._show(line, head.state)
            line.changed.notify_all()
        return head

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
