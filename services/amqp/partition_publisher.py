"""Publishing to the partitions, in numbered batches: a missing number shows a lost batch."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from services import metrics
from services.amqp import topology
from services.amqp.connection import BrokerConnection
from services.amqp.publisher import UNATTENDED_SECONDS, Publisher, PublishUnconfirmed
from services.contract import (
    Command,
    ConversationDestroyed,
    Entry,
    MediaOutcome,
    PartitionBatch,
    SendOutcome,
    Timeout,
)

NumberEntry = TypeVar(
    "NumberEntry", Command, SendOutcome, MediaOutcome, Timeout, ConversationDestroyed
)
"""Entry that names its number, and so its partition."""


class PartitionPublisher:
    """Publishes to every partition for one process, which `source` identifies."""

    def __init__(self, broker: BrokerConnection, source: UUID, count: int) -> None:
        self.count = count
        self._publisher = Publisher(broker, topology.PARTITIONS)
        self.source = source
        self._numbers: Counter[int] = Counter()

    @property
    def counts(self) -> Mapping[int, int]:
        """Partition -> number of batches that it has, each with a confirm."""
        return self._numbers

    async def publish(self, partition: int, entries: list[Entry], seconds: float) -> None:
        """Return once a quorum holds `entries`; raises PublishUnconfirmed otherwise.

        A number is reused until its batch is confirmed, so only a confirmed batch can leave a gap.
        """
        metrics.publish_batch_size.observe(len(entries))
        batch = PartitionBatch(source=self.source, number=self._numbers[partition], entries=entries)
        await self._publisher.publish(topology.partition_queue(partition), batch, seconds)
        self._numbers[partition] += 1

    async def publish_by_number(
        self, entries: Sequence[NumberEntry], seconds: float = UNATTENDED_SECONDS
    ) -> list[NumberEntry]:
        """Publish each entry to the partition of its number and return the confirmed entries.

        The caller publishes the others again later: one partition that does not confirm must not
        hold up the rest.
        """
        grouped: dict[int, list[NumberEntry]] = defaultdict(list)
        for entry in entries:
            grouped[topology.partition_of(entry.number, self.count)].append(entry)

        async def publish_group(partition: int, group: list[NumberEntry]) -> list[NumberEntry]:
            try:
                await self.publish(partition, list(group), seconds)
            except PublishUnconfirmed:
                return []
            return group

        published = await asyncio.gather(*(publish_group(*each) for each in grouped.items()))
        return [entry for group in published for entry in group]
