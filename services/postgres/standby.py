"""The synchronous stand-by of the database: without it a fail-over forgets what was confirmed.

It is looked for where the database URL names more than one server. A service starts and goes on
without it all the same: after a fail-over there is none until the operator has made a new one.
"""

import asyncio

import structlog

from services import metrics
from services.postgres.database import Pool, retry_while_unavailable
from services.postgres.primary import split_hosts

LOOK_SECONDS = 60.0
"""Pause between looks."""
IS_GUARDED = "select current_setting('synchronous_standby_names') <> ''"

log = structlog.get_logger()


async def watch_standby(pool: Pool, url: str) -> None:
    """Tell for as long as this runs if commits do not wait for a stand-by."""
    if len(split_hosts(url)) == 1:
        return
    while True:
        is_guarded = await retry_while_unavailable(lambda: pool.fetchval(IS_GUARDED), "stand-by")
        metrics.database_unguarded.set(not is_guarded)
        if not is_guarded:
            log.warning("database.unguarded")
        await asyncio.sleep(LOOK_SECONDS)
