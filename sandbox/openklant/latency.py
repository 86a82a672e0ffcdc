"""As fast as the real server and no faster: four workers on two cores, which share them.

Measured of Open Klant 2.18.0 with upstream's uwsgi (2 processes of 2 threads): 115 to 125 single
posts a second with one client and 231 with eight; of messages of four calls 22.7 and 47.8.
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
CROWDED = 1.06
"""Times as long that work takes while more are at it than there are cores: the middle between 1.11
as measured of single posts, 1.09 of maak-klantcontact and 1.03 of the four calls."""
TICK = 0.001
"""Seconds between two moments that are told apart."""
TIMES_KEPT = 10_000
"""How long the last so many took: of a minute at this pace, and in 80 KB."""

CREATING = {
    "klantcontacten": 0.0078,
    TOGETHER: 0.021,
    "betrokkenen": 0.0145,
    "digitaleadressen": 0.0082,
    "internetaken": 0.0102,
}
"""Seconds of one POST on an idle server, without the millisecond that a timer and HTTP take here:
115/s of the first, 45/s of the second, and the four calls of a message 45 ms together. How those
four share it is a guess, but for the first."""
OTHER_POST = 0.008
"""Not measured, nor are those below but for lists."""
LISTING = 0.014
"""With a filter that has an index; the real server adds 27 ms for every 100,000 rows without."""
OTHER = 0.008


def seconds(method: str, resource: str, *, single: bool) -> float:
    if method == "POST":
        return CREATING.get(resource, OTHER_POST)
    return LISTING if method == "GET" and not single else OTHER


Nap = Callable[[], Awaitable[None]]


class Told(msgspec.Struct, frozen=True, rename="camel"):
    """How it went since its pace was set."""

    factor: float
    most_at_once: int
    """Requests that it had in hand, those that waited for a worker included."""
    answered: int
    per_second: float
    """Of these, from when the first was read until the last was answered."""
    p50: float
    p99: float
    """Seconds from when a request was read until it was answered, of the last ones."""


class Workers:
    """Who comes when all are busy waits, first come first served."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(WORKERS)
        self.busy = self._at_hand = 0
        self.set(1.0)

    def set(self, factor: float) -> None:
        """How much slower than measured it is; 0 is without any waiting, but others' turn."""
        self.factor = factor
        self._most = self._answered = 0
        self._first = self._last = 0.0
        self._took: deque[float] = deque(maxlen=TIMES_KEPT)

    def told(self) -> Told:
        took = [*self._took, *self._took] or [0.0, 0.0]  # there must be two
        times = statistics.quantiles(took, n=100, method="inclusive")
        per_second = self._answered / max(self._last - self._first, TICK)
        return Told(self.factor, self._most, self._answered, per_second, times[49], times[98])

    @asynccontextmanager
    async def worker(self, work: float) -> AsyncIterator[Nap]:
        """One of them; what it gives ends once the work would be done."""
        came = clock.monotonic()
        self._first = self._first or came
        self._at_hand += 1
        self._most = max(self._most, self._at_hand)
        try:
            async with self._free:
                self.busy += 1
                try:
                    yield self._nap(work)
                finally:
                    self.busy -= 1
        finally:
            self._at_hand -= 1
            self._answered += 1
            self._last = clock.monotonic()
            self._took.append(self._last - came)

    def _nap(self, work: float) -> Nap:
        crowded = self.busy > CORES
        shared = self.busy / CORES * CROWDED if crowded else 1.0
        ends = clock.monotonic() + work * self.factor * shared

        async def done() -> None:
            await asyncio.sleep(max(0.0, ends - clock.monotonic()))

        return done
