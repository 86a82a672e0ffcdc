"""To the router: conversations of which nothing is left to do in an Open Klant."""

import asyncio
from functools import partial

from deliverer.destinations.openklant.closing_store import CLOSINGS, Closings
from deliverer.destinations.openklant.task_status import order
from services.amqp.partition_publisher import PartitionPublisher
from services.postgres.database import retry_while_unavailable

LOOK_SECONDS = 1.0
"""Between two looks at rows of which there were none."""
CONFIRM_SECONDS = 10.0


async def run_closing_relay(closings: Closings, partitions: PartitionPublisher) -> None:
    """Rows first, so nothing waits for this; told twice, it is known again by its id."""
    while True:
        if await relay_closings(closings, partitions) < CLOSINGS:
            await asyncio.sleep(LOOK_SECONDS)


async def relay_closings(closings: Closings, partitions: PartitionPublisher) -> int:
    """How many the broker has by now."""
    waiting = await retry_while_unavailable(closings.untold, "closings")
    told = await partitions.publish_by_number([order(each) for each in waiting], CONFIRM_SECONDS)
    if told:
        ids = [command.id for command in told]
        await retry_while_unavailable(partial(closings.told, ids), "closings")
    return len(told)
