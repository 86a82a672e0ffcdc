"""Concurrent tasks, up to a maximum."""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog

from services.postgres.lookout import Pause

POLL_SECONDS = 0.2
"""Interval between polls when nothing could be claimed: the longest delay that it adds for a
citizen."""
POLL: Pause = partial(asyncio.sleep, POLL_SECONDS)

Job = TypeVar("Job")

log = structlog.get_logger()


class TaskLimiter:
    """Logs `event` when a task fails. The caller must recover the work by other means."""

    def __init__(self, max_tasks: int, event: str) -> None:
        self._max_tasks, self._event = max_tasks, event
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def capacity(self) -> int:
        return self._max_tasks - len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error(self._event, exc_info=error)

    async def process_claimed(
        self,
        claim: Callable[[], Awaitable[Sequence[Job]]],
        process: Callable[[Job], Coroutine[Any, Any, None]],
        pause: Pause = POLL,
    ) -> None:
        """Claim jobs and process each in a task, for as long as this runs. `claim` returns no more
        than there is capacity for. `pause` comes before the next claim when nothing is in hand."""
        while True:
            jobs = await claim()
            for job in jobs:
                self.start(process(job))
            if self._tasks and not jobs:
                await asyncio.wait(self._tasks, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            elif not jobs:
                await pause()

    async def drain(self) -> None:
        """Wait until all tasks have ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.drain()
