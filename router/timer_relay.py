"""Publishing due timers to the partitions of their numbers, which decide them.

The row of a timer stays until it is decided. The partitions never wait for the relay.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import structlog

from router.store.store import Store
from services import clock, metrics
from services.amqp import topology
from services.amqp.partition_publisher import PartitionPublisher
from services.contract import Timeout
from services.postgres.database import retry_while_unavailable
from services.postgres.outbox import Outbox, Relay, run_relay

POLL_SECONDS = 1.0
"""Interval of the poll: the shortest wait that can be configured (of a burst) is as long."""
CONFIRM_SECONDS = 5.0

log = structlog.get_logger()


class TimerRelay:
    def __init__(self, store: Store, partitions: PartitionPublisher) -> None:
        self._store, self._partitions = store, partitions
        outbox = Outbox("time-outs", self._fetch_due, store.mark_timers_published)
        self._relay = Relay(outbox, self._publish)

    async def run(self) -> None:
        """Publish due timers for as long as the service runs."""
        await run_relay(
            partial(retry_while_unavailable, self.publish_due, "time-outs"),
            partial(asyncio.sleep, POLL_SECONDS),
        )

    async def publish_due(self) -> int:
        """Publish due timers, unless another router does; return how many."""
        now = clock.now()
        due, withheld = await self._store.due_since(), await self._store.withheld_since()
        metrics.timeouts_late_seconds.set(_seconds(due, now))
        metrics.held_seconds.set(_seconds(withheld, now))
        if due is None or due > now:
            return 0
        async with self._store.timer_relay_lock() as is_locked:
            return await self._relay.publish_batch() if is_locked else 0

    async def _fetch_due(self, limit: int, suspended: Sequence[str]) -> list[Timeout]:
        return await self._store.due_timers(clock.now(), limit, suspended)

    async def _publish(self, due: Sequence[Timeout]) -> list[Timeout]:
        published = await self._partitions.publish_by_number(due, CONFIRM_SECONDS)
        for each in published:
            metrics.timeouts.labels(kind=each.kind).inc()
        if len(published) < len(due):
            count = self._partitions.count
            numbers = {each.number for each in due}.difference(each.number for each in published)
            for partition in {topology.partition_of(number, count) for number in numbers}:
                log.warning("timeouts.untold", partition=partition)
        return published


def _seconds(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
