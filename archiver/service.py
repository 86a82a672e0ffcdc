"""The archiver as a process: the archive's queue in, its API out."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from archiver import table_partitions
from archiver.api.access_log import access_log
from archiver.api.queries import Store
from archiver.api.routes import Api
from archiver.encryption.key_store import KeyStore
from archiver.index.processing_log import Activities
from archiver.intake import FRAMES, Intake
from archiver.log import checkpoint_signer
from archiver.log.checkpoint_signer import Signer
from archiver.log.writer import Writer
from archiver.media import fetcher, relay
from archiver.media import scan_worker as looking
from archiver.media.fetcher import Fetcher
from archiver.media.provider_client import media_client
from archiver.media.routes import Files
from archiver.media.scan_worker import ScanWorker
from archiver.media.store import MediaStore
from archiver.openapi import document
from archiver.operator_actions import record_operator_actions
from archiver.quarantine import Quarantine
from archiver.search.routes import Searching
from archiver.search.search import Search
from archiver.subject_access.requests import request_metrics
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import run_consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.api import docs_page
from services.config.accounts import ProviderAccount
from services.config.model import Configuration
from services.config.settings import ArchiverSettings, derive_key, key_bytes
from services.files.clamd import configured_scanner
from services.files.object_store import ObjectStore
from services.http.application import api_app, operations_app
from services.http.server import serve
from services.http.token_store import environment_tokens, run_token_store
from services.lifecycle import first_failure, readiness_problems
from services.postgres.database import Pool, connection_pool, retry_while_unavailable
from services.tasks import background_task

POOL_SIZE = 16
"""Connections to PostgreSQL: one writes, one for each file under way, the others answer."""


@asynccontextmanager
async def archiver(
    settings: ArchiverSettings, config: Configuration, accounts: Mapping[str, ProviderAccount]
) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs until left; the future ends only when a part breaks."""
    queue = next(q for q in topology.queues(config.partitions, ()) if q.kind == "archive")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        url = settings.database_url.get_secret_value()
        pool = await enter(connection_pool(url, "postkamer-archiver", POOL_SIZE))
        link = await enter(
            broker_connection(settings.amqp_url.get_secret_value(), "archiver consumes")
        )
        keys = KeyStore(pool, [key_bytes(key) for key in settings.archive_key])
        activities = Activities({t.id: t.processing_activity for t in config.tenants})
        writer, store = Writer(pool, keys, activities), Store(pool, keys)
        objects = ObjectStore(settings.object_store)
        tended = await enter(_tended(settings, config, Archive(pool, keys, writer), objects))
        intake = Intake(writer, Quarantine(pool, keys))
        consumer = await enter(run_consumer(link, queue, FRAMES, intake.work))
        ring = await enter(run_token_store(pool, environment_tokens(settings, config)))
        ready = operations_app(lambda: readiness_problems(pool, [consumer]))
        await enter(serve(ready, settings.bind, settings.archiver_ops_port))
        book = MediaStore(pool, keys)
        works = await enter(_files(settings, config, accounts, book, objects))
        views = await enter(access_log(writer))
        secret = lambda tenant, id: config.confidential(tenant, [id])  # noqa: E731
        reading = Api(store, views, ring, lambda: intake.lag, secret)
        only = config.environment == "production"
        files = Files(store, book, objects, views, ring, scanned_only=only)
        searching = Searching(Search(pool, keys, store), store, views, ring)
        doors = [*reading.routes(), *searching.routes(), *files.routes()]
        api = api_app([*doors, *docs_page.routes(document)])
        await enter(serve(api, settings.bind, settings.archiver_port))
        parts = (link.task, ring.task, views.task, consumer.task, *tended, *works)
        yield first_failure(*parts)


class Archive(NamedTuple):
    """The record, and what opens and writes it."""

    pool: Pool
    keys: KeyStore
    writer: Writer


@asynccontextmanager
async def _tended(
    settings: ArchiverSettings, config: Configuration, archive: Archive, objects: ObjectStore
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """What the record needs besides what comes in: months, what people typed, checkpoints, and how
    many requests of citizens wait."""
    pool = archive.pool
    signer = Signer(config.log, derive_key(settings.archive_key, checkpoint_signer.PURPOSE))
    works = [
        _begin(archive, config.processing_months),
        record_operator_actions(pool, archive.writer.add),
        checkpoint_signer.keep(pool, signer, objects),
        request_metrics.count(pool, [tenant.id for tenant in config.tenants]),
    ]
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(background_task(work)) for work in works]


@asynccontextmanager
async def _files(
    settings: ArchiverSettings,
    config: Configuration,
    accounts: Mapping[str, ProviderAccount],
    book: MediaStore,
    objects: ObjectStore,
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Files got and looked at, a few at once; what became of them is told over a connection that
    reads nothing: one that the broker blocks may not stop the record."""
    looker = ScanWorker(book, objects, configured_scanner(settings.scanner_url, config))
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        link = await enter(
            broker_connection(settings.amqp_url.get_secret_value(), "archiver publishes")
        )
        partitions = PartitionPublisher(link, clock.new_id(), config.partitions)
        source = await enter(media_client(objects, fetcher.AT_ONCE))
        getter = Fetcher(book, source, objects, accounts)
        works = [relay.tell(book, partitions), relay.count(book)]
        works += [getter.run() for _ in range(fetcher.AT_ONCE)]
        works += [looker.run() for _ in range(looking.AT_ONCE)]
        yield [link.task, *[await enter(background_task(work)) for work in works]]


async def _begin(archive: Archive, kept: int) -> None:
    """What comes before all else; then the months, for as long as the service runs."""
    pool, keys, _ = archive
    await retry_while_unavailable(keys.check, "keys")
    await retry_while_unavailable(
        lambda: table_partitions.create_partitions(pool, clock.now().date()), "months"
    )
    await table_partitions.maintain_partitions(pool, kept)
