"""The lifecycle of every service: start, serve, drain, stop."""

import asyncio
import gc
import os
import resource
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import structlog

from services.amqp.consumer import Consumer
from services.instance import forbid_core_dumps, give_back_free_memory
from services.postgres.database import Pool, is_available
from services.tasks import background_task

T = TypeVar("T")
Service = Callable[[], AbstractAsyncContextManager["asyncio.Future[object]"]]

DRAIN_SECONDS = 20.0
"""Time to finish and acknowledge the work in hand: longer than one attempt at a CRM (15 s)."""
HARD_EXIT_SECONDS = DRAIN_SECONDS + 5
"""Time after which another thread ends the process, even if the event loop is blocked."""
OPEN_FILES = 5120
"""Files open at once: the connections of the gateway and of its operations port, those just
accepted (`services.http.server`: some 3,200 in all), and the process's own files."""

GC_THRESHOLD = 10_000
"""Objects made and not yet freed before Python looks for cycles among them: more than a batch holds
(256 webhooks of some 30 objects), and about 1 MB."""

log = structlog.get_logger()


def run_event_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in an event loop: uvloop if it is installed (the extra `speed`)."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def freeze_gc() -> None:
    """Exclude all existing objects from the cyclic garbage collector, and make it run less often.
    Return to the system what reading the configuration took and no longer needs.

    Batches make and free objects by the thousand, and almost none are in a cycle. A collection
    after each 700 objects, Python's default, costs a fourteenth of the gateway's time (in
    instructions).
    """
    gc.collect()
    give_back_free_memory()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


async def run(service: Service) -> int:
    """Run until SIGTERM, SIGINT or a broken part; return the exit code.

    A service is an async context manager. Entering starts its parts in order and yields a future
    that ends only when a part breaks. Leaving stops them in the reverse order, so that what takes
    work in is stopped first and what the work needs is closed last. A service may wait long while
    it is entered, and is stopped then too.
    """
    forbid_core_dumps()
    raise_open_file_limit(OPEN_FILES)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    # SIGHUP asks to reload the configuration; a service that does not reload must not end on it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    deadline = asyncio.timeout(None)
    try:
        async with deadline, _stopped_while_entering(service, stop) as broken:
            freeze_gc()
            log.info("service.ready")
            stopping: asyncio.Future[object] = asyncio.ensure_future(stop.wait())
            parts: list[asyncio.Future[object]] = [broken, stopping]
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            # Read before stopping: a part that ends while the service stops has not broken.
            error = broken.exception() if broken.done() else None
            log.info("service.draining", seconds=DRAIN_SECONDS)
            _start_watchdog()
            deadline.reschedule(loop.time() + DRAIN_SECONDS)
    except TimeoutError:
        log.error("service.drain_timed_out", seconds=DRAIN_SECONDS)
        return 1
    except _StoppedEarly:
        error = None
    if error:
        log.error("service.broken", exc_info=error)
        return 1
    log.info("service.stopped")
    return 0


class _StoppedEarly(Exception):
    """The service was stopped before it was ready."""


@asynccontextmanager
async def _stopped_while_entering(
    service: Service, stop: asyncio.Event
) -> AsyncIterator["asyncio.Future[object]"]:
    """Enter the service; raise _StoppedEarly if it is to stop before that is done."""
    task, is_entered = asyncio.current_task(), False
    assert task is not None  # we run in it

    async def cancel_when_stopped() -> None:
        await stop.wait()
        task.cancel()

    try:
        async with AsyncExitStack() as stack:
            async with background_task(cancel_when_stopped()):
                broken = await stack.enter_async_context(service())
            is_entered = True
            yield broken
    except asyncio.CancelledError:
        if is_entered or not stop.is_set():
            raise
        task.uncancel()
        raise _StoppedEarly from None


def raise_open_file_limit(files: int) -> None:
    """Raise this process's limit of open files to `files`, or as far as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unbounded = resource.RLIM_INFINITY
    target = files if hard == unbounded else min(files, hard)
    if soft != unbounded and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    if target < files:
        log.warning("service.few_files", count=target, what=f"open files; {files} would be needed")


def _start_watchdog() -> None:
    """End the process after HARD_EXIT_SECONDS, even if a part swallows its cancellation."""
    timer = threading.Timer(HARD_EXIT_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()


async def readiness_problems(pool: Pool, consumers: Sequence[Consumer]) -> list[str]:
    """Return the obstacles to a consuming service being ready, a sentence for each."""
    problems = [] if await is_available(pool) else ["the database does not answer"]
    return problems + [
        f"no consumer on {c.queue.name}" for c in consumers if not c.confirmed_by_broker
    ]


def first_failure(*parts: "asyncio.Task[Any]") -> "asyncio.Future[object]":
    """Watch parts that should never end; return a future that fails as soon as one ends.

    A part that its owner cancels has not failed; one that a library cancelled from within has. The
    other parts go on: their owner stops them, in order.
    """
    result: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    watch_parts(result, *parts)
    return result


def watch_parts(result: "asyncio.Future[object]", *parts: "asyncio.Task[Any]") -> None:
    """Have a future of `first_failure` fail, too, as soon as one of these ends."""

    def fail_on_end(task: "asyncio.Task[Any]") -> None:
        if result.done() or task.cancelling():
            return
        if task.cancelled():
            result.set_exception(RuntimeError("a part was cancelled by none of us"))
        else:
            result.set_exception(task.exception() or RuntimeError("a part ended by itself"))
        result.exception()  # retrieved, or asyncio logs it if a part ends while the service stops

    for part in parts:
        part.add_done_callback(fail_on_end)
