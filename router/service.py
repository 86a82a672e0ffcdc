"""The router as a process: its connections, a consumer for each partition, its health."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from router.decisions import Ground
from router.partition import FRAMES, Partition
from router.rules import compile_config
from router.store import Store
from router.units import keyed_hash
from services import topology
from services.broker import Publisher, linked
from services.config import Config
from services.consumer import consuming
from services.database import connected
from services.http import operations, serve
from services.lifecycle import first_to_end, obstacles
from services.settings import RouterSettings, derived_key

POOL_SIZE = 8
"""Connections to PostgreSQL: one for each partition at work, and some room."""


@asynccontextmanager
async def router(
    settings: RouterSettings, config: Config
) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs until left; the future ends only when a part breaks."""
    amqp = settings.amqp_url.get_secret_value()
    hash = keyed_hash(derived_key(settings.archive_key, "router"))
    ground = Ground(config, compile_config(config), hash)
    table = topology.queues(config.partitions, [d.id for d in config.destinations])
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool = await enter(
            connected(settings.database_url.get_secret_value(), "postkamer-router", POOL_SIZE)
        )
        outgoing = await enter(linked(amqp, "router publishes"))
        incoming = await enter(linked(amqp, "router consumes"))
        store = Store(pool, ground)
        archive = Publisher(outgoing, topology.ARCHIVE)
        destinations = Publisher(outgoing, topology.DESTINATIONS)
        consumers = [
            await enter(
                consuming(
                    incoming,
                    queue,
                    FRAMES,
                    Partition(n, ground, store, archive, destinations).work,
                )
            )
            for n, queue in enumerate(q for q in table if q.kind == "partition")
        ]
        app = operations(lambda: obstacles(pool, consumers))
        await enter(serve(app, settings.bind, settings.router_ops_port))
        yield first_to_end(outgoing.task, incoming.task, *(consumer.task for consumer in consumers))
