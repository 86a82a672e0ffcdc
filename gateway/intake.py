"""Making durable: what comes in goes to its partition, and is answered once that is confirmed.

One group commit and one channel a partition. A body of several numbers is a receipt in the
partition of each; it is safe when all of them are.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from gateway.admission import DOOR, PARTITION, Load, Measure, decide
from services.amqp.batcher import Batcher, BatchLimits, BatchQueueFull, BatchTimeout, run_batcher
from services.amqp.connection import BrokerConnection
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import PublishUnconfirmed
from services.contract import Command, Entry, Receipt

CONFIRM_SECONDS = 1.5
"""From taking a request to its confirm; then 503, well before a sender's own time-out."""
BOUNDS = BatchLimits(queue_timeout=CONFIRM_SECONDS)
OVERHEAD_BYTES = 256
"""Of an entry beside its body or text, for the bounds in bytes."""

log = structlog.get_logger()


class NotAccepted(Exception):
    """What came in is not known to be safe; the sender must try again. Says why."""


class AdmissionGate:
    """Remembers the last answer of admission, and tells when it changes."""

    def __init__(self, measures: Sequence[Measure], what: str) -> None:
        self._measures, self._what = measures, what
        self._reason = ""

    def refusal(self, load: Load) -> str:
        """Why nothing more is taken in; '' when it is."""
        admitted, reason = decide(load, self._measures, self._reason)
        if reason != self._reason:
            self._reason = reason
            log.warning("door.changed", what=self._what, reason=reason or "open again")
        return "" if admitted else reason


class Intake:
    """The batchers of all partitions."""

    def __init__(self, link: BrokerConnection, batchers: list[Batcher[Entry]]) -> None:
        self._link, self._batchers = link, batchers
        self._door = AdmissionGate(DOOR, "door")
        self._gates = [AdmissionGate(PARTITION, f"partition {n}") for n in range(len(batchers))]
        self.tasks = [batcher.task for batcher in batchers]

    def refusal(self) -> str | None:
        """Why nothing at all can be taken in now; to be asked before a body is read."""
        if not self._link.can_publish:
            return self._link.obstacles()[0]
        requests = size = 0
        for batcher in self._batchers:
            requests += batcher.unanswered
            size += batcher.bytes
        return self._door.refusal(Load(requests, size, 0.0)) or None

    async def put(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Return once all (partition, entry) are held by a quorum; NotDurable within the bound."""
        if not self._link.can_publish:
            raise NotAccepted(self._link.obstacles()[0])
        for n, _ in entries:
            batcher = self._batchers[n]
            load = Load(batcher.unanswered, batcher.bytes, batcher.seconds_since_progress)
            if reason := self._gates[n].refusal(load):
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
        return len(entry.text.encode()) + len(entry.content) + OVERHEAD_BYTES
    return OVERHEAD_BYTES


@asynccontextmanager
async def intake(link: BrokerConnection, partitions: PartitionPublisher) -> AsyncIterator[Intake]:
    """A running intake."""
    async with AsyncExitStack() as stack:
        batchers = [
            await stack.enter_async_context(run_batcher(_sender(partitions, n), BOUNDS))
            for n in range(partitions.count)
        ]
        yield Intake(link, batchers)


def _sender(
    partitions: PartitionPublisher, partition: int
) -> Callable[[list[Entry]], Awaitable[None]]:
    async def send(entries: list[Entry]) -> None:
        await partitions.publish(partition, entries, CONFIRM_SECONDS)

    return send
