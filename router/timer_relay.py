"""Publishing due timers to the partitions of their numbers, which decide them.

The row of a timer stays until it is decided. The partitions never wait for the relay.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import structlog

from router.store.store import Store
from services import clock, metrics
from services.amqp import topology
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import PublishUnconfirmed
from services.contract import Timeout
from services.postgres.database import retry_while_unavailable

POLL_SECONDS = 1.0
"""Interval of the poll: the shortest wait that can be configured (of a burst) is as long."""
MOST = 256
"""Timers published at once: 64 KiB."""
CONFIRM_SECONDS = 5.0
SUSPEND_SECONDS = 10.0
"""Pause for a number whose partition did not confirm; timers of other numbers go on."""

log = structlog.get_logger()


class TimerRelay:
    def __init__(self, store: Store, partitions: PartitionPublisher) -> None:
        self._store, self._partitions = store, partitions
        self._suspended: dict[str, float] = {}
        """Number -> end of its pause, on the loop's clock."""

    async def run(self) -> None:
        """Publish due timers for as long as the service runs.

        A run that is cut off leaves timers unmarked; these are published again.
        """
        while True:
            published = await retry_while_unavailable(self.publish_due, "time-outs")
            if published < MOST:
                await asyncio.sleep(POLL_SECONDS)

    async def publish_due(self) -> int:
        """Publish due timers; return how many."""
        now = clock.now()
        due, withheld = await self._store.due_since(), await self._store.withheld_since()
        metrics.timeouts_late_seconds.set(_seconds(due, now))
        metrics.held_seconds.set(_seconds(withheld, now))
        return await self._store.publish_due_timers(
            now, MOST, self._suspended_numbers(), self._publish
        )

    def _suspended_numbers(self) -> list[str]:
        time = asyncio.get_running_loop().time()
        self._suspended = {n: until for n, until in self._suspended.items() if until > time}
        return list(self._suspended)

    async def _publish(self, due: list[Timeout]) -> list[UUID]:
        grouped = self._by_partition(due)
        confirmed = await asyncio.gather(
            *(self._publish_to(n, timers) for n, timers in grouped.items())
        )
        return [id for ids in confirmed for id in ids]

    async def _publish_to(self, partition: int, due: list[Timeout]) -> list[UUID]:
        """Publish the timers of one partition; return the ids if confirmed, else none."""
        try:
            await self._partitions.publish(partition, list(due), CONFIRM_SECONDS)
        except PublishUnconfirmed as error:
            log.warning("timeouts.untold", partition=partition, reason=error.reason)
            until = asyncio.get_running_loop().time() + SUSPEND_SECONDS
            self._suspended |= {each.number: until for each in due}
            return []
        for each in due:
            metrics.timeouts.labels(kind=each.kind).inc()
        return [each.id for each in due]

    def _by_partition(self, due: Iterable[Timeout]) -> dict[int, list[Timeout]]:
        grouped: dict[int, list[Timeout]] = {}
        for each in due:
            partition = topology.partition_of(each.number, self._partitions.count)
            grouped.setdefault(partition, []).append(each)
        return grouped


def _seconds(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
