"""The router as a process: connections, rules, a consumer for each partition, relay, monitors."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from router.active_rules import ActiveRules
from router.api.figure_routes import FigureRoutes
from router.api.openapi import document
from router.api.routes import RuleRoutes
from router.budget_monitor import BudgetMonitor
from router.ended_rows import clearings
from router.model.hashes import Hashes
from router.partition.worker import FRAMES, Partition
from router.retry_relay import run_retries
from router.silence.monitor import SilenceMonitor
from router.store.recognition import check_recognition
from router.store.store import Store
from router.timer_relay import TimerRelay
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import Consumer, run_consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import Publisher
from services.amqp.shared_queues import shared_queues
from services.api import docs_page
from services.clearing import Clearing, clear_periodically
from services.config.model import Configuration
from services.config.reload import ActiveVersion
from services.config.secret_files import LiveSettings, amqp_url, server_settings
from services.config.settings import RouterSettings, derive_key, key_bytes
from services.config.shortened_rules import drop_rules
from services.drained_queues import drained_queue_reports
from services.http.application import Route, api_app, operations_app
from services.http.server import serve
from services.http.service_status import PartitionStatus, ServiceParts
from services.http.token_store import TokenStore, environment_tokens, run_token_store
from services.keys.oldest_archive_key import note_oldest_archive_key
from services.keys.working_keys import sealing_pool
from services.lifecycle import first_failure, readiness_problems
from services.postgres.database import Pool, retry_while_unavailable
from services.published_batches import published_batch_reports
from services.restoration.waiting_room import wait_until_compared
from services.sealing import hash_keys
from services.sealing.key_ring import RING
from services.servers.certificate_watch import watch_servers
from services.tasks import background_task, first_or_watchdog

POOL_SIZE = 10
"""Connections to PostgreSQL: one for each active partition, two for the relay of timers, one each
for sharing, retries, budgets, silence and clearing now and then, two for calls of the API and their
tokens, and some room."""


@asynccontextmanager
async def router(
    live: LiveSettings[RouterSettings], version: ActiveVersion
) -> AsyncIterator["asyncio.Future[object]"]:
    """Run the router until the context is left; the future ends only when a part fails."""
    settings, amqp = live.current, amqp_url(live)
    config = drop_rules(version.loaded.config)  # this stays, and former rules are to be freed
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool, keys = await enter(sealing_pool(live, "router", POOL_SIZE, config.partitions))
        await wait_until_compared(pool, settings.bind, settings.router_ops_port, keys)
        outgoing = await enter(broker_connection(amqp, "router publishes"))
        incoming = await enter(broker_connection(amqp, "router consumes"))
        shared, sharing = await enter(shared_queues(pool, "router"))
        store, archive = Store(pool), Publisher(outgoing, topology.ARCHIVE)
        hashes = await _own_hashes(settings, pool, keys)
        rules = ActiveRules(store, archive, hashes)
        rules_task = await enter(background_task(rules.run(settings.config, version, pool)))
        destinations = Publisher(outgoing, topology.DESTINATIONS)
        batches = PartitionPublisher(outgoing, clock.new_id(), config.partitions)
        partitions = [
            Partition(n, rules.context, store, archive, destinations, batches)
            for n in range(config.partitions)
        ]
        consumers = [
            await enter(run_consumer(incoming, queue, FRAMES, partition.work))
            for queue, partition in zip(_partitions(config), partitions, strict=True)
        ]
        for consumer in consumers:
            shared.add(consumer)
        drained = await enter(drained_queue_reports(pool, consumers))
        published = await enter(published_batch_reports(pool, [batches]))
        side_tasks = await enter(_side_tasks(live, config, pool, store, rules))

        async def problems() -> list[str]:
            return rules.problems() + await readiness_problems(pool, consumers)

        parts = partial(_parts, consumers, partitions)
        app = operations_app(problems, lambda: version.status, parts)
        await enter(serve(app, settings.bind, settings.router_ops_port))
        ring = await enter(_api(settings, config, pool, rules))
        live.use(partial(prepare_secrets, version, ring))
        links = outgoing.task, incoming.task, keys, sharing, drained, published, ring.task
        yield first_failure(
            *links, live.task, rules_task, *side_tasks, *(each.task for each in consumers)
        )


async def _own_hashes(settings: RouterSettings, pool: Pool, keys: "asyncio.Task[None]") -> Hashes:
    """Return the hashes of this installation. Raises OtherOldestKey where its key is another."""
    hashes, last = (
        Hashes(derive_key(settings.archive_key, hash_keys.PURPOSE)),
        key_bytes(settings.archive_key[-1]),
    )

    async def check() -> None:
        await check_recognition(pool, hashes)
        await note_oldest_archive_key(pool, last)

    await first_or_watchdog(RING.ready.wait(), keys)
    await retry_while_unavailable(check, "oldest key")
    return hashes


def prepare_secrets(
    version: ActiveVersion, ring: TokenStore, settings: RouterSettings
) -> Callable[[], None]:
    """Prepare the tokens that changed files hold."""
    tokens = environment_tokens(settings, version.loaded.config)
    return partial(ring.use_environment, tokens)


def all_routes(rules: RuleRoutes, figures: FigureRoutes) -> list[Route]:
    """Return all that the router serves; the document describes each."""
    return [*rules.routes(), *figures.routes(), *docs_page.routes(document)]


@asynccontextmanager
async def _api(
    settings: RouterSettings, config: Configuration, pool: Pool, rules: ActiveRules
) -> AsyncIterator[TokenStore]:
    """Serve the API; yields its tokens. Several routers of one machine share
    the port: each answers alike. A router has no way out of its network, unless people are to use
    this: so it asks an identity provider nothing before one of them comes."""
    given = environment_tokens(settings, config)
    async with run_token_store(pool, given, config, keys_ahead=False) as ring:
        rules.follow(ring.reload)
        given_to_all = pool, rules.context, ring
        app = api_app(all_routes(RuleRoutes(*given_to_all), FigureRoutes(*given_to_all)))
        async with serve(app, settings.bind, settings.router_port, shared=True):
            yield ring


@asynccontextmanager
async def _side_tasks(
    live: LiveSettings[RouterSettings],
    config: Configuration,
    pool: Pool,
    store: Store,
    rules: ActiveRules,
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Run the relays, the monitors, the watch of certificates and the clearing. The relays have a
    connection of their own: trouble with their publishes must not affect the partitions."""
    amqp = amqp_url(live)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        link = await enter(broker_connection(amqp, "router tells"))
        # Each relay numbers its own batches.
        timers, retries = (
            PartitionPublisher(link, clock.new_id(), config.partitions) for _ in range(2)
        )
        report = await enter(published_batch_reports(pool, [timers, retries]))
        works = (
            TimerRelay(store, timers).run(),
            run_retries(store, retries, rules.context),
            BudgetMonitor(pool, rules.context).run(),
            SilenceMonitor(pool, rules.context).run(),
            watch_servers(server_settings(live), live.environ),
            clear_periodically(pool, partial(_clearings, rules), config.terms.model_dump()),
        )
        yield [link.task, report, *[await enter(background_task(work)) for work in works]]


async def _clearings(rules: ActiveRules) -> Sequence[Clearing]:
    """Return what ends where the numbers of now are configured."""
    return clearings((await rules.context()).config.numbers)


def _parts(consumers: Sequence[Consumer], partitions: Sequence[Partition]) -> ServiceParts:
    return ServiceParts(
        consumers=tuple(consumer.status for consumer in consumers),
        partitions=tuple(PartitionStatus(each.number, each.epoch) for each in partitions),
    )


def _partitions(config: Configuration) -> list[topology.Queue]:
    table = topology.queues(config.partitions, [d.id for d in config.destinations])
    return [queue for queue in table if queue.kind == "partition"]
