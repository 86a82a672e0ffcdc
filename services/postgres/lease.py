"""Leases on claimed rows. A claimed row is due again when its lease ends, so that another process
claims it if this one ends without a result."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

from services.postgres.database import DATABASE_ERRORS, retry_while_unavailable
from services.tasks import background_task, with_timeout

LEASE_SECONDS = 60
"""Lease on a claimed row, renewed three times in this period. After a crash, other processes claim
the row when the lease ends; an orderly shutdown releases it at once."""
RENEW_SECONDS = LEASE_SECONDS / 3
RELEASE_SECONDS = 2.0

log = structlog.get_logger()


@asynccontextmanager
async def renewed_lease(renew: Callable[[], Awaitable[object]], name: str) -> AsyncIterator[None]:
    """Renew a lease for as long as the context is open. `name` is for the log."""

    async def renew_periodically() -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await retry_while_unavailable(renew, name)

    async with background_task(renew_periodically()):
        yield


async def release_leases(release: Coroutine[Any, Any, object], name: str) -> None:
    """Release at the end of a process, unless the database is unavailable: the leases then end by
    time."""
    try:
        await with_timeout(RELEASE_SECONDS, release)
    except DATABASE_ERRORS as error:
        log.warning(f"{name}.not_let_go", exc_info=error)
