"""Tasks that run beside their owner and end with it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def background_task(work: Coroutine[Any, Any, Any]) -> AsyncIterator["asyncio.Task[Any]"]:
    """Run `work` until the context is left, then cancel it and wait until it has ended.

    The caller must watch the task (`lifecycle.first_failure`): its error goes nowhere else.
    """
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        await cancel_and_wait(task)


async def with_timeout(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`; raise TimeoutError as soon as it takes longer than `seconds`.

    Unlike `asyncio.timeout` this does not wait for the end of the cancelled task: returning a
    connection to a hung database can take a minute. The abandoned task ends by its own timeouts.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            _abandoned.add(task)
            task.add_done_callback(_forget)
    if not done:
        raise TimeoutError
    return task.result()


async def first_or_watchdog(work: Coroutine[Any, Any, T], watchdog: "asyncio.Task[Any]") -> T:
    """Return the result of `work`; if the task `watchdog` ends first, raise its error."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task, watchdog], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            watchdog.result()
            raise RuntimeError("it ended, and should not have")
        return task.result()
    finally:
        if not task.done():
            await cancel_and_wait(task)


_abandoned: set["asyncio.Task[Any]"] = set()


def _forget(task: "asyncio.Task[Any]") -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not log it


async def cancel_and_wait(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks and wait until they end; a cancellation of the caller is not swallowed."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it
