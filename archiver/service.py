"""The archiver as a process: the archive's queue in, its API out."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from archiver import months, older
from archiver.api import Api
from archiver.aside import Aside
from archiver.intake import FRAMES, Intake
from archiver.media import fetcher, relay
from archiver.media import looker as looking
from archiver.media.answering import Files
from archiver.media.book import Book
from archiver.media.fetcher import Fetcher
from archiver.media.looker import Looker
from archiver.media.source import sourcing
from archiver.openapi import document
from archiver.operations import recording
from archiver.record import signing
from archiver.record.keys import Keys
from archiver.record.processing import Activities
from archiver.record.signing import Signer
from archiver.record.writing import Writer
from archiver.requests import counting
from archiver.search.answering import Searching
from archiver.search.finding import Finder
from archiver.store import Store
from archiver.views import viewing
from services import clock, manual, topology
from services.broker import linked
from services.config import Config
from services.consumer import consuming
from services.database import Pool, connected, until_it_answers
from services.graph import Account
from services.http import application, operations, serve
from services.keyring import keyring, of_environment
from services.lifecycle import first_to_end, obstacles
from services.objects import Objects
from services.partitions import Partitions
from services.scanner import configured
from services.settings import ArchiverSettings, derived_key, in_bytes
from services.tasks import beside

POOL_SIZE = 16
"""Connections to PostgreSQL: one writes, one for each file under way, the others answer."""


@asynccontextmanager
async def archiver(
    settings: ArchiverSettings, config: Config, accounts: Mapping[str, Account]
) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs until left; the future ends only when a part breaks."""
    queue = next(q for q in topology.queues(config.partitions, ()) if q.kind == "archive")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        url = settings.database_url.get_secret_value()
        pool = await enter(connected(url, "postkamer-archiver", POOL_SIZE))
        link = await enter(linked(settings.amqp_url.get_secret_value(), "archiver consumes"))
        keys = Keys(pool, [in_bytes(key) for key in settings.archive_key])
        activities = Activities({t.id: t.processing_activity for t in config.tenants})
        writer, store = Writer(pool, keys, activities), Store(pool, keys)
        objects = Objects(settings.object_store)
        tended = await enter(_tended(settings, config, Archive(pool, keys, writer), objects))
        intake = Intake(writer, Aside(pool, keys))
        consumer = await enter(consuming(link, queue, FRAMES, intake.work))
        ring = await enter(keyring(pool, of_environment(settings, config)))
        ready = operations(lambda: obstacles(pool, [consumer]))
        await enter(serve(ready, settings.bind, settings.archiver_ops_port))
        book = Book(pool, keys)
        works = await enter(_files(settings, config, accounts, book, objects))
        views = await enter(viewing(writer))
        secret = lambda tenant, id: config.confidential(tenant, [id])  # noqa: E731
        reading = Api(store, views, ring, lambda: intake.behind, secret)
        only = config.environment == "production"
        files = Files(store, book, objects, views, ring, scanned_only=only)
        searching = Searching(Finder(pool, keys, store), store, views, ring)
        doors = [*reading.routes(), *searching.routes(), *files.routes()]
        api = application([*doors, *manual.routes(document)])
        await enter(serve(api, settings.bind, settings.archiver_port))
        parts = (link.task, ring.task, views.task, consumer.task, *tended, *works)
        yield first_to_end(*parts)


class Archive(NamedTuple):
    """The record, and what opens and writes it."""

    pool: Pool
    keys: Keys
    writer: Writer


@asynccontextmanager
async def _tended(
    settings: ArchiverSettings, config: Config, archive: Archive, objects: Objects
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """What the record needs besides what comes in: months, what people typed, checkpoints, and how
    many requests of citizens wait."""
    pool = archive.pool
    signer = Signer(config.log, derived_key(settings.archive_key, signing.PURPOSE))
    works = [
        _begin(archive, config.processing_months),
        recording(pool, archive.writer.add),
        signing.keep(pool, signer, objects),
        counting.count(pool, [tenant.id for tenant in config.tenants]),
    ]
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(beside(work)) for work in works]


@asynccontextmanager
async def _files(
    settings: ArchiverSettings,
    config: Config,
    accounts: Mapping[str, Account],
    book: Book,
    objects: Objects,
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Files got and looked at, a few at once; what became of them is told over a connection that
    reads nothing: one that the broker blocks may not stop the record."""
    looker = Looker(book, objects, configured(settings.scanner_url, config))
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        link = await enter(linked(settings.amqp_url.get_secret_value(), "archiver publishes"))
        partitions = Partitions(link, clock.new_id(), config.partitions)
        source = await enter(sourcing(objects, fetcher.AT_ONCE))
        getter = Fetcher(book, source, objects, accounts)
        works = [relay.tell(book, partitions), relay.count(book)]
        works += [getter.run() for _ in range(fetcher.AT_ONCE)]
        works += [looker.run() for _ in range(looking.AT_ONCE)]
        yield [link.task, *[await enter(beside(work)) for work in works]]


async def _begin(archive: Archive, kept: int) -> None:
    """What comes before all else; then the months, for as long as the service runs."""
    pool, keys, writer = archive
    await until_it_answers(keys.check, "keys")
    await until_it_answers(lambda: months.make(pool, clock.now().date()), "months")
    await older.move(pool, keys, writer)
    await months.keep(pool, kept)
