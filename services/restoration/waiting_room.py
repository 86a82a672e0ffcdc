"""Wait at the start of a service until the archiver has compared the destructions outside.

A database that was restored from a back-up has again what was destroyed since. Nothing of it may be
served. The archiver writes a row that counts for this start of this server alone. A service that
runs when the database is restarted is not stopped.
"""

import asyncio
from collections.abc import Callable

import structlog

from services import metrics
from services.http.application import operations_app
from services.http.server import serve
from services.postgres.database import ANSWER_SECONDS, Pool, is_transient
from services.tasks import first_or_watchdog, with_timeout

POLL_SECONDS = 0.2
"""Interval between two looks: one question of the simplest kind, from each service that starts."""
WAITS = "the archiver has not yet compared the destructions outside"
AWAY = "the database does not answer"
IS_COMPARED = "select restoration.is_compared()"

log = structlog.get_logger()


async def wait_until_compared(
    pool: Pool,
    bind: str,
    ops_port: int,
    keys: "asyncio.Task[None]",
    problem: Callable[[], str] = lambda: WAITS,
) -> None:
    """Return once the destructions were compared. Until then the operations port is open and says
    `problem`. Raises the error of the task `keys`, without which the service cannot run."""
    if not await _is_compared(pool):
        await first_or_watchdog(_wait(pool, bind, ops_port, problem), keys)


async def _wait(pool: Pool, bind: str, ops_port: int, problem: Callable[[], str]) -> None:
    log.warning("service.waits", reason=WAITS)

    async def problems() -> list[str]:
        return [AWAY if await _is_compared(pool) is None else problem()]

    metrics.destructions_uncompared.set(1)
    async with serve(operations_app(problems), bind, ops_port):
        while True:
            if await _is_compared(pool):
                break
            await asyncio.sleep(POLL_SECONDS)
    metrics.destructions_uncompared.set(0)


async def _is_compared(pool: Pool) -> bool | None:
    """Return what the database says; None if it does not answer."""
    try:
        return bool(await with_timeout(ANSWER_SECONDS, pool.fetchval(IS_COMPARED)))
    except Exception as error:
        if not is_transient(error):
            raise
        return None
