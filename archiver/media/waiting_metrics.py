"""Metrics of the files that wait to be fetched or scanned."""

import asyncio

from archiver.media.store import MediaStore
from services import clock, metrics
from services.postgres.database import retry_while_unavailable

COUNT_SECONDS = 15.0
STATES, RESULTS = ("waiting", "fetched"), ("available", "quarantined", "lost")


async def count_waiting(media_store: MediaStore) -> None:
    """Update the metrics until cancelled. Counters start at 0, since without that the first event
    would not show as an increase."""
    for outcome in RESULTS:
        metrics.media.labels(outcome=outcome)
    while True:
        waiting = {
            each.state: each
            for each in await retry_while_unavailable(media_store.count_waiting, "media")
        }
        for state in STATES:
            each = waiting.get(state)
            age = (clock.now() - each.since).total_seconds() if each else 0.0
            metrics.media_waiting.labels(state=state).set(each.count if each else 0)
            metrics.media_waiting_seconds.labels(state=state).set(max(0.0, age))
        await asyncio.sleep(COUNT_SECONDS)
