"""Work under way, so much at once and no more."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


class TaskLimiter:
    """`event` is logged when one fails; what it was about must be found again by other means."""

    def __init__(self, most: int, event: str) -> None:
        self._most, self._event = most, event
        self._flying: set[asyncio.Task[None]] = set()

    @property
    def capacity(self) -> int:
        return self._most - len(self._flying)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._flying.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: "asyncio.Task[None]") -> None:
        self._flying.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error(self._event, exc_info=error)

    async def wait_for_slot(self, seconds: float) -> None:
        """Until a place is free, or so long."""
        if not self._flying:
            await asyncio.sleep(seconds)
            return
        await asyncio.wait(self._flying, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    async def drain(self) -> None:
        """Let all of it come to its end."""
        if self._flying:
            await asyncio.wait(self._flying)

    async def cancel_all(self) -> None:
        """End all of it now."""
        for task in self._flying:
            task.cancel()
        await self.drain()
