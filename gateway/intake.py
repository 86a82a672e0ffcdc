"""Make entries durable: publish each to its partition, and return once it is confirmed.

Each partition has one group commit and one channel. A body that concerns several partitions is a
receipt in each; it is safe when all receipts are confirmed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import structlog

from gateway.admission import GATEWAY_MEASURES, PARTITION_MEASURES, Load, Measure, decide
from services.amqp.batcher import Batcher, BatchLimits, BatchQueueFull, BatchTimeout, run_batcher
from services.amqp.connection import BrokerConnection
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import PublishUnconfirmed
from services.contract import Command, Entry, Receipt

CONFIRM_SECONDS = 1.5
"""Longest time from receiving a request to its confirm. After it the sender gets 503, well before
its own time-out."""
BATCH_LIMITS = BatchLimits(queue_timeout=CONFIRM_SECONDS)
OVERHEAD_BYTES = 256
"""Size of an entry apart from its body or text, for the bounds in bytes."""

log = structlog.get_logger()


class NotAccepted(Exception):
    """The entry is not known to be safe, so the sender must try again. Carries the reason."""


class AdmissionGate:
    """Remembers the last admission decision and logs each change."""

    def __init__(self, measures: Sequence[Measure], name: str) -> None:
        self._measures, self._name = measures, name
        self._reason = ""

    def refusal(self, load: Load) -> str:
        """Return the reason why no request is let in, or '' if it is."""
        admitted, reason = decide(load, self._measures, self._reason)
        if reason != self._reason:
            self._reason = reason
            log.warning("door.changed", what=self._name, reason=reason or "open again")
        return "" if admitted else reason


class Intake:
    """Publishes entries through the batcher of their partition."""

    def __init__(self, link: BrokerConnection, batchers: list[Batcher[Entry]]) -> None:
        self._link, self._batchers = link, batchers
        self._gate = AdmissionGate(GATEWAY_MEASURES, "door")
        self._partition_gates = [
            AdmissionGate(PARTITION_MEASURES, f"partition {n}") for n in range(len(batchers))
        ]
        self.tasks = [batcher.task for batcher in batchers]

    def refusal(self) -> str | None:
        """Return the reason why no request is let in, or None. Call it before reading a body."""
        if not self._link.can_publish:
            return self._link.obstacles()[0]
        requests = size = 0
        for batcher in self._batchers:
            requests += batcher.unanswered
            size += batcher.bytes
        return self._gate.refusal(Load(requests, size, 0.0)) or None

    async def put(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Return once a quorum holds each (partition, entry); NotAccepted after CONFIRM_SECONDS."""
        if not self._link.can_publish:
            raise NotAccepted(self._link.obstacles()[0])
        for n, _ in entries:
            batcher = self._batchers[n]
            load = Load(batcher.unanswered, batcher.bytes, batcher.seconds_since_progress)
            if reason := self._partition_gates[n].refusal(load):
                raise NotAccepted(reason)
        puts = [self._batchers[n].put(entry, _size(entry)) for n, entry in entries]
        try:
            await (puts[0] if len(puts) == 1 else asyncio.gather(*puts))
        except BatchTimeout:
            raise NotAccepted("no confirm in time") from None
        except BatchQueueFull:
            raise NotAccepted("too much is waiting") from None
        except PublishUnconfirmed as error:
            raise NotAccepted(error.reason) from None


def _size(entry: Entry) -> int:
    if isinstance(entry, Receipt):
        return len(entry.body) + OVERHEAD_BYTES
    if isinstance(entry, Command):
        return len(msgspec.msgpack.encode(entry.action)) + OVERHEAD_BYTES
    return OVERHEAD_BYTES


@asynccontextmanager
async def run_intake(
    link: BrokerConnection, partitions: PartitionPublisher
) -> AsyncIterator[Intake]:
    """Run the batchers of all partitions while the context is open."""
    async with AsyncExitStack() as stack:
        batchers = [
            await stack.enter_async_context(run_batcher(_publisher(partitions, n), BATCH_LIMITS))
            for n in range(partitions.count)
        ]
        yield Intake(link, batchers)


def _publisher(
    partitions: PartitionPublisher, partition: int
) -> Callable[[list[Entry]], Awaitable[None]]:
    async def send(entries: list[Entry]) -> None:
        await partitions.publish(partition, entries, CONFIRM_SECONDS)

    return send
