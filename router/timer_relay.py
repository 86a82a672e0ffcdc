"""Time-outs come back: what is due is told to the partition of its number, and decided there.

Its row stays until it is decided. The partitions never wait for this, and this may wait.
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

LOOK_SECONDS = 1.0
"""Between two looks: the shortest wait that can be configured (a burst's) is as long."""
MOST = 256
"""Time-outs told at once: 64 KiB."""
CONFIRM_SECONDS = 5.0
REST_SECONDS = 10.0
"""For a number whose partition took nothing in: meanwhile those of others are told."""

log = structlog.get_logger()


class TimerRelay:
    def __init__(self, store: Store, partitions: PartitionPublisher) -> None:
        self._store, self._partitions = store, partitions
        self._resting: dict[str, float] = {}
        """Number -> until when, on the loop's clock."""

    async def run(self) -> None:
        """For as long as the service runs. Cut off, it leaves what it told to be told again."""
        while True:
            told = await retry_while_unavailable(self.publish_due, "time-outs")
            if told < MOST:
                await asyncio.sleep(LOOK_SECONDS)

    async def publish_due(self) -> int:
        """Tell what is due; how many time-outs were told."""
        now = clock.now()
        due, held = await self._store.due_since(), await self._store.held_since()
        metrics.timeouts_late_seconds.set(_seconds(due, now))
        metrics.held_seconds.set(_seconds(held, now))
        return await self._store.publish_due_timers(
            now, MOST, self._suspended_numbers(), self._publish
        )

    def _suspended_numbers(self) -> list[str]:
        """The numbers that rest still."""
        time = asyncio.get_running_loop().time()
        self._resting = {n: until for n, until in self._resting.items() if until > time}
        return list(self._resting)

    async def _publish(self, due: list[Timeout]) -> list[UUID]:
        grouped = self._by_partition(due)
        told = await asyncio.gather(*(self._publish_to(n, each) for n, each in grouped.items()))
        return [id for ids in told for id in ids]

    async def _publish_to(self, partition: int, due: list[Timeout]) -> list[UUID]:
        """Those that a quorum holds: all, or none."""
        try:
            await self._partitions.publish(partition, list(due), CONFIRM_SECONDS)
        except PublishUnconfirmed as error:
            log.warning("timeouts.untold", partition=partition, reason=error.reason)
            rests = asyncio.get_running_loop().time() + REST_SECONDS
            self._resting |= {each.number: rests for each in due}
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
