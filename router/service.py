"""The router as a process: connections, rules, a consumer for each partition, relay, monitors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from router.active_rules import ActiveRules
from router.budget_monitor import BudgetMonitor
from router.handlers.units import keyed_hash
from router.partition.worker import FRAMES, Partition
from router.silence.monitor import SilenceMonitor
from router.store.store import Store
from router.timer_relay import TimerRelay
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import run_consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import Publisher
from services.config.loader import LoadedConfig
from services.config.model import Configuration
from services.config.reload import ActiveVersion
from services.config.settings import RouterSettings, derive_key
from services.http.application import operations_app
from services.http.server import serve
from services.lifecycle import first_failure, readiness_problems
from services.postgres.database import connection_pool
from services.tasks import background_task

POOL_SIZE = 8
"""Connections to PostgreSQL: one for each active partition, two for the relay, one each for
budgets and silence now and then, and some room."""


@asynccontextmanager
async def router(
    settings: RouterSettings, loaded: LoadedConfig
) -> AsyncIterator["asyncio.Future[object]"]:
    """Run the router until the context is left; the future ends only when a part fails."""
    amqp = settings.amqp_url.get_secret_value()
    url = settings.database_url.get_secret_value()
    config = loaded.config
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool = await enter(connection_pool(url, "postkamer-router", POOL_SIZE))
        outgoing = await enter(broker_connection(amqp, "router publishes"))
        incoming = await enter(broker_connection(amqp, "router consumes"))
        store = Store(pool)
        archive = Publisher(outgoing, topology.ARCHIVE)
        hash = keyed_hash(derive_key(settings.archive_key, "router"))
        rules = ActiveRules(store, archive, hash)
        version = ActiveVersion(loaded)
        rules_task = await enter(background_task(rules.run(settings.config, version)))
        destinations = Publisher(outgoing, topology.DESTINATIONS)
        partitions = PartitionPublisher(outgoing, clock.new_id(), config.partitions)
        holders = [
            Partition(n, rules.context, store, archive, destinations, partitions)
            for n in range(config.partitions)
        ]
        consumers = [
            await enter(run_consumer(incoming, queue, FRAMES, holder.work))
            for queue, holder in zip(_partitions(config), holders, strict=True)
        ]
        # A connection of its own: trouble with the relay's publishes must not affect the others.
        relaying = await enter(broker_connection(amqp, "router tells"))
        relay = TimerRelay(store, PartitionPublisher(relaying, clock.new_id(), config.partitions))
        relay_task = await enter(background_task(relay.run()))
        monitors = (BudgetMonitor(pool, rules.context), SilenceMonitor(pool, rules.context))
        monitor_tasks = [await enter(background_task(monitor.run())) for monitor in monitors]

        async def problems() -> list[str]:
            return rules.problems() + await readiness_problems(pool, consumers)

        operations = operations_app(problems, lambda: version.status)
        await enter(serve(operations, settings.bind, settings.router_ops_port))
        consumer_tasks = [consumer.task for consumer in consumers]
        links = [link.task for link in (outgoing, incoming, relaying)]
        yield first_failure(*links, rules_task, relay_task, *monitor_tasks, *consumer_tasks)


def _partitions(config: Configuration) -> list[topology.Queue]:
    table = topology.queues(config.partitions, [d.id for d in config.destinations])
    return [queue for queue in table if queue.kind == "partition"]
