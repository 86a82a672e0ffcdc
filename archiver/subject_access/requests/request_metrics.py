"""Metrics of undecided requests by municipality, to watch their deadlines."""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from functools import partial

from archiver.subject_access.requests.deadlines import SOON_DAYS
from services import clock, metrics
from services.calendar.opening_hours import AMSTERDAM
from services.postgres.database import Pool, retry_while_unavailable

COUNT_SECONDS = 60.0
"""Pause between two counts; the figures change by the day."""
STATES = ("open", "soon", "overdue")


async def count(pool: Pool, tenants: Collection[str]) -> None:
    """Update the metrics until cancelled. A municipality without requests has 0."""
    while True:
        today = clock.now().astimezone(AMSTERDAM).date()
        fetch = partial(pool.fetch, _COUNT, today, today + timedelta(days=SOON_DAYS))
        counts = {row["tenant"]: row for row in await retry_while_unavailable(fetch, "requests")}
        for tenant in tenants:
            for state in STATES:
                number = counts[tenant][state] if tenant in counts else 0
                metrics.requests.labels(tenant=tenant, state=state).set(number)
        await asyncio.sleep(COUNT_SECONDS)


_COUNT = """
select tenant, count(*) as open, count(*) filter (where due_on between $1 and $2) as soon,
    count(*) filter (where due_on < $1) as overdue
from archiver.request where decision is null group by tenant
"""
