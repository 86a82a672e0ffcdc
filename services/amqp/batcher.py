"""Group commit: while one batch is on its way, what comes gathers; the next takes it all.

A small batch starts at the earliest `pace` after the last one started, so that load makes batches
larger and not more; a lone entry after a gap is not delayed, nor is a batch that is large enough.
Measured: without the pace, tiny batches fill the cores and p99 is six times as high; where all
wait for it, who sends the next when the last is answered is held to their number in each pace.
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
    """No room: too much is waiting already."""


class BatchTimeout(Exception):
    """Not safe within the bound; it may still become so."""


class BatchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`items` and `bytes` of one batch, `pace` in seconds and the items that are `enough` to go
    without it, how much may wait in all, and for how many seconds one entry may (None: for ever).
    """

    items: int = 256
    bytes: int = 256 * 1024
    min_interval: float = 0.010
    flush_size: int = 32
    """A publish costs the process about what one webhook does (measured: 250 us beside 230), and
    the broker as much again: among so many it is little."""
    max_queued: int = 4096
    waiting_bytes: int = 32 * 1024 * 1024
    queue_timeout: float | None = None


SWEEP_SECONDS = 0.1
"""Between two looks at who has waited too long: one timer for all instead of one each."""


class _Entry(Generic[T]):
    __slots__ = ("done", "item", "since", "size")

    def __init__(self, item: T, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self.item, self.size, self.since = item, size, loop.time()
        self.done: asyncio.Future[None] = loop.create_future()


class Batcher(Generic[T]):
    """`send` makes one batch safe, or raises; each waiting entry gets its answer."""

    def __init__(self, send: Callable[[list[T]], Awaitable[None]], bounds: BatchLimits) -> None:
        self._send, self._bounds = send, bounds
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Entry[T]] = []
        self._on_its_way: list[_Entry[T]] = []
        self._waiting_bytes = 0
        self._unconfirmed_since: float | None = None
        self._arrived, self._enough = asyncio.Event(), asyncio.Event()
        self.task: asyncio.Task[None]

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def unanswered(self) -> int:
        """Entries in hand: waiting, or in the batch on its way."""
        return len(self._waiting) + len(self._on_its_way)

    @property
    def bytes(self) -> int:
        """Of all entries that wait."""
        return self._waiting_bytes

    @property
    def seconds_since_progress(self) -> float:
        """Seconds since something came that was not safe yet, with nothing made safe after it;
        also when it was given up meanwhile."""
        since = self._unconfirmed_since
        return 0.0 if since is None else self._loop.time() - since

    async def put(self, item: T, size: int) -> None:
        """Return once `item` is safe; Full at once when there is no room, Late when it takes too
        long, else what `send` raised.

        When cancelled before its batch has left, the entry leaves the queue.
        """
        full = len(self._waiting) >= self._bounds.max_queued
        if full or self._waiting_bytes + size > self._bounds.waiting_bytes:
            raise BatchQueueFull
        entry = _Entry(item, size, self._loop)
        self._waiting.append(entry)
        self._waiting_bytes += size
        if self._unconfirmed_since is None:
            self._unconfirmed_since = entry.since
        self._arrived.set()
        if self._is_enough():
            self._enough.set()
        try:
            await entry.done
        finally:
            del entry  # see `_deliver`

    def _is_enough(self) -> bool:
        bounds = self._bounds
        return len(self._waiting) >= bounds.flush_size or self._waiting_bytes >= bounds.bytes

    async def work(self) -> None:
        """Send and sweep; one that breaks ends the other, so that whoever watches sees it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run())
            group.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Tell who has waited too long."""
        bound = self._bounds.queue_timeout
        while bound is not None:
            await asyncio.sleep(SWEEP_SECONDS)
            latest = self._loop.time() - bound
            for entry in chain(self._on_its_way, self._waiting):
                if entry.since > latest:
                    break
                if not entry.done.done():
                    entry.done.set_exception(BatchTimeout())

    async def _run(self) -> None:
        loop = self._loop
        started = loop.time() - self._bounds.min_interval
        while True:
            await self._arrived.wait()
            if (early := started + self._bounds.min_interval - loop.time()) > 0:
                await self._for_enough(early)
            started = loop.time()
            batch = self._take()
            if not self._waiting:
                self._arrived.clear()
            if not self._is_enough():
                self._enough.clear()
            if batch:
                await self._deliver(batch)
            del batch

    async def _for_enough(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._enough.wait()

    def _take(self) -> list[_Entry[T]]:
        """The oldest entries that fit one batch; always one, whatever its size."""
        taken: list[_Entry[T]] = []
        size = 0
        for entry in self._waiting:
            fits = len(taken) < self._bounds.items and size + entry.size <= self._bounds.bytes
            if taken and not fits:
                break
            taken.append(entry)
            size += entry.size
        self._waiting = self._waiting[len(taken) :]
        self._waiting_bytes -= size
        return [entry for entry in taken if not entry.done.done()]

    async def _deliver(self, batch: list[_Entry[T]]) -> None:
        """Send it, and answer who waits. Its error keeps this frame: what hangs on that lets go of
        the batch, or it would live until the collector of cycles looks."""
        self._on_its_way = batch
        try:
            await self._send([entry.item for entry in batch])
        except asyncio.CancelledError:
            _each(batch, lambda done: done.cancel())
            raise
        except Exception as error:
            _fail(batch, error)
        else:
            self._unconfirmed_since = self._waiting[0].since if self._waiting else None
            _each(batch, lambda done: done.set_result(None))
        finally:
            self._on_its_way = []
            del batch


def _fail(batch: list[_Entry[T]], error: Exception) -> None:
    _each(batch, lambda done: done.set_exception(error))


def _each(batch: list[_Entry[T]], answer: Callable[["asyncio.Future[None]"], object]) -> None:
    """Answer those that still wait."""
    for entry in batch:
        if not entry.done.done():
            answer(entry.done)


@asynccontextmanager
async def run_batcher(
    send: Callable[[list[T]], Awaitable[None]], bounds: BatchLimits
) -> AsyncIterator[Batcher[T]]:
    """A running batcher; whoever puts into it must have stopped before it is left."""
    batcher = Batcher(send, bounds)
    async with background_task(batcher.work()) as batcher.task:
        yield batcher
