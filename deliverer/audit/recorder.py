"""Sends failed attempts to the archive, without making deliveries wait for it.

Unlike settlements they are in no table: records that wait here are lost when the process is killed,
or when too many wait.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog

from deliverer.audit.attempts import Attempt, attempt_record
from deliverer.transport.task_limiter import TaskLimiter
from services import clock, metrics
from services.amqp import topology
from services.amqp.batcher import Batcher, BatchLimits, BatchQueueFull, run_batcher
from services.amqp.publisher import Publisher, publish_until_confirmed
from services.contract import ArchiveBatch, Record

MAX_WAITING = 4096
"""Attempts that may wait while the archive accepts nothing: all those in flight to sixteen
destinations at their widest window (256) when they fail at once; some 9 MiB."""
RECORD_LIMITS = BatchLimits(
    min_interval=0.2,  # a window that fails at once makes one or two messages
    flush_size=256,
    max_queued=MAX_WAITING,
    max_queued_bytes=4 * 1024 * 1024,
)
RECORD_BYTES = 200
"""Size of a record without its data."""
FLUSH_SECONDS = 3.0
"""Time to flush at the end. With an attempt at a CRM (15 s) it fits in a drain (20 s)."""
TOO_MANY = f"{MAX_WAITING} attempts wait for the archive already"
ENDED = "the archive did not take them before the end"

RecordAttempt = Callable[[Attempt], None]
"""Records a failed attempt and returns at once, also when the record is lost."""

log = structlog.get_logger()


class AttemptRecorder:
    def __init__(self, batcher: Batcher[Record]) -> None:
        self._batcher = batcher
        self._tasks = TaskLimiter(MAX_WAITING, "attempt.unrecorded")
        self._is_full = False
        """True from the log line that too many attempts wait, until one is accepted again."""

    @property
    def task(self) -> "asyncio.Task[None]":
        return self._batcher.task

    def record(self, attempt: Attempt) -> None:
        self._tasks.start(self._put(attempt_record(attempt, clock.new_id(), clock.now())))

    async def _put(self, record: Record) -> None:
        try:
            await self._batcher.put(record, len(record.data) + RECORD_BYTES)
        except BatchQueueFull:
            metrics.attempts_unrecorded.inc()
            if not self._is_full:
                self._is_full = True
                log.error("attempt.unrecorded", reason=TOO_MANY)
        else:
            self._is_full = False

    async def flush(self) -> None:
        """Send the waiting records, for at most FLUSH_SECONDS; count and log the rest as lost."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._tasks.drain()
        finally:
            if unanswered := self._batcher.unanswered:
                metrics.attempts_unrecorded.inc(unanswered)
                log.error("attempt.unrecorded", count=unanswered, reason=ENDED)
            await self._tasks.cancel_all()


@asynccontextmanager
async def attempt_recorder(publisher: Publisher) -> AsyncIterator[AttemptRecorder]:
    """`publisher` must not be shared: settlements would wait for the confirms of these records."""
    async with run_batcher(partial(_publish, publisher), RECORD_LIMITS) as batcher:
        recorder = AttemptRecorder(batcher)
        try:
            yield recorder
        finally:
            await recorder.flush()


async def _publish(publisher: Publisher, records: list[Record]) -> None:
    batch = ArchiveBatch(records=records)
    await publish_until_confirmed(publisher, topology.ARCHIVE_QUEUE, batch, may_stop=lambda: False)
