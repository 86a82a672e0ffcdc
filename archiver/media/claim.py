"""Run a step on a claimed file: renew the lease meanwhile, then store the result or release it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog

from archiver.media.fetch_policy import SENTENCES, STOPS, Fetched, FetchFailed, MediaResult, wait
from archiver.media.store import RENEW_SECONDS, File, MediaStore
from services import clock, metrics
from services.postgres.database import DATABASE_ERRORS, retry_while_unavailable
from services.tasks import background_task, with_timeout

LOOK_SECONDS = 1.0
"""Pause before the table is polled again when no file was due."""
LET_GO_SECONDS = 2.0

StepResult = Fetched | MediaResult | FetchFailed
Step = Callable[[File], Awaitable[StepResult]]

log = structlog.get_logger()


async def run_step(book: MediaStore, file: File, step: Step) -> StepResult:
    """Run `step` on the file and store its result. An unexpected error reschedules this file and
    leaves other files alone."""
    try:
        async with background_task(_renew(book, file)):
            came = await step(file)
        await retry_while_unavailable(partial(store_result, book, file, came), "media")
    except asyncio.CancelledError:
        await _let_go(book, file)
        raise
    except Exception as error:
        log.error("media.failed", message=file.id, exc_info=error)
        came = FetchFailed("strange")
        await retry_while_unavailable(partial(store_result, book, file, came), "media")
    return came


async def store_result(book: MediaStore, file: File, came: StepResult) -> None:
    now = clock.now()
    if isinstance(came, Fetched):
        await book.fetched(file, came, now)
    elif isinstance(came, MediaResult):
        if await book.finish(file, came, now):
            _tell(file, came)
    else:
        seconds, reason = wait(file.attempts, random.random()), SENTENCES[came.word]
        say = log.error if came.word in STOPS else log.warning
        say("media.put_off", message=file.id, number=file.number, reason=reason, seconds=seconds)
        metrics.media_attempts.labels(outcome=came.word).inc()
        await book.reschedule(file, now + timedelta(seconds=seconds), reason)


def _tell(file: File, end: MediaResult) -> None:
    metrics.media.labels(outcome=end.state).inc()
    if end.state != "available":
        log.warning("media.ended", message=file.id, kind=end.state, reason=end.reason)


async def _renew(book: MediaStore, file: File) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        await retry_while_unavailable(partial(book.renew, file, clock.now()), "media")


async def _let_go(book: MediaStore, file: File) -> None:
    try:
        await with_timeout(LET_GO_SECONDS, book.release(file, clock.now()))
    except DATABASE_ERRORS as error:  # the lease expires, and then another process claims it
        log.warning("media.not_let_go", message=file.id, exc_info=error)
