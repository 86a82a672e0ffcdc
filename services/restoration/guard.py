"""Say to a running service that the database lacks orders of destruction.

A service that ran when the database was restored would serve on. The archiver's comparison says
that orders are lacking, and from then on nothing of the record is shown.
"""

import asyncio
import time
from collections.abc import Callable

from services.postgres.database import Pool
from services.restoration.waiting_room import lacking_sentence, look

LOOK_SECONDS = 1.0
"""Longest time for which an answer of the database counts: one question of the simplest kind in it,
however many requests come."""
WAIT_SECONDS = 0.25
"""Longest time for which a request waits for that answer. A database that is slower than this is
in trouble, of which the request itself tells."""


class RestorationGuard:
    """Knows if the database of a service lacks orders. `now` is a clock that never goes back."""

    def __init__(self, pool: Pool, now: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._now = pool, now
        self._lacking, self._looked_at = 0, float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def problems(self) -> list[str]:
        """Return the sentence on what is lacking; nothing if nothing is. While the database does
        not answer, what it said last counts."""
        now = self._now()
        if now - self._looked_at >= LOOK_SECONDS and (not self._looking or self._looking.done()):
            self._looked_at, self._looking = now, asyncio.create_task(self._look())
        if self._looking and not self._looking.done():  # also of another request, that asked first
            done, _ = await asyncio.wait([self._looking], timeout=WAIT_SECONDS)
            for task in done:
                task.result()  # a fault of ours is one of the request too
        return [lacking_sentence(self._lacking)] if self._lacking else []

    async def _look(self) -> None:
        if standing := await look(self._pool):
            self._lacking = standing.lacking
