"""Clearing: rows whose term is over are deleted, in small batches, by one process at a time.

A batch waits a second at most for a row that another statement holds, and is rolled back then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from services import clock, metrics
from services.postgres.database import Pool

FIRST_SECONDS, ROUND_SECONDS = 60.0, 6 * 3600.0
"""Wait before the first round, and between two. The alarm comes a day after a term."""
BATCH = 500
"""Rows of one transaction: some tens of milliseconds."""
PACE = 4.0
"""Pause after a batch, as a multiple of its time: clearing takes a fifth of one connection."""

log = structlog.get_logger()


class Clearing(NamedTuple):
    """Rows of a table that end. All but `table` and `term` is SQL, in which $1 is the time at which
    a row's term must have begun for the row to end now."""

    table: str
    term: str
    """Setting of `[terms]`."""
    since: str
    """Time at which the term of a row begins."""
    ended: str = "true"
    """Condition of a row that nothing needs any more."""
    safe: str = "true"
    """Condition for which an ended row may still have to wait: another service must be so far."""
    action: str = "delete from"
    """Words before the table; those after it are `setting`."""
    setting: str = ""
    also: str = ""
    """Further parts of the statement, which find the ended rows in `gone`."""
    before: str = ""
    """Statement that goes before the batches, in a transaction of its own."""
    state: str = ""
    """State of these rows, if other rows of the table end otherwise."""

    @property
    def name(self) -> str:
        return f"{self.table} {self.state}".strip()


CurrentTable = Callable[[], Awaitable[Sequence[Clearing]]]
"""Returns what ends by the configuration of now."""


def clearing_statement(rows: Clearing) -> str:
    """Return the statement that ends a batch of $2 rows and counts them. Pure."""
    condition = f"{rows.since} < $1::timestamptz and ({rows.ended}) and ({rows.safe})"
    return f"""
with gone as (
    {rows.action} {rows.table} {rows.setting}
    where ctid = any(array(
        select ctid from {rows.table} where {condition} order by {rows.since} limit $2))
        and {condition}     -- it may have changed since
    returning *
){rows.also}
select count(*) from gone
"""


def overdue_statement(rows: Clearing) -> str:
    """Return the question how many seconds the oldest row is over its term. Pure."""
    return f"""
select coalesce((
    select extract(epoch from $1::timestamptz - ({rows.since})) from {rows.table}
    where {rows.since} < $1::timestamptz and ({rows.ended}) order by {rows.since} limit 1
), 0)::float8
"""


async def clear_periodically(
    pool: Pool, table: Sequence[Clearing] | CurrentTable, days: Mapping[str, int]
) -> None:
    """Clear for as long as the service runs. `days` are the terms by their settings."""
    await asyncio.sleep(FIRST_SECONDS)
    while True:
        current = await table() if callable(table) else table
        await clear_ended_rows(pool, current, days, clock.now())
        await asyncio.sleep(ROUND_SECONDS)


async def clear_ended_rows(
    pool: Pool, table: Sequence[Clearing], days: Mapping[str, int], now: datetime
) -> None:
    """Make one round, in the order of the table, and tell what is over its term after it. A failure
    leaves the rows for the next round."""
    for rows in table:
        begun_before = now - timedelta(days=days[rows.term])
        try:
            await _clear(pool, rows, begun_before)
        except Exception as error:
            log.warning("rows.not_cleared", what=rows.name, exc_info=error)
        try:
            seconds = await _measure(pool, rows, begun_before)
            metrics.rows_over_term.labels(rows.name).set(seconds)
        except Exception as error:
            log.warning("rows.not_measured", what=rows.name, exc_info=error)


async def _clear(pool: Pool, rows: Clearing, begun_before: datetime) -> None:
    if rows.before:
        await pool.execute(rows.before, begun_before)
    count = BATCH
    while count == BATCH:
        began = clock.monotonic()
        count = await _clear_batch(pool, rows, begun_before)
        metrics.rows_cleared.labels(rows.name).inc(count)
        if count == BATCH:
            await asyncio.sleep(PACE * (clock.monotonic() - began))


async def _clear_batch(pool: Pool, rows: Clearing, begun_before: datetime) -> int:
    """Return the number of rows that ended; 0 while another process clears them."""
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval(_LOCK, rows.name):
            return 0
        await connection.execute(_BY_INDEX)
        statement = clearing_statement(rows)
        count: int = await connection.fetchval(statement, begun_before, BATCH)
        return count


async def _measure(pool: Pool, rows: Clearing, begun_before: datetime) -> float:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_BY_INDEX)
        seconds: float = await connection.fetchval(overdue_statement(rows), begun_before)
        return seconds


# From the oldest row on, each looked up where it may be needed: the planner would read all of the
# other tables for 500 rows, which takes a second with a million of them.
_BY_INDEX = """
set local enable_hashjoin = off;
set local enable_mergejoin = off;
set local lock_timeout = '1s'
"""
_LOCK = "select pg_try_advisory_xact_lock(hashtextextended('clear ' || $1::text, 0))"
