"""To the router: conversations of which nothing is left to do in an Open Klant."""

import asyncio
from functools import partial

from deliverer.destinations.openklant.closing_store import CLOSINGS, Closings
from deliverer.destinations.openklant.task_status import order
from services.amqp.partition_publisher import Partitions
from services.postgres.database import until_it_answers

LOOK_SECONDS = 1.0
"""Between two looks at rows of which there were none."""
CONFIRM_SECONDS = 10.0


async def tell(closings: Closings, partitions: Partitions) -> None:
    """Rows first, so nothing waits for this; told twice, it is known again by its id."""
    while True:
        if await tell_some(closings, partitions) < CLOSINGS:
            await asyncio.sleep(LOOK_SECONDS)


async def tell_some(closings: Closings, partitions: Partitions) -> int:
    """How many the broker has by now."""
    waiting = await until_it_answers(closings.untold, "closings")
    told = await partitions.tell([order(each) for each in waiting], CONFIRM_SECONDS)
    if told:
        ids = [command.id for command in told]
        await until_it_answers(partial(closings.told, ids), "closings")
    return len(told)
