"""Rewrite the table of keys after destructions, so that no deleted key is left in its file.

PostgreSQL leaves the bytes of a deleted row in its page until it needs the room. With the master
key they would open what was destroyed. The table is small: some 150 bytes for each conversation.
"""

import asyncio
from functools import partial

import structlog

from services.postgres.database import Pool, retry_while_unavailable

LOOK_SECONDS = 3600.0
"""Interval between two looks. The table is rewritten at the first look at which nothing was
destroyed since the one before: by then every transaction has ended that could still see a key."""
LOCK_NOT_AVAILABLE = "55P03"
"""SQLSTATE while somebody reads the table for long, such as a dump."""

log = structlog.get_logger()


async def rewrite_keys_after_destructions(pool: Pool) -> None:
    """Look for as long as the service runs."""
    seen = -1
    while True:
        seen = await retry_while_unavailable(partial(rewrite_when_quiet, pool, seen), "keys")
        await asyncio.sleep(LOOK_SECONDS)


async def rewrite_when_quiet(pool: Pool, seen: int) -> int:
    """Rewrite the table if there were destructions since it was rewritten, and none since `seen`
    were counted. Return the number of destructions."""
    row = await pool.fetchrow(_COUNTS)
    assert row  # both tables were created with their row
    destructions, rewritten = row["destructions"], row["rewritten"]
    if destructions == seen and destructions != rewritten:
        try:
            await pool.execute(_REWRITE)
        except Exception as error:
            if getattr(error, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            log.warning("keys.not_rewritten", reason="somebody reads the table for long")
        else:
            log.info("keys.rewritten", count=destructions - rewritten)
    return int(destructions)


_COUNTS = """
select h.destructions, r.destructions as rewritten from archiver.head h, archiver.rewritten r
"""
_REWRITE = "select archiver.rewrite_keys()"
