"""Start, serve, drain, stop: the same for every service."""

import asyncio
import gc
import os
import resource
import signal
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import structlog

from services.amqp.consumer import Consumer
from services.postgres.database import Pool, is_available

T = TypeVar("T")
Service = Callable[[], AbstractAsyncContextManager["asyncio.Future[object]"]]

DRAIN_SECONDS = 20.0
"""To finish and acknowledge what is in hand: longer than one attempt at a CRM (15 s)."""
HARD_EXIT_SECONDS = DRAIN_SECONDS + 5
"""Then the process is ended from another thread, whatever the event loop is stuck in."""
FILES = 5120
"""Files open at once: the connections of the front door and of its operations port, those just
accepted (`services.listener`: some 3,200 in all), and what the process needs itself."""

COLLECT_OBJECTS = 10_000
"""Made and not yet gone before Python looks for cycles among them: more than a batch holds (256
webhooks of some 30), and a MB."""

log = structlog.get_logger()


def run_event_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in an event loop: uvloop's where it is installed (the extra `speed`)."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def freeze_gc() -> None:
    """Tell the collector of cycles that what exists by now stays, and to look less often.

    What a batch holds comes and goes by the thousand, and next to nothing of it is in a cycle:
    looked at after each 700 objects, as Python does by itself, it costs a fourteenth of all time at
    the front door (instructions counted).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_OBJECTS)


async def run(service: Service) -> int:
    """Run until SIGTERM, SIGINT or a broken part; return the exit code.

    A service is an async context manager. Entering starts its parts in order and yields a future
    that ends only when a part breaks. Leaving stops them in the reverse order, so that what takes
    work in is stopped first and what the work needs is closed last.
    """
    raise_open_file_limit(FILES)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    # "Read your files again": whoever has none to read again is not to end of it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    deadline = asyncio.timeout(None)
    try:
        async with deadline, service() as broken:
            freeze_gc()
            log.info("service.ready")
            stopping: asyncio.Future[object] = asyncio.ensure_future(stop.wait())
            parts: list[asyncio.Future[object]] = [broken, stopping]
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            # Looked at now: a part that ends while we stop has not broken.
            error = broken.exception() if broken.done() else None
            log.info("service.draining", seconds=DRAIN_SECONDS)
            _watchdog()
            deadline.reschedule(loop.time() + DRAIN_SECONDS)
    except TimeoutError:
        log.error("service.drain_timed_out", seconds=DRAIN_SECONDS)
        return 1
    if error:
        log.error("service.broken", exc_info=error)
        return 1
    log.info("service.stopped")
    return 0


def raise_open_file_limit(files: int) -> None:
    """Raise this process's limit of open files, where it is lower, as far as it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unbounded = resource.RLIM_INFINITY
    wanted = files if hard == unbounded else min(files, hard)
    if soft != unbounded and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < files:
        log.warning("service.few_files", count=wanted, what=f"open files; {files} would be needed")


def _watchdog() -> None:
    """A part that swallows its cancellation must not keep the process for ever."""
    timer = threading.Timer(HARD_EXIT_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()


async def readiness_problems(pool: Pool, consumers: Sequence[Consumer]) -> list[str]:
    """What keeps a consuming service from being ready, a sentence each."""
    found = [] if await is_available(pool) else ["the database does not answer"]
    return found + [
        f"no consumer on {c.queue.name}" for c in consumers if not c.confirmed_by_broker
    ]


def first_failure(*parts: "asyncio.Task[Any]") -> "asyncio.Future[object]":
    """Watch parts that should never end; the future is done as soon as one does, with its error.

    A part that its owner cancels has not broken; one that a library cancelled from within has. The
    others go on: whoever owns them stops them, in order.
    """
    result: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    def ended(task: "asyncio.Task[Any]") -> None:
        if result.done() or task.cancelling():
            return
        if task.cancelled():
            result.set_exception(RuntimeError("a part was cancelled by none of us"))
        else:
            result.set_exception(task.exception() or RuntimeError("a part ended by itself"))
        result.exception()  # looked at, for when nobody does: parts end while a service stops

    for part in parts:
        part.add_done_callback(ended)
    return result
