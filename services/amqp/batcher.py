"""Group commit: while one batch is being sent, new entries queue; the next batch takes them all.

A small batch starts no sooner than `min_interval` after the previous one started, so under load
batches grow in size and not in number. A lone entry after a pause is not delayed, and neither is a
batch that has reached `flush_size`. Measured: without the interval, tiny batches fill the cores and
p99 is six times as high. If every batch waited for it, senders that each wait for an answer
before the next entry would together send no more entries per interval than their own number.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import chain
from typing import Generic, TypeVar

import msgspec

from services.tasks import background_task

T = TypeVar("T")


class BatchQueueFull(Exception):
    """The queue is full."""


class BatchTimeout(Exception):
    """An entry was not confirmed in time; it may still be."""


class BatchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one batch (`items`, `bytes`), its pacing, and bounds of the queue before it.

    `min_interval` is in seconds, and so is `queue_timeout`, the longest that one entry waits (None:
    no limit).
    """

    items: int = 256
    bytes: int = 256 * 1024
    min_interval: float = 0.010
    flush_size: int = 32
    """Number of items that starts a batch before `min_interval` is over. A publish costs the
    process about as much as one webhook (measured: 250 us beside 230), and the broker as much
    again; shared by this many items that is little."""
    max_queued: int = 4096
    max_queued_bytes: int = 32 * 1024 * 1024
    queue_timeout: float | None = None


SWEEP_SECONDS = 0.1
"""Interval between searches for entries that timed out: one timer instead of one per entry."""


class _Entry(Generic[T]):
    __slots__ = ("done", "item", "queued_at", "size")

    def __init__(self, item: T, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self.item, self.size, self.queued_at = item, size, loop.time()
        self.done: asyncio.Future[None] = loop.create_future()


class Batcher(Generic[T]):
    """Collects entries into batches and passes each batch to `send`.

    When `send` returns, every entry of the batch is confirmed; when it raises, every entry fails
    with that error.
    """

    def __init__(self, send: Callable[[list[T]], Awaitable[None]], limits: BatchLimits) -> None:
        self._send, self._limits = send, limits
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Entry[T]] = []
        self._in_flight: list[_Entry[T]] = []
        self._waiting_bytes = 0
        self._unconfirmed_since: float | None = None
        self._has_entries, self._has_enough = asyncio.Event(), asyncio.Event()
        self.task: asyncio.Task[None]

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def unanswered(self) -> int:
        """Entries that are queued or in the batch being sent."""
        return len(self._waiting) + len(self._in_flight)

    @property
    def bytes(self) -> int:
        """Size of all queued entries."""
        return self._waiting_bytes

    @property
    def seconds_since_progress(self) -> float:
        """Seconds since the arrival of the first entry after the last confirmed batch.

        It counts on when that entry has timed out meanwhile. 0 when no entry is unconfirmed.
        """
        since = self._unconfirmed_since
        return 0.0 if since is None else self._loop.time() - since

    async def put(self, item: T, size: int) -> None:
        """Return once `item` is confirmed.

        Raises BatchQueueFull at once when there is no room, BatchTimeout after `queue_timeout`, and
        otherwise what `send` raised. When cancelled before its batch is sent, the entry leaves the
        queue.
        """
        full = len(self._waiting) >= self._limits.max_queued
        if full or self._waiting_bytes + size > self._limits.max_queued_bytes:
            raise BatchQueueFull
        entry = _Entry(item, size, self._loop)
        self._waiting.append(entry)
        self._waiting_bytes += size
        if self._unconfirmed_since is None:
            self._unconfirmed_since = entry.queued_at
        self._has_entries.set()
        if self._is_enough():
            self._has_enough.set()
        try:
            await entry.done
        finally:
            del entry  # see `_deliver`

    def _is_enough(self) -> bool:
        limits = self._limits
        return len(self._waiting) >= limits.flush_size or self._waiting_bytes >= limits.bytes

    async def work(self) -> None:
        """Send batches and expire entries; a failure of one task ends both, and so reaches the
        owner."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run())
            group.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Fail entries that have waited longer than `queue_timeout`."""
        timeout = self._limits.queue_timeout
        while timeout is not None:
            if not self.unanswered:
                await self._has_entries.wait()
            await asyncio.sleep(SWEEP_SECONDS)
            latest = self._loop.time() - timeout
            for entry in chain(self._in_flight, self._waiting):
                if entry.queued_at > latest:
                    break
                if not entry.done.done():
                    entry.done.set_exception(BatchTimeout())

    async def _run(self) -> None:
        loop = self._loop
        started = loop.time() - self._limits.min_interval
        while True:
            await self._has_entries.wait()
            if (remaining := started + self._limits.min_interval - loop.time()) > 0:
                await self._wait_for_enough(remaining)
            started = loop.time()
            batch = self._take_batch()
            if not self._waiting:
                self._has_entries.clear()
            if not self._is_enough():
                self._has_enough.clear()
            if batch:
                await self._deliver(batch)
            del batch

    async def _wait_for_enough(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._has_enough.wait()

    def _take_batch(self) -> list[_Entry[T]]:
        """Remove and return the oldest entries that fit one batch, and at least one entry."""
        taken: list[_Entry[T]] = []
        size = 0
        for entry in self._waiting:
            fits = len(taken) < self._limits.items and size + entry.size <= self._limits.bytes
            if taken and not fits:
                break
            taken.append(entry)
            size += entry.size
        self._waiting = self._waiting[len(taken) :]
        self._waiting_bytes -= size
        return [entry for entry in taken if not entry.done.done()]

    async def _deliver(self, batch: list[_Entry[T]]) -> None:
        """Send the batch and complete its entries.

        An error keeps this frame alive. Every reference in the frame is therefore deleted, or the
        batch would live until the cyclic garbage collector runs.
        """
        self._in_flight = batch
        try:
            await self._send([entry.item for entry in batch])
        except asyncio.CancelledError:
            _complete(batch, lambda done: done.cancel())
            raise
        except Exception as error:
            _fail(batch, error)
        else:
            self._unconfirmed_since = self._waiting[0].queued_at if self._waiting else None
            _complete(batch, lambda done: done.set_result(None))
        finally:
            self._in_flight = []
            del batch


def _fail(batch: list[_Entry[T]], error: Exception) -> None:
    _complete(batch, lambda done: done.set_exception(error))


def _complete(batch: list[_Entry[T]], answer: Callable[["asyncio.Future[None]"], object]) -> None:
    """Complete the entries that are still pending."""
    for entry in batch:
        if not entry.done.done():
            answer(entry.done)


@asynccontextmanager
async def run_batcher(
    send: Callable[[list[T]], Awaitable[None]], limits: BatchLimits
) -> AsyncIterator[Batcher[T]]:
    """Run a batcher; callers of `put` must have stopped before the context is left."""
    batcher = Batcher(send, limits)
    async with background_task(batcher.work()) as batcher.task:
        yield batcher
