"""A destination's queue that a test fills, opens and reads, and events for it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from deploy.local.rabbitmq import Broker
from services import clock, event_types
from services.amqp import topology
from services.amqp.sealed_batch import open_batch
from services.contract import Delivery, DeliveryBatch
from tests.support.observer import until

ROOM = 1000
"""Bytes that the queue takes: the broker refuses publishes once it holds more."""
FILLING = b"x" * 2 * ROOM
SECONDS = 20.0


def make_event(sequence: int, conversation: str = "c") -> Delivery:
    now = clock.now()
    return Delivery(
        id=clock.new_id(),
        type=event_types.RECEIVED,
        tenant="almelo",
        conversation=conversation,
        department="kcc",
        sequence=sequence,
        time=now,
        received_at=now,
        data=b"{}",
    )


class DestinationQueue:
    def __init__(self, channel: AbstractChannel, destination: str) -> None:
        self._channel, self.destination = channel, destination
        self.name = topology.destination_queue(destination)
        self.events: list[Delivery] = []
        """Everything that was read, in order."""

    async def declare(self) -> None:
        (queue,) = (q for q in topology.queues(2, [self.destination]) if q.name == self.name)
        declared = await self._channel.declare_queue(
            self.name, durable=True, arguments=queue.arguments
        )
        await declared.bind(topology.DESTINATIONS, self.name)

    async def delete(self) -> None:
        await self._channel.queue_delete(self.name)

    async def fill(self) -> None:
        """Publish until the broker refuses: a quorum queue notices a little later."""
        exchange = await self._channel.get_exchange(topology.DESTINATIONS, ensure=False)
        for _ in range(100):
            try:
                await exchange.publish(aio_pika.Message(FILLING), self.name)
            except aio_pika.exceptions.DeliveryError:
                return
        raise AssertionError("the queue is never full")

    async def open(self) -> None:
        """Begin to take what is in the queue, as a deliverer does."""
        queue = await self._channel.get_queue(self.name, ensure=False)
        await queue.consume(self._take)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        if message.body != FILLING:
            batch = open_batch(message.type or "", message.body)
            assert isinstance(batch, DeliveryBatch)
            self.events += batch.deliveries
        await message.ack()

    async def arrived(self, events: Sequence[Delivery]) -> None:
        """Wait until all these have come: each at its first time, in this order."""
        wanted = {event.id for event in events}

        async def ids() -> list[UUID]:
            return [event.id for event in self.events]

        came = await until(ids, wanted.issubset, SECONDS)
        assert list(dict.fromkeys(came)) == [event.id for event in events]


@asynccontextmanager
async def destination_queues(broker: Broker) -> AsyncIterator[list[DestinationQueue]]:
    """The queue of a CRM, which is full, and one of another destination, which is open."""
    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        full, other = (DestinationQueue(channel, name) for name in ("crm", "other"))
        await other.declare()
        await other.open()
        await full.fill()
        yield [full, other]
        await other.delete()
