"""Attempts that settled nothing, to the archive: beside the work, which never waits for it.

Unlike what is settled they are in no table: one that waits here is lost when the process is killed,
and when too many wait.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog

from deliverer.audit.attempts import Attempt, record
from deliverer.transport.task_limiter import TaskLimiter
from services import clock, metrics
from services.amqp import topology
from services.amqp.batcher import Batcher, BatchLimits, BatchQueueFull, run_batcher
from services.amqp.publisher import Publisher, publish_until_confirmed
from services.contract import ArchiveBatch, Record

WAITING = 4096
"""Attempts that wait while the archive takes nothing: all that fly to sixteen destinations at their
widest window (256), failing at once, and some 9 MiB."""
NOTE = BatchLimits(
    min_interval=0.2,  # a window that fails together is one message or two
    flush_size=256,
    max_queued=WAITING,
    max_queued_bytes=4 * 1024 * 1024,
)
RECORD_BYTES = 200
"""Of a record beside its data."""
LAST_SECONDS = 3.0
"""At the end, for what waits: within a drain (20 s), of which an attempt at a CRM takes 15."""
TOO_MANY = f"{WAITING} attempts wait for the archive already"
ENDED = "the archive did not take them before the end"

Note = Callable[[Attempt], None]
"""Returns at once, whatever becomes of it."""

log = structlog.get_logger()


class AttemptRecorder:
    def __init__(self, batcher: Batcher[Record]) -> None:
        self._batcher = batcher
        self._flights = TaskLimiter(WAITING, "attempt.unrecorded")
        self._full = False
        """Whether it was said that too many wait, and none was taken since."""

    @property
    def task(self) -> "asyncio.Task[None]":
        return self._batcher.task

    def record(self, attempt: Attempt) -> None:
        self._flights.start(self._put(record(attempt, clock.new_id(), clock.now())))

    async def _put(self, made: Record) -> None:
        try:
            await self._batcher.put(made, len(made.data) + RECORD_BYTES)
        except BatchQueueFull:
            metrics.attempts_unrecorded.inc()
            if not self._full:
                self._full = True
                log.error("attempt.unrecorded", reason=TOO_MANY)
        else:
            self._full = False

    async def flush(self) -> None:
        """Let what waits go, for as long as that may take."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._flights.drain()
        finally:
            if left := self._batcher.unanswered:
                metrics.attempts_unrecorded.inc(left)
                log.error("attempt.unrecorded", count=left, reason=ENDED)
            await self._flights.cancel_all()


@asynccontextmanager
async def attempt_recorder(publisher: Publisher) -> AsyncIterator[AttemptRecorder]:
    """`publisher` is of this alone: what is settled waits for no other's confirm."""
    async with run_batcher(partial(_publish, publisher), NOTE) as batcher:
        notes = AttemptRecorder(batcher)
        try:
            yield notes
        finally:
            await notes.flush()


async def _publish(publisher: Publisher, records: list[Record]) -> None:
    batch = ArchiveBatch(records=records)
    await publish_until_confirmed(publisher, topology.ARCHIVE_QUEUE, batch, may_stop=lambda: False)
