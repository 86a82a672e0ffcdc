"""Latency of the real server, imitated: four workers that share two cores.

Measured on Open Klant 2.18.0 with upstream's uwsgi (2 processes of 2 threads): 115 to 125 single
posts a second with one client and 231 with eight; 22.7 and 47.8 messages of four calls a second.
"""

import asyncio
import statistics
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from sandbox.openklant.schema import TOGETHER
from services import clock

WORKERS = 4
CORES = 2
CROWDING_FACTOR = 1.06
"""Factor on the work while more workers are busy than there are cores: the middle of 1.11 as
measured for single posts, 1.09 for maak-klantcontact and 1.03 for the four calls."""
SHORTEST_SECONDS = 0.001
"""Shortest period for a rate, in seconds."""
DURATIONS_KEPT = 10_000
"""Durations kept for the percentiles: about a minute at this pace, in 80 KB."""

POST_SECONDS = {
    "klantcontacten": 0.0078,
    TOGETHER: 0.021,
    "betrokkenen": 0.0145,
    "digitaleadressen": 0.0082,
    "internetaken": 0.0102,
}
"""Seconds of one POST on an idle server, without the millisecond that a timer and HTTP take here.
Measured were 115/s of the first, 45/s of the second, and 45 ms for the four calls of a message
together. How these four divide it is a guess, except for the first."""
OTHER_POST_SECONDS = 0.008
"""Seconds of any other POST; not measured."""
LIST_SECONDS = 0.014
"""Seconds of a list with an indexed filter; without an index the real server adds 27 ms for every
100,000 rows."""
OTHER_SECONDS = 0.008
"""Seconds of any other request; not measured."""


def work_seconds(method: str, resource: str, *, single: bool) -> float:
    if method == "POST":
        return POST_SECONDS.get(resource, OTHER_POST_SECONDS)
    return LIST_SECONDS if method == "GET" and not single else OTHER_SECONDS


Wait = Callable[[], Awaitable[None]]


class WorkerStatistics(msgspec.Struct, frozen=True, rename="camel"):
    """Load and response times since the pace was set."""

    factor: float
    most_at_once: int
    """Most requests at a time, including those that waited for a worker."""
    answered: int
    per_second: float
    """Rate from when the first request was read until the last was answered."""
    p50: float
    p99: float
    """Percentiles of the seconds from reading a request to its response, of the last requests."""


class Workers:
    """The server's workers. While all are busy, requests wait, first come, first served."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(WORKERS)
        self.busy = self._in_hand = 0
        self.set_factor(1.0)

    def set_factor(self, factor: float) -> None:
        """Set the factor on the measured times, and restart the statistics. With 0 there is no
        delay, though other tasks still get their turn."""
        self.factor = factor
        self._most = self._answered = 0
        self._first = self._last = 0.0
        self._durations: deque[float] = deque(maxlen=DURATIONS_KEPT)

    def measure(self) -> WorkerStatistics:
        durations = [*self._durations, *self._durations] or [0.0, 0.0]  # there must be two
        times = statistics.quantiles(durations, n=100, method="inclusive")
        per_second = self._answered / max(self._last - self._first, SHORTEST_SECONDS)
        return WorkerStatistics(
            self.factor, self._most, self._answered, per_second, times[49], times[98]
        )

    @asynccontextmanager
    async def worker(self, work: float) -> AsyncIterator[Wait]:
        """Occupy a worker, and yield a function that waits until the work would be done."""
        started = clock.monotonic()
        self._first = self._first or started
        self._in_hand += 1
        self._most = max(self._most, self._in_hand)
        try:
            async with self._free:
                self.busy += 1
                try:
                    yield self._make_wait(work)
                finally:
                    self.busy -= 1
        finally:
            self._in_hand -= 1
            self._answered += 1
            self._last = clock.monotonic()
            self._durations.append(self._last - started)

    def _make_wait(self, work: float) -> Wait:
        crowded = self.busy > CORES
        shared = self.busy / CORES * CROWDING_FACTOR if crowded else 1.0
        ends = clock.monotonic() + work * self.factor * shared

        async def done() -> None:
            await asyncio.sleep(max(0.0, ends - clock.monotonic()))

        return done
