"""Metrics of transcripts that are to be handed over."""

import asyncio
from functools import partial

from services import metrics
from services.postgres.database import Pool, retry_while_unavailable

COUNT_SECONDS = 60.0
"""Pause between two counts; a failure is tried again for days."""
STATES = ("waiting", "parked")


async def count(pool: Pool) -> None:
    """Update the metrics until cancelled."""
    while True:
        await retry_while_unavailable(partial(count_once, pool), "handover")
        await asyncio.sleep(COUNT_SECONDS)


async def count_once(pool: Pool) -> None:
    """Update the metrics. What is not due yet is not waiting."""
    [row] = await pool.fetch(_COUNT)
    for state in STATES:
        metrics.handovers_waiting.labels(state=state).set(row[state])
    metrics.handover_oldest_seconds.set(row["oldest"])


_COUNT = """
select
    (select count(*) from archiver.handover
        where state = 'waiting' and due_since <= now()) as waiting,
    (select count(*) from archiver.handover where state = 'parked') as parked,
    (select greatest(0, coalesce(extract(epoch from now() - min(due_since)), 0))::float8
        from archiver.handover where state = 'waiting') as oldest
"""
