"""The way to PostgreSQL: a pool, forward-only migrations, and which errors may be tried again."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias, TypeVar

import asyncpg
import structlog

from services.backoff import Backoff
from services.tasks import with_timeout

CONNECT_SECONDS, COMMAND_SECONDS = 5.0, 30.0
"""Bounds for connecting and for one statement: a stopped server answers nothing at all."""
SESSION = {"synchronous_commit": "on", "jit": "off"}
"""Nothing of ours gains by being compiled: with 100,000 lines in the ledger a claim takes 24 ms,
and compiling it 640 more, each time."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds between two attempts while the database is away."""
ANSWER_SECONDS = 3.0
"""For whoever waits for an answer of ours: a caller of the API, a health check."""

# In quotes: only the stubs know that these take a parameter.
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
T = TypeVar("T")
DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
"""What the way to the database raises, in asyncpg's spelling."""

log = structlog.get_logger()


@asynccontextmanager
async def connection_pool(url: str, name: str, size: int) -> AsyncIterator[Pool]:
    """A pool of at most `size` connections, made when they are first needed.

    `name` is shown by the server. Durability is asked for by name: whatever the server's default,
    a commit of ours is on disk (and on the synchronous stand-by) when it returns.
    """
    pool = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings={"application_name": name} | SESSION,
    )
    try:
        yield pool
    finally:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await pool.close()
        except TimeoutError:
            pool.terminate()


def is_transient(error: BaseException) -> bool:
    """Whether the same statement may succeed later: the server's state is at fault, not the data.

    SQLSTATE classes: 08 connection, 40 rollback, 53 resources, 55 not in a state to, 57 operator
    intervention, 58 system.
    """
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in {"08", "40", "53", "55", "57", "58"}
    # InternalClientError: asyncpg's word for a connection that broke in the middle of a rollback.
    lost = OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError
    return isinstance(error, lost)


async def retry_while_unavailable(action: Callable[[], Awaitable[T]], what: str) -> T:
    """Do `action`, again and again while the database is away; other errors are raised."""
    backoff = Backoff(FIRST_WAIT, LONGEST_WAIT, random.random)
    while True:
        try:
            return await action()
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("database.away", what=what, exc_info=error)
        await asyncio.sleep(backoff.next_delay())


async def is_available(pool: Pool) -> bool:
    """Whether the database answers now."""
    try:
        await with_timeout(ANSWER_SECONDS, pool.fetchval("select 1"))
    except Exception:
        return False
    return True
