"""Connections to PostgreSQL: a pool, transient errors, and retries while it is unavailable."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeAlias, TypeVar

import asyncpg
import structlog

from services import metrics
from services.backoff import Backoff
from services.sealing.key_ring import NoWorkingKey
from services.tasks import with_timeout

CONNECT_SECONDS, COMMAND_SECONDS = 5.0, 30.0
"""Timeouts of connecting and of one statement: a stopped server does not answer at all."""
SESSION_SETTINGS = {"synchronous_commit": "on", "jit": "off", "search_path": '"$user", public'}
"""Settings of each session. The path is PostgreSQL's own default, which looks in its catalogue
first: a login can have another, in which tables of its own hide those of the catalogue. JIT
compilation is off because none of our statements gains by it: with 100,000 lines in the ledger a
claim takes 24 ms, and compiling it takes 640 ms more, each time."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds between two attempts while the database is unavailable."""
ANSWER_SECONDS = 3.0
"""Timeout of a statement while a caller waits for our answer: a call of the API, a health check."""

# In quotes: only the stubs know that these take a parameter.
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
T = TypeVar("T")
DATABASE_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
    NoWorkingKey,
)
"""Errors that asyncpg raises for a statement or for the connection; and the want of the working
keys, which are in the database."""
RAISED = asyncpg.RaiseError
"""Error of a trigger of ours that refuses."""
READ_ONLY = "25006"
"""SQLSTATE of a write to a server that is read-only for now: a stand-by that is being promoted."""
LOCKED = asyncpg.LockNotAvailableError
"""Error of a statement that waited for a lock longer than its session allows."""

log = structlog.get_logger()


@asynccontextmanager
async def connection_pool(url: str, name: str, size: int) -> AsyncIterator[Pool]:
    """Open a pool of at most `size` connections, which are made when they are first needed.

    The server shows `name`. The session sets `synchronous_commit`, so that with any default of the
    server a commit is on disk (and on the synchronous stand-by) when it returns.
    """
    pool = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings={"application_name": name} | SESSION_SETTINGS,
        reset=_keep_session,
    )
    try:
        yield pool
    finally:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await pool.close()
        except TimeoutError:
            pool.terminate()


async def _keep_session(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Leave the session as it is when its connection goes back to the pool; asyncpg rolls back an
    open transaction by itself. No statement of ours sets, locks or listens beyond its transaction,
    and asyncpg's own reset is a round trip of four statements after each use."""


async def read_database_version(url: str) -> str:
    """Connect once, and return the version of the server."""
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    try:
        return str(await connection.fetchval("show server_version"))
    finally:
        await connection.close()


class Query(NamedTuple):
    """A statement with its parameters."""

    sql: str
    parameters: tuple[object, ...] = ()


@asynccontextmanager
async def reading_connection(
    url: str, name: str, seconds: float
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """Connect once, to read: the connection and each statement have at most `seconds`, and a tenth
    of them for a locked table, so that there is time for the questions after it.

    The connection is dropped at the end, since saying goodbye to a hung server takes long.
    """
    limits = {"application_name": name, "default_transaction_read_only": "on"}
    limits["lock_timeout"] = f"{seconds * 100:.0f}"  # milliseconds
    connection = await asyncpg.connect(
        url, timeout=seconds, command_timeout=seconds, server_settings=limits | SESSION_SETTINGS
    )
    try:
        yield connection
    finally:
        connection.terminate()


LOCKED_ATTEMPTS = 4
"""Attempts at the question of a locked table. Most locks last for milliseconds, such as those of a
partition that is made; with a tenth of the time for each, half of the time is left."""


async def run_queries(
    connection: "asyncpg.Connection[asyncpg.Record]", queries: Mapping[str, Query]
) -> AsyncGenerator[tuple[str, "list[dict[str, object]] | asyncpg.PostgresError"], None]:
    """Yield the rows of each query, or the error that the server answered. The queries of locked
    tables are asked again after the others. DATABASE_ERRORS if the server does not answer."""
    asked, locked = dict(queries), dict[str, asyncpg.PostgresError]()
    for _ in range(LOCKED_ATTEMPTS):
        locked.clear()
        for name, (sql, parameters) in asked.items():
            try:
                rows = [dict(row) for row in await connection.fetch(sql, *parameters)]
            except LOCKED as error:
                locked[name] = error
            except asyncpg.PostgresError as error:
                yield name, error
            else:
                yield name, rows
        asked = {name: asked[name] for name in locked}
    for item in locked.items():
        yield item


def is_transient(error: BaseException) -> bool:
    """Return True if the same statement may succeed later: the server caused the error, not the
    data.

    SQLSTATE classes: 08 connection, 40 rollback, 53 resources, 55 object not in prerequisite state,
    57 operator intervention, 58 system.
    """
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in {"08", "40", "53", "55", "57", "58"} or state == READ_ONLY
    # InternalClientError: raised by asyncpg if a connection breaks in the middle of a rollback.
    lost = OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError
    lost |= NoWorkingKey  # the keys are in the database
    return isinstance(error, lost)


async def retry_while_unavailable(action: Callable[[], Awaitable[T]], what: str) -> T:
    """Run `action`, and repeat it while the database is unavailable; other errors are raised."""
    try:
        return await action()
    except Exception as error:
        _report_unavailable(error, what)
    backoff = Backoff(FIRST_WAIT, LONGEST_WAIT, random.random)
    with metrics.database_waits.track_inprogress():
        while True:
            await asyncio.sleep(backoff.next_delay())
            try:
                return await action()
            except Exception as error:
                _report_unavailable(error, what)


def _report_unavailable(error: Exception, what: str) -> None:
    """Log an error that may pass; raise any other."""
    if not is_transient(error):
        raise error
    log.warning("database.away", what=what, exc_info=error)


async def is_available(pool: Pool) -> bool:
    """Return True if the database answers now."""
    try:
        await with_timeout(ANSWER_SECONDS, pool.fetchval("select 1"))
    except Exception:
        return False
    return True
