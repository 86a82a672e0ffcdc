"""A thread that is left behind when it is late, and ends with the process.

asyncio waits at its end for the threads of its own, and one that hangs on a disk or reads an answer
of many small pieces cannot be stopped.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def run_in_thread(work: Callable[[], T], seconds: float) -> T:
    """Return the result of `work`. TimeoutError if it takes longer than `seconds`."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if done.done():
            return
        if error:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, fault = None, None
        try:
            result = work()
        except Exception as error:
            fault = error
        with suppress(RuntimeError):  # the loop has ended without us
            loop.call_soon_threadsafe(settle, result, fault)

    threading.Thread(target=run, daemon=True).start()
    async with asyncio.timeout(seconds):
        return await done
