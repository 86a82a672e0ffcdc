"""A reader of a destination's queue, which keeps what it needs to check and to time the events."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError

from deploy.local.process import Process
from services import clock, event_types
from services.amqp import topology
from services.amqp.sealed_batch import open_batch
from services.contract import DeliveryBatch

FILLING = "filling"
"""Type of the messages that only fill a queue."""
FILLING_BYTES = 1_000_000
STUCK_SECONDS = 600.0
POLL_SECONDS = 0.05


async def fill_queue(channel: AbstractChannel, destination: str) -> None:
    """Publish until the queue refuses."""
    exchange = await channel.get_exchange(topology.DESTINATIONS, ensure=False)
    message = aio_pika.Message(
        bytes(FILLING_BYTES), type=FILLING, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
    )
    while True:
        try:
            await exchange.publish(message, topology.destination_queue(destination))
        except DeliveryError:
            return


class DestinationReader:
    def __init__(self, channel: AbstractChannel, destination: str) -> None:
        self._channel, self.destination = channel, destination
        self.seconds: list[float] = []
        """Times from the receipt of a message to the arrival of its event."""
        self._sequences: dict[str, list[int]] = defaultdict(list)
        """Conversation -> its events, each at its first time."""
        self._ids: set[UUID] = set()
        self._messages: set[UUID | None] = set()

    async def open(self) -> None:
        """Begin to read."""
        name = topology.destination_queue(self.destination)
        queue = await self._channel.get_queue(name, ensure=False)
        await queue.consume(self._take)

    async def _take(self, incoming: AbstractIncomingMessage) -> None:
        if incoming.type != FILLING:
            batch = open_batch(incoming.type or "", incoming.body)
            assert isinstance(batch, DeliveryBatch)
            now = clock.now()
            for event in batch.deliveries:
                if event.id not in self._ids:
                    self._ids.add(event.id)
                    self._sequences[event.conversation].append(event.sequence)
                    if event.type == event_types.RECEIVED:
                        self._messages.add(event.message)
                        self.seconds.append((now - event.received_at).total_seconds())
        await incoming.ack()

    async def wait(self, messages: int, process: Process) -> None:
        """Wait until so many messages of citizens have come."""
        async with asyncio.timeout(STUCK_SECONDS):
            while len(self._messages) < messages:
                process.must_run()
                await asyncio.sleep(POLL_SECONDS)

    def faults(self) -> Iterator[str]:
        """Yield the conversations whose events came in another order."""
        for conversation, sequences in self._sequences.items():
            if sequences != sorted(sequences):
                yield f"{conversation} came as {sequences}"
