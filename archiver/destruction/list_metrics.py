"""Metrics of open destruction lists by municipality: how many wait for whom, and whether one stands
still that should be carried out."""

import asyncio
from collections.abc import Collection
from typing import get_args

from archiver.destruction.destruction_list import State
from services import metrics
from services.postgres.database import Pool, retry_while_unavailable

COUNT_SECONDS = 60.0
"""Pause between two counts; a person takes days, and the alert waits a quarter of an hour."""
ENDED = ("destroyed", "withdrawn")
STATES = tuple(each for each in get_args(State) if each not in ENDED)


async def count_lists(pool: Pool, tenants: Collection[str]) -> None:
    """Update the metrics until cancelled. A municipality without lists has 0."""
    while True:
        rows = await retry_while_unavailable(lambda: pool.fetch(_COUNT), "destruction lists")
        counts = {row["tenant"]: row for row in rows}
        for tenant in tenants:
            row = counts.get(tenant)
            for state in STATES:
                labels = metrics.destruction_lists.labels(tenant=tenant, state=state)
                labels.set(row[state] if row else 0)
            left = metrics.destruction_left.labels(tenant=tenant)
            left.set(row["left"] if row else 0)
            still = metrics.destruction_still_seconds.labels(tenant=tenant)
            still.set(row["still"] if row else 0)
        await asyncio.sleep(COUNT_SECONDS)


_COUNT = """
select l.tenant, count(*) filter (where l.state = 'drawn') as drawn,
    count(*) filter (where l.state = 'reviewed') as reviewed,
    count(*) filter (where l.state = 'approved') as approved,
    count(*) filter (where l.state = 'destroying') as destroying,
    coalesce(sum(done.left), 0)::bigint as left,
    greatest(0, coalesce(max(extract(epoch from now() - done.last)), 0))::float8 as still
from archiver.destruction_list l
left join lateral (
    select count(*) filter (where i.state = 'listed') as left,
        greatest(l.approved_at + l.waiting, l.begun_at,
            max(i.changed_at) filter (where i.state <> 'listed' and l.state = 'destroying')) as last
    from archiver.destruction_item i where i.list = l.id
) done on l.state = 'destroying' or l.state = 'approved' and l.approved_at + l.waiting <= now()
where l.state not in ('destroyed', 'withdrawn')
group by l.tenant
"""
"""`last` is the last moment at which a list that is due went on."""
