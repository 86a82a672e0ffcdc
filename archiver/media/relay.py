"""Publish the results of files to the partitions of their numbers, and count waiting files."""

import asyncio
from functools import partial

from archiver.media.store import MediaStore
from services import clock, metrics
from services.amqp.partition_publisher import PartitionPublisher
from services.postgres.database import retry_while_unavailable

POLL_SECONDS = 0.5
"""Pause before the table is polled again for unpublished results."""
BATCH = 256
"""Results published at a time: under 128 KiB."""
CONFIRM_SECONDS = 10.0
COUNT_SECONDS = 15.0
STATES, RESULTS = ("waiting", "fetched"), ("available", "quarantined", "lost")


async def publish_results(media_store: MediaStore, partitions: PartitionPublisher) -> None:
    """Publish results until cancelled. If it is cut off after publishing, the results are published
    again."""
    while True:
        unpublished = await retry_while_unavailable(
            partial(media_store.load_unpublished, BATCH), "media"
        )
        published = await partitions.publish_by_number(unpublished, CONFIRM_SECONDS)
        if published:
            await retry_while_unavailable(partial(media_store.mark_published, published), "media")
        if len(published) < BATCH:
            await asyncio.sleep(POLL_SECONDS)


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
