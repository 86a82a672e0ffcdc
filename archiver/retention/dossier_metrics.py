"""Metrics of dossiers by state, and of what should have been destroyed."""

import asyncio
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
"""Dossiers that are looked at for the one that is overdue longest. If holds cover all of these, the
next is taken to be overdue too: then somebody must look at so many holds."""


async def count(pool: Pool) -> None:
    """Update the metrics until cancelled."""
    while True:
        await retry_while_unavailable(partial(count_once, pool), "dossiers")
        await asyncio.sleep(COUNT_SECONDS)


async def count_once(pool: Pool) -> None:
    """Update the metrics."""
    today = clock.now().astimezone(AMSTERDAM).date()
    counts = {row["state"]: row["count"] for row in await pool.fetch(_COUNT)}
    for state in STATES:
        metrics.dossiers.labels(state=state).set(counts.get(state, 0))
    since: date | None = await pool.fetchval(_OVERDUE, today, LOOKED_AT)
    metrics.destruction_overdue.set((today - since).days if since else 0)


_COUNT = """
select state, count(*) as count from archiver.dossier where state <> 'destroy' group by state
union all select 'destroy', count(*) from archiver.dossier where state = 'destroy'
"""
# Days since the last day of keeping of what is neither on a list nor put off, nor held.
_OVERDUE = """
with due as materialized (
    select d.tenant, d.conversation, d.kept_until, row_number() over () as nth from (
        select * from archiver.dossier d
        where d.state = 'destroy' and d.kept_until < $1
            and not exists (select from archiver.destruction_item i
                where i.tenant = d.tenant and i.conversation = d.conversation
                    and (i.state = 'listed' or i.state = 'put_off' and i.until >= $1))
        order by d.kept_until limit $2) d
), held as materialized (
    select t.tenant, h.conversation from (
        select tenant, array_agg(conversation) as wanted from due group by tenant) t,
        archiver.held_of(t.tenant, t.wanted) as h (conversation)
)
select coalesce(
    (select min(due.kept_until) from due
        where (due.tenant, due.conversation) not in (select tenant, conversation from held)),
    (select max(due.kept_until) from due having count(*) = $2))
"""
