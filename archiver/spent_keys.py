"""Working keys under which nothing lies any more are destroyed.

The broker's files and the back-ups of the database have what was sealed under them for longer. The
key of a queue goes once every queue was empty after the last day on which it could seal, the key of
a table once no row is sealed under it.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import structlog

from services import clock
from services.postgres.database import Pool, retry_while_unavailable
from services.sealing.key_ring import SEALS_DAYS
from services.working_keys import log_wrong_clock, rewrap

LOOK_SECONDS = 6 * 3600.0
"""Pause between looks: each reads all sealed columns once, as long as a key may go."""

log = structlog.get_logger()


async def keep_working_keys(
    pool: Pool, masters: Sequence[bytes], queues: Callable[[], Collection[str]]
) -> None:
    """Put all keys under the newest master, and destroy spent ones, for as long as the service
    runs. `queues` returns all that hold messages by the configuration in force."""
    while True:
        if count := await retry_while_unavailable(partial(rewrap, pool, masters), "working keys"):
            log.info("keys.rewrapped", count=count)
        look = partial(destroy_spent_keys, pool, queues(), clock.now().date())
        await retry_while_unavailable(look, "spent keys")
        await asyncio.sleep(LOOK_SECONDS)


async def destroy_spent_keys(pool: Pool, queues: Collection[str], today: date) -> int:
    """Destroy the keys that nothing needs; return how many."""
    last = today - timedelta(SEALS_DAYS + 1)
    rows = await pool.fetch(_OLD, last)
    old = {kind: [row for row in rows if row["kind"] == kind] for kind in ("queue", "table")}
    spent = []
    if old["queue"]:
        drained = await pool.fetchval(_DRAINED, list(queues))
        spent += [row["id"] for row in old["queue"] if drained and drained > _last_use(row["day"])]
    if old["table"]:
        used = {row["id"] for row in await pool.fetch("select id from sealing.keys_in_use() id")}
        spent += [row["id"] for row in old["table"] if row["id"] not in used]
    if spent:
        with log_wrong_clock():
            await pool.execute(_DESTROY, spent)
            log.info("keys.destroyed", count=len(spent))
            return len(spent)
    return 0


def _last_use(day: date) -> datetime:
    """Return the time after which no process seals with the key of a day."""
    return datetime.combine(day + timedelta(SEALS_DAYS + 1), time(), UTC)


_OLD = """
select id, kind, day from sealing.working_key
where kind <> 'standing' and wrapped is not null and day <= $1
"""

# The earliest of the times at which each queue was last seen empty; null if one never was.
_DRAINED = """
select case when bool_and(drained is not null) then min(drained) end from (
    select max(c.drained_at) as drained
    from unnest($1::text[]) q (name) left join balance.consumer c on c.queue = q.name
    group by q.name) each
"""

_DESTROY = """
update sealing.working_key set wrapped = null, destroyed_at = now() where id = any($1::bytea[])
"""
