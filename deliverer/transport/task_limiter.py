"""Concurrent tasks, up to a maximum."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

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

    async def wait_for_slot(self, seconds: float) -> None:
        """Wait until a task ends, at most so many seconds."""
        if not self._tasks:
            await asyncio.sleep(seconds)
            return
        await asyncio.wait(self._tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    async def drain(self) -> None:
        """Wait until all tasks have ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.drain()
