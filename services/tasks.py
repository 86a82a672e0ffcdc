"""Tasks that run beside their owner and end with it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, Any]) -> AsyncIterator["asyncio.Task[Any]"]:
    """Run `work` until the context is left, then cancel it and wait until it has ended.

    Whoever starts one watches it (`lifecycle.first_to_end`): its error goes nowhere else.
    """
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        await end(task)


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel and wait. A cancellation of the caller still arrives, unlike with `suppress`."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # somebody has looked: asyncio need not complain
