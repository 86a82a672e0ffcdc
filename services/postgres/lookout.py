"""One question to the database for many tasks that wait for rows.

A task that polls by itself wakes its process and the database each time, and mostly finds nothing:
ten of them cost an idle process more than anything else. Here all their conditions are asked in one
statement, and a task is woken when its own holds. A look misses nothing: it sees what was committed
before it began, and the next one sees the rest.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.postgres.database import Pool, retry_while_unavailable
from services.tasks import background_task

LOOK_SECONDS = 0.2
"""Interval of looks: the longest delay that they add for a citizen."""

Pause = Callable[[], Awaitable[object]]
"""Waits until it may be worth asking for work again."""


class Lookout:
    """Looks for all who wait, while `run` runs."""

    def __init__(self, pool: Pool, seconds: float = LOOK_SECONDS) -> None:
        self.pool, self._seconds = pool, seconds
        self.task: asyncio.Task[None]
        """Never ends by itself."""
        self._found: dict[str, asyncio.Event] = {}
        """Condition -> set by a look that found it true."""
        self._waiting = 0

    def pause_until(self, condition: str, seconds: float = LOOK_SECONDS) -> Pause:
        """Return a pause that ends once `condition` is true, and `seconds` after the one before at
        the soonest: a row that cannot be claimed yet is asked for no oftener.

        The condition is a subquery with one column, true if it returns a row. It must find each row
        that could be claimed, by an index of the waiting ones alone, and may find others.
        """
        found, ended = self._found.setdefault(condition, asyncio.Event()), -seconds

        async def pause() -> None:
            nonlocal ended
            found.clear()
            self._waiting += 1
            try:
                await found.wait()
            finally:
                self._waiting -= 1
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(0.0, ended + seconds - loop.time()))
            ended = loop.time()

        return pause

    async def run(self) -> None:
        """Look for as long as this runs."""
        while True:
            await asyncio.sleep(self._seconds)
            if self._waiting:
                await retry_while_unavailable(self._look, "lookout")

    async def _look(self) -> None:
        conditions = list(self._found)
        columns = ", ".join(f"exists (select from ({each}) row)" for each in conditions)
        [row] = await self.pool.fetch(f"select {columns}")
        for condition, is_true in zip(conditions, row, strict=True):
            if is_true:
                self._found[condition].set()


@asynccontextmanager
async def run_lookout(pool: Pool, seconds: float = LOOK_SECONDS) -> AsyncIterator[Lookout]:
    """Look while the context is open."""
    lookout = Lookout(pool, seconds)
    async with background_task(lookout.run()) as lookout.task:
        yield lookout
