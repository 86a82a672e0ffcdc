"""Relays closings to the router: conversations without open tasks in an Open Klant."""

import asyncio
from functools import partial

from deliverer.destinations.openklant.closing_store import CLOSING_LIMIT, ClosingStore
from deliverer.destinations.openklant.task_status import close_command
from services.amqp.partition_publisher import PartitionPublisher
from services.postgres.database import retry_while_unavailable

POLL_SECONDS = 1.0
"""Interval between polls of an empty outbox."""
CONFIRM_SECONDS = 10.0


async def run_closing_relay(closings: ClosingStore, partitions: PartitionPublisher) -> None:
    """Publish stored closings for as long as this runs. The router drops duplicates by their id."""
    while True:
        if await relay_closings(closings, partitions) < CLOSING_LIMIT:
            await asyncio.sleep(POLL_SECONDS)


async def relay_closings(closings: ClosingStore, partitions: PartitionPublisher) -> int:
    """Publish one batch of closings; return the number that the broker confirmed."""
    unpublished = await retry_while_unavailable(closings.unpublished, "closings")
    published = await partitions.publish_by_number(
        [close_command(each) for each in unpublished], CONFIRM_SECONDS
    )
    if published:
        ids = [command.id for command in published]
        await retry_while_unavailable(partial(closings.delete_published, ids), "closings")
    return len(published)
