"""Turns for answers that take long or much memory, so that few are made at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TURN_SECONDS = 5.0
"""Longest wait for a turn."""
BUSY = "others are being answered: try again"


class Busy(Exception):
    """Others are being answered. The caller may try again."""


@asynccontextmanager
async def turn(turns: asyncio.Semaphore) -> AsyncIterator[None]:
    """Run within a turn. Raises Busy if none comes."""
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await turns.acquire()
    except TimeoutError:
        raise Busy from None
    try:
        yield
    finally:
        turns.release()
