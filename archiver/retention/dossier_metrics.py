"""Metrics of dossiers by state, and of what should have been destroyed."""

import asyncio
from collections.abc import Sequence
from datetime import date
from functools import partial

from archiver.retention.valuation import STATES
from services import clock, metrics
from services.calendar.opening_hours import AMSTERDAM
from services.postgres.database import Pool, retry_while_unavailable

COUNT_SECONDS = 300.0
"""Pause between two counts, each of which reads an index of all dossiers; they change by the
day."""
LOOKED_AT = 10_000
"""Dossiers of a municipality that are looked at for the one that is overdue longest. If holds cover
all of these, the last one is taken to be overdue: then somebody must look at so many holds."""


async def count(pool: Pool, tenants: Sequence[str]) -> None:
    """Update the metrics until cancelled."""
    while True:
        await retry_while_unavailable(partial(count_once, pool, tenants), "dossiers")
        await asyncio.sleep(COUNT_SECONDS)


async def count_once(pool: Pool, tenants: Sequence[str]) -> None:
    """Update the metrics."""
    today = clock.now().astimezone(AMSTERDAM).date()
    counts = {row["state"]: row["count"] for row in await pool.fetch(_COUNT)}
    for state in STATES:
        metrics.dossiers.labels(state=state).set(counts.get(state, 0))
    since: date | None = await pool.fetchval(_OVERDUE, today, LOOKED_AT, list(tenants))
    metrics.destruction_overdue.set((today - since).days if since else 0)


_COUNT = """
select state, count(*) as count from archiver.dossier where state <> 'destroy' group by state
union all select 'destroy', count(*) from archiver.dossier where state = 'destroy'
"""
# Last day of keeping of what is overdue longest: neither on a list nor put off, nor held.
_OVERDUE = """
select min(coalesce(overdue, case when looked_at = $2 then last_one end))
from unnest($3::text[]) as t (tenant), lateral (
    with due as materialized (
        select d.conversation, d.kept_until from archiver.dossier d
        where d.tenant = t.tenant and d.state = 'destroy' and d.kept_until < $1
            and not exists (select from archiver.destruction_item i
                where i.tenant = d.tenant and i.conversation = d.conversation
                    and (i.state = 'listed' or i.state = 'put_off' and i.until >= $1))
        order by d.kept_until limit $2
    )
    select count(*) as looked_at, max(kept_until) as last_one,
        min(kept_until) filter (where conversation not in (
            select archiver.held_of(t.tenant, array(select conversation from due)))) as overdue
    from due
) as found
"""
