"""Hears everything that routers say, as the broker has it, beside those for whom it is meant: the
archive keeps an id once and a CRM is told an event once, so neither shows that a thing was said
twice, or differently.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from uuid import UUID

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from router.model.decision import Decision
from services import contract
from services.amqp import topology
from services.amqp.sealed_batch import open_batch
from services.config.loader import load
from services.contract import ArchiveBatch, Delivery, DeliveryBatch, PartitionBatch, Record, Timeout
from tests.support.installation import Installation
from tests.support.observer import until

CONFIGURATION = "configuration"
DELIVERED = "delivery"
"""Kind of the records of a deliverer; all others are a router's."""


BEHIND_SECONDS = 30.0
Kind = type[contract.Batch] | type[Timeout]


class Heard(msgspec.Struct, frozen=True):
    """Something that was said, and when, on the loop's clock."""

    what: Record | Delivery | Timeout
    at: float


class Witness:
    def __init__(self, channel: AbstractChannel, beside: list[topology.Queue]) -> None:
        self._channel, self._beside = channel, beside
        self._ear: AbstractQueue
        self.records: dict[UUID, list[Heard]] = {}
        self.events: dict[UUID, list[Heard]] = {}
        self.timeouts: dict[UUID, list[Heard]] = {}
        self._said: dict[Kind, asyncio.Event] = defaultdict(asyncio.Event)

    async def listen(self) -> None:
        self._ear = await self._channel.declare_queue(
            "witness", exclusive=True, arguments={"x-queue-type": "classic"}
        )
        for queue in self._beside:
            await self._ear.bind(queue.exchange, routing_key=queue.name)
        await self._ear.consume(self._hear, no_ack=True)

    @asynccontextmanager
    async def unreachable(self, *names: str) -> AsyncIterator[None]:
        """Nothing can be said to these queues meanwhile; whoever tries is refused. At no moment are
        we the only one who hears."""
        queues = [queue for queue in self._beside if queue.name in names]
        real = [(q, await self._channel.get_queue(q.name, ensure=False)) for q in queues]
        for queue, own in real:
            await self._ear.unbind(queue.exchange, routing_key=queue.name)
            await own.unbind(queue.exchange, routing_key=queue.name)
        try:
            yield
        finally:
            for queue, own in real:
                await own.bind(queue.exchange, routing_key=queue.name)
                await self._ear.bind(queue.exchange, routing_key=queue.name)

    async def next(self, kind: Kind) -> None:
        """The moment at which something of this kind is said."""
        self._said[kind].clear()
        await self._said[kind].wait()

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        now = asyncio.get_running_loop().time()
        batch = open_batch(message.type or "", message.body)
        self._said[type(batch)].set()
        match batch:
            case ArchiveBatch(records=records):
                for record in (r for r in records if r.kind != DELIVERED):
                    self.records.setdefault(record.id, []).append(Heard(record, now))
            case DeliveryBatch(deliveries=deliveries):
                for delivery in deliveries:
                    self.events.setdefault(delivery.id, []).append(Heard(delivery, now))
            case PartitionBatch(entries=entries):
                for entry in entries:
                    if isinstance(entry, Timeout):
                        self.timeouts.setdefault(entry.id, []).append(Heard(entry, now))
                        self._said[Timeout].set()

    def contradictions(self) -> list[list[Heard]]:
        """Messages that share an id and differ."""
        said = [*self.records.values(), *self.events.values()]
        return [heard for heard in said if any(one.what != heard[0].what for one in heard)]

    async def catch_up(self, decisions: Collection[Decision]) -> None:
        """Wait until this witness has heard all decisions too."""

        async def heard() -> bool:
            return all(d.record in self.records and d.event in self.events for d in decisions)

        await until(heard, bool, BEHIND_SECONDS)

    def told_before_kept(self, decision: Decision) -> bool:
        """True when CRMs were told before the record was on its way to the archive."""
        assert decision.event
        return self.events[decision.event][0].at < self.records[decision.record][0].at

    def repeats(self) -> int:
        """Events and records that were said again."""
        said = [*self.events.values(), *self.records.values()]
        return sum(len(heard) - 1 for heard in said if not _at_each_start(heard[0].what))


def _at_each_start(what: Record | Delivery | Timeout) -> bool:
    """A version of the rules, by whoever starts with it."""
    return isinstance(what, Record) and what.kind == CONFIGURATION


@asynccontextmanager
async def listening(town: Installation) -> AsyncIterator[Witness]:
    """A witness beside every queue of `town`, until the block ends."""
    config = load(town.config).config
    queues = topology.queues(config.partitions, [each.id for each in config.destinations])
    async with await aio_pika.connect(town.broker.url) as connection:
        witness = Witness(await connection.channel(), queues)
        await witness.listen()
        yield witness
