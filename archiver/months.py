"""Partitions of the coming months, made long before anything goes there."""

import asyncio
from datetime import date

from services import clock
from services.database import Pool, until_it_answers

AHEAD = 13
"""Made in advance: a service that runs for a year without a restart has room."""
LOOK_SECONDS = 24 * 3600.0
TABLES = ("entry", "searchable")


async def make(pool: Pool, today: date) -> None:
    for table in TABLES:
        sql = "select archiver.make_months_of($1, $2, $3)"
        await pool.execute(sql, table, today.replace(day=1), AHEAD)


async def keep(pool: Pool) -> None:
    """For as long as the service runs."""
    while True:
        await until_it_answers(lambda: make(pool, clock.now().date()), "months")
        await asyncio.sleep(LOOK_SECONDS)
