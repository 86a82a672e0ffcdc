"""Metrics of holds by municipality, so that somebody looks if each is still needed."""

import asyncio
from collections.abc import Collection
from functools import partial

from services import clock, metrics
from services.calendar.opening_hours import day_of
from services.postgres.database import Pool, retry_while_unavailable

COUNT_SECONDS = 60.0
"""Pause between two counts; the figures change by the day."""
STATES = ("standing", "overdue")


async def count(pool: Pool, tenants: Collection[str]) -> None:
    """Update the metrics until cancelled. A municipality without holds has 0."""
    while True:
        fetch = partial(pool.fetch, _COUNT, day_of(clock.now()))
        counts = {row["tenant"]: row for row in await retry_while_unavailable(fetch, "holds")}
        for tenant in tenants:
            for state in STATES:
                number = counts[tenant][state] if tenant in counts else 0
                metrics.holds.labels(tenant=tenant, state=state).set(number)
        await asyncio.sleep(COUNT_SECONDS)


_COUNT = """
select tenant, count(*) as standing, count(*) filter (where review_on < $1) as overdue
from archiver.hold where lifted_at is null group by tenant
"""
