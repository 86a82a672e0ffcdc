"""Run a step on a claimed file: renew the lease meanwhile, then store the result or release it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog

from archiver.media.fetch_policy import (
    OPERATOR_FAILURES,
    REASONS,
    FetchedFile,
    FetchFailed,
    MediaResult,
    retry_delay,
)
from archiver.media.store import File, MediaStore
from services import clock, metrics
from services.postgres.database import retry_while_unavailable
from services.postgres.lease import release_leases, renewed_lease
from services.postgres.lookout import Pause

POLL_SECONDS = 1.0
"""Pause before the table is polled again when no file was due."""
POLL: Pause = partial(asyncio.sleep, POLL_SECONDS)

StepResult = FetchedFile | MediaResult | FetchFailed
Step = Callable[[File], Awaitable[StepResult]]

log = structlog.get_logger()


async def run_step(media_store: MediaStore, file: File, step: Step) -> StepResult:
    """Run `step` on the file and store its result. An unexpected error reschedules this file and
    leaves other files alone."""
    try:
        async with renewed_lease(partial(media_store.renew, file), "media"):
            result = await step(file)
        await retry_while_unavailable(partial(store_result, media_store, file, result), "media")
    except asyncio.CancelledError:
        await release_leases(media_store.set_due(file, clock.now()), "media")
        raise
    except Exception as error:
        log.error("media.failed", message=file.id, exc_info=error)
        result = FetchFailed("strange")
        await retry_while_unavailable(partial(store_result, media_store, file, result), "media")
    return result


async def store_result(media_store: MediaStore, file: File, result: StepResult) -> None:
    now = clock.now()
    if isinstance(result, FetchedFile):
        await media_store.record_fetch(file, result, now)
    elif isinstance(result, MediaResult):
        if await media_store.finish(file, result, now):
            _report(file, result)
    else:
        seconds, reason = retry_delay(file.attempts, random.random()), REASONS[result.code]
        log_event = log.error if result.code in OPERATOR_FAILURES else log.warning
        log_event(
            "media.put_off", message=file.id, number=file.number, reason=reason, seconds=seconds
        )
        metrics.media_attempts.labels(outcome=result.code).inc()
        await media_store.set_due(file, now + timedelta(seconds=seconds), reason)


def _report(file: File, result: MediaResult) -> None:
    metrics.media.labels(outcome=result.state).inc()
    if result.state != "available":
        log.warning("media.ended", message=file.id, kind=result.state, reason=result.reason)
