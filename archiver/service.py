"""The archiver as a process: the archive's queue in, its API out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from archiver.api import Api
from archiver.intake import FRAMES, Intake
from archiver.openapi import document
from archiver.store import Store
from services import clock, manual, topology
from services.broker import linked
from services.config import Config
from services.consumer import consuming
from services.database import connected, until_it_answers
from services.http import application, operations, serve
from services.keyring import keyring, of_environment
from services.lifecycle import first_to_end, obstacles
from services.settings import ArchiverSettings
from services.tasks import beside

POOL_SIZE = 8
"""Connections to PostgreSQL: one writes, the others answer."""
MONTHS_SECONDS = 24 * 3600.0
"""Between two looks at whether the partitions of the coming months are there."""


@asynccontextmanager
async def archiver(
    settings: ArchiverSettings, config: Config
) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs until left; the future ends only when a part breaks."""
    queue = next(q for q in topology.queues(config.partitions, ()) if q.kind == "archive")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        url = settings.database_url.get_secret_value()
        pool = await enter(connected(url, "postkamer-archiver", POOL_SIZE))
        link = await enter(linked(settings.amqp_url.get_secret_value(), "archiver"))
        store = Store(pool)
        months = await enter(beside(_make_months(store)))
        intake = Intake(store)
        consumer = await enter(consuming(link, queue, FRAMES, intake.work))
        ring = await enter(keyring(pool, of_environment(settings, config)))
        ready = operations(lambda: obstacles(pool, [consumer]))
        await enter(serve(ready, settings.bind, settings.archiver_ops_port))
        reading = Api(store, ring, lambda: intake.behind)
        api = application([*reading.routes(), *manual.routes(document)])
        await enter(serve(api, settings.bind, settings.archiver_port))
        yield first_to_end(link.task, ring.task, months, consumer.task)


async def _make_months(store: Store) -> None:
    while True:
        await until_it_answers(lambda: store.make_months(clock.now().date()), "months")
        await asyncio.sleep(MONTHS_SECONDS)
