"""To the router: conversations of which nothing is left to do in an Open Klant."""

import asyncio
from functools import partial

from deliverer.destinations.openklant.closing_store import CLOSING_LIMIT, ClosingStore
from deliverer.destinations.openklant.task_status import order
from services.amqp.partition_publisher import PartitionPublisher
from services.postgres.database import retry_while_unavailable

POLL_SECONDS = 1.0
"""Between two looks at rows of which there were none."""
CONFIRM_SECONDS = 10.0


async def run_closing_relay(closings: ClosingStore, partitions: PartitionPublisher) -> None:
    """Rows first, so nothing waits for this; told twice, it is known again by its id."""
    while True:
        if await relay_closings(closings, partitions) < CLOSING_LIMIT:
            await asyncio.sleep(POLL_SECONDS)


async def relay_closings(closings: ClosingStore, partitions: PartitionPublisher) -> int:
    """How many the broker has by now."""
    unpublished = await retry_while_unavailable(closings.untold, "closings")
    published = await partitions.publish_by_number([order(each) for each in unpublished], CONFIRM_SECONDS)
    if published:
        ids = [command.id for command in published]
        await retry_while_unavailable(partial(closings.told, ids), "closings")
    return len(published)
