"""As fast as the real server and no faster: four workers on two cores, which share them.

Measured of Open Klant 2.18.0 with upstream's uwsgi (2 processes of 2 threads): 115 to 125 single
posts a second with one client and 231 with eight; of messages of four calls 22.7 and 47.8.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from sandbox.openklant.fields import TOGETHER
from services import clock

WORKERS = 4
CORES = 2

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


class Workers:
    """Who comes when all are busy waits, first come first served."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(WORKERS)
        self.busy = 0
        self.factor = 1.0
        """How much slower than measured it is; 0 is without any waiting, but others' turn."""

    @asynccontextmanager
    async def worker(self, work: float) -> AsyncIterator[Nap]:
        """One of them; what it gives ends once the work would be done."""
        async with self._free:
            self.busy += 1
            begun = clock.monotonic()
            shared = max(1.0, self.busy / CORES)

            async def done() -> None:
                ends = begun + work * self.factor * shared
                await asyncio.sleep(max(0.0, ends - clock.monotonic()))

            try:
                yield done
            finally:
                self.busy -= 1
