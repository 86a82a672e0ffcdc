"""The router as a process: connections, rules, a consumer for each partition, relay, budgets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from router.active_rules import Rulebook
from router.budget_monitor import Budgets
from router.handlers.units import keyed_hash
from router.partition.worker import FRAMES, Partition
from router.store.store import Store
from router.timer_relay import Relay
from services import clock
from services.amqp import topology
from services.amqp.connection import linked
from services.amqp.consumer import consuming
from services.amqp.partition_publisher import Partitions
from services.amqp.publisher import Publisher
from services.config.loader import Choices
from services.config.model import Config
from services.config.settings import RouterSettings, derived_key
from services.http.application import operations
from services.http.server import serve
from services.lifecycle import first_to_end, obstacles
from services.postgres.database import connected
from services.tasks import beside

POOL_SIZE = 8
"""Connections to PostgreSQL: one for each partition at work, one for the relay, one for
budgets now and then, and some room."""


@asynccontextmanager
async def router(
    settings: RouterSettings, choices: Choices
) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs until left; the future ends only when a part breaks."""
    amqp = settings.amqp_url.get_secret_value()
    url = settings.database_url.get_secret_value()
    config = choices.config
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool = await enter(connected(url, "postkamer-router", POOL_SIZE))
        outgoing = await enter(linked(amqp, "router publishes"))
        incoming = await enter(linked(amqp, "router consumes"))
        store = Store(pool)
        archive = Publisher(outgoing, topology.ARCHIVE)
        hash = keyed_hash(derived_key(settings.archive_key, "router"))
        rules = Rulebook(store, archive, hash)
        followed = await enter(beside(rules.run(settings.config, choices)))
        destinations = Publisher(outgoing, topology.DESTINATIONS)
        consumers = [
            await enter(
                consuming(
                    incoming,
                    queue,
                    FRAMES,
                    Partition(n, rules.ground, store, archive, destinations).work,
                )
            )
            for n, queue in enumerate(_partitions(config))
        ]
        # On a connection of its own: what the relay's publishes make it doubt, no other goes by.
        back = await enter(linked(amqp, "router tells"))
        relay = Relay(store, Partitions(back, clock.new_id(), config.partitions))
        told = await enter(beside(relay.run()))
        counted = await enter(beside(Budgets(pool, rules.ground).run()))

        async def hindered() -> list[str]:
            return rules.obstacles() + await obstacles(pool, consumers)

        await enter(serve(operations(hindered), settings.bind, settings.router_ops_port))
        held = [consumer.task for consumer in consumers]
        links = [link.task for link in (outgoing, incoming, back)]
        yield first_to_end(*links, followed, told, counted, *held)


def _partitions(config: Config) -> list[topology.Queue]:
    table = topology.queues(config.partitions, [d.id for d in config.destinations])
    return [queue for queue in table if queue.kind == "partition"]
