"""Say to a running service that the database lacks orders of destruction.

A service that ran when the database was restored would serve on. The archiver's comparison says
that orders are lacking, and from then on nothing of the record is shown.
"""

import time
from collections.abc import Callable

from services.postgres.database import Pool
from services.restoration.waiting_room import lacking_sentence, look

LOOK_SECONDS = 1.0
"""Longest time for which an answer of the database counts: one question of the simplest kind in it,
however many requests come."""


class RestorationGuard:
    """Knows if the database of a service lacks orders. `now` is a clock that never goes back."""

    def __init__(self, pool: Pool, now: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._now = pool, now
        self._lacking, self._looked_at = 0, float("-inf")

    async def problems(self) -> list[str]:
        """Return the sentence on what is lacking; nothing if nothing is. If the database does not
        answer, what it said last counts."""
        now = self._now()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            if standing := await look(self._pool):
                self._lacking = standing.lacking
        return [lacking_sentence(self._lacking)] if self._lacking else []
