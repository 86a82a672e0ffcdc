"""Tasks that run beside their owner and end with it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def background_task(work: Coroutine[Any, Any, Any]) -> AsyncIterator["asyncio.Task[Any]"]:
    """Run `work` until the context is left, then cancel it and wait until it has ended.

    Whoever starts one watches it (`lifecycle.first_to_end`): its error goes nowhere else.
    """
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        await cancel_and_wait(task)


async def with_timeout(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives; TimeoutError when it takes longer, at once and whatever it does then.

    Unlike `asyncio.timeout` this does not wait for the end of what it cancels: giving a connection
    back to a database that stands still can take a minute. What is left behind ends by its own
    bounds.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            _left_behind.add(task)
            task.add_done_callback(_forget)
    if not done:
        raise TimeoutError
    return task.result()


async def first_or_watchdog(work: Coroutine[Any, Any, T], other: "asyncio.Task[Any]") -> T:
    """What `work` gives, unless `other`, which should not end, ends before: then its error."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task, other], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            other.result()
            raise RuntimeError("it ended, and should not have")
        return task.result()
    finally:
        if not task.done():
            await cancel_and_wait(task)


_left_behind: set["asyncio.Task[Any]"] = set()


def _forget(task: "asyncio.Task[Any]") -> None:
    _left_behind.discard(task)
    if not task.cancelled():
        task.exception()  # somebody has looked: asyncio need not complain


async def cancel_and_wait(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel and wait. A cancellation of the caller still arrives, unlike with `suppress`."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # somebody has looked: asyncio need not complain
