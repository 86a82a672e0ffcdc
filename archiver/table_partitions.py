"""Monthly partitions: create those of coming months, and drop months of the processing log past
their retention period."""

import asyncio
from datetime import date

import structlog

from services import clock
from services.postgres.database import Pool, retry_while_unavailable

MONTHS_AHEAD = 13
"""Months created in advance: enough for a service that runs for a year without a restart."""
INTERVAL_SECONDS = 24 * 3600.0
TABLES = ("entry", "searchable")

log = structlog.get_logger()


async def create_partitions(pool: Pool, today: date) -> None:
    """Create the missing months, each in its own transaction: making one locks the whole table."""
    for month in (months_before(today, -ahead) for ahead in range(MONTHS_AHEAD)):
        for table in TABLES:
            await pool.execute("select archiver.make_months_of($1, $2, 1)", table, month)
        await pool.execute("select archiver.make_processing_months($1, 1)", month)


async def drop_expired(pool: Pool, today: date, retained_months: int) -> None:
    """Drop the months of the processing log before the last `retained_months`."""
    dropped = await pool.fetchval(
        "select archiver.forget_processing($1)", months_before(today, retained_months)
    )
    if dropped:
        log.info("processing.forgotten", count=dropped)


def months_before(today: date, count: int) -> date:
    """Return the first day of the month that was `count` months ago, or will be if it is negative.
    Pure."""
    year, month = divmod(today.year * 12 + today.month - 1 - count, 12)
    return date(year, month + 1, 1)


async def maintain_partitions(pool: Pool, retained_months: int) -> None:
    """Maintain partitions for as long as the service runs."""
    while True:
        await retry_while_unavailable(lambda: create_partitions(pool, clock.now().date()), "months")
        await retry_while_unavailable(
            lambda: drop_expired(pool, clock.now().date(), retained_months), "processing"
        )
        await asyncio.sleep(INTERVAL_SECONDS)
