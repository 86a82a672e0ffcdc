"""Wait at the start of a service until the destructions outside were compared with the database.

A database that was restored from a back-up has again what was destroyed since. Nothing of it may
be served. The archiver compares, and writes a row that counts for this start of this server alone.
What is lacking the owner of the database carries out again, by a command. A service that runs when
the database is restarted is not stopped: `guard` refuses what it is asked.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

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
REPLAY = "postkamer archive replay"
"""Command that carries out again what is lacking."""
IS_COMPARED = "select restoration.is_compared()"
_STANDING = "select restoration.is_compared(), restoration.lacking()"

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
    if not (await look(pool) or UNKNOWN).is_compared:
        await first_or_watchdog(_wait(pool, bind, ops_port, problem), keys)


def lacking_sentence(orders: int) -> str:
    """Return the sentence on a database that lacks orders of destruction."""
    nouns = (
        "order of destruction that stands" if orders == 1 else "orders of destruction that stand"
    )
    return f"the database lacks {orders} {nouns} outside; {REPLAY} carries out what is lacking"


async def _wait(pool: Pool, bind: str, ops_port: int, problem: Callable[[], str]) -> None:
    log.warning("service.waits", reason=WAITS)

    async def problems() -> list[str]:
        standing = await look(pool)
        if standing is None:
            return [AWAY]
        return [lacking_sentence(standing.lacking) if standing.lacking else problem()]

    metrics.destructions_uncompared.set(1)
    async with serve(operations_app(problems), bind, ops_port):
        while True:
            if (await look(pool) or UNKNOWN).is_compared:
                break
            await asyncio.sleep(POLL_SECONDS)
    metrics.destructions_uncompared.set(0)


class Standing(NamedTuple):
    """Note of the last comparison, as the database says it."""

    is_compared: bool
    lacking: int
    """Orders of destruction that the database lacks."""


UNKNOWN = Standing(is_compared=False, lacking=0)


async def look(pool: Pool) -> Standing | None:
    """Return what the database says; None if it does not answer."""
    try:
        row = await with_timeout(ANSWER_SECONDS, pool.fetchrow(_STANDING))
    except Exception as error:
        if not is_transient(error):
            raise
        return None
    return Standing(*row) if row else None
