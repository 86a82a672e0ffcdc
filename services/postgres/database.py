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
from services.egress.server_certificate import describe_refusal
from services.postgres.primary import CONNECT_SECONDS, Address, Primary
from services.sealing.key_ring import NoWorkingKey
from services.tasks import background_task, with_timeout

COMMAND_SECONDS = 30.0
"""Timeout of one statement: a stopped server does not answer at all."""
SESSION_SETTINGS = {"synchronous_commit": "on", "jit": "off", "search_path": '"$user", public'}
"""Settings of each session. The path is PostgreSQL's own default, which looks in its catalogue
first: a login can have another, in which tables of its own hide those of the catalogue. JIT
compilation is off because none of our statements gains by it: with 100,000 lines in the ledger a
claim takes 24 ms, and compiling it takes 640 ms more, each time."""
SERVICE_SETTINGS = SESSION_SETTINGS | {
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25s",
}
"""Settings of the sessions of services, whose locks others wait for. One that stands still amid a
transaction for 15 s is ended by the server; our longest pause there is the 5 s for the confirms of
timers. One whose machine is gone is noticed after 25 s. A command may pause longer: it reads files
beside the rows."""
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
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    NoWorkingKey,
)
"""Errors that asyncpg raises for a statement or for the connection, also one that breaks amid a
rollback, that the server has just ended, or that found no primary (InternalClientError); and the
want of the working keys, which are in the database."""
RAISED = asyncpg.RaiseError
"""Error of a trigger of ours that refuses."""
LOGIN_REFUSED = "28P01"
"""SQLSTATE of a wrong password. It passes: the server has the new one before the service, or after
it."""
READ_ONLY = "25006"
"""SQLSTATE of a write to a server that is read-only for now: a stand-by that is being promoted."""
LEFT_IDLE = "25P03"
"""SQLSTATE of a session that the server ended because it stood still in a transaction."""
LOCKED = asyncpg.LockNotAvailableError
"""Error of a statement that waited for a lock longer than its session allows."""

log = structlog.get_logger()


@asynccontextmanager
async def connection_pool(
    url: Address, name: str, size: int, settings: Mapping[str, str] = SESSION_SETTINGS
) -> AsyncIterator[Pool]:
    """Open a pool of at most `size` connections, which are made when they are first needed, at the
    address of that time.

    The server shows `name`. The session sets `synchronous_commit`, so that with any default of the
    server a commit is on disk (and on the synchronous stand-by) when it returns.
    """
    primary = Primary(url)
    shown = {"application_name": name, **settings}
    pool = await asyncpg.create_pool(
        primary.url,
        connect=primary.connect,
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings=shown,
        reset=_leave_session,
    )
    try:
        async with background_task(primary.watch(server_settings=shown)):
            yield pool
    finally:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await pool.close()
        except TimeoutError:
            pool.terminate()


async def _leave_session(connection: object) -> None:
    """Give a connection back to its pool as it is; a transaction that was left open is rolled back
    in any case. asyncpg would have the server forget the settings and locks of the session, a round
    trip after each use: none of ours has any that outlast their transaction."""


async def read_database_version(url: str) -> str:
    """Connect once, and return the version of the server."""
    connection = await Primary(url).connect()
    try:
        return str(await connection.fetchval("show server_version"))
    finally:
        await connection.close()


class Query(NamedTuple):
    """A statement with its parameters."""

    sql: str
    parameters: tuple[object, ...] = ()


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """Read on one connection, while nothing that others write is seen."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


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
    connection = await Primary(url).connect(
        timeout=seconds, command_timeout=seconds, server_settings=limits | SESSION_SETTINGS
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
        passes = {READ_ONLY, LEFT_IDLE, LOGIN_REFUSED}
        return state[:2] in {"08", "40", "53", "55", "57", "58"} or state in passes
    return isinstance(error, DATABASE_ERRORS)


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
    refused = describe_refusal(error)
    log.warning(
        "database.away", what=what, exc_info=error, **({"reason": refused} if refused else {})
    )


async def is_available(pool: Pool) -> bool:
    """Return True if the database answers now."""
    try:
        await with_timeout(ANSWER_SECONDS, pool.fetchval("select 1"))
    except Exception:
        return False
    return True
