"""The archiver process: it consumes the archive queue and serves the record API."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from archiver import table_partitions
from archiver.api.access_log import AccessLog, access_log
from archiver.api.queries import RecordReader
from archiver.api.routes import RecordRoutes
from archiver.balance.monitor import keep_balance
from archiver.destruction.declaration_store import Declarer
from archiver.destruction.destroyer import Destroyer
from archiver.destruction.hash_renewal import HashRenewer
from archiver.destruction.key_rewriting import rewrite_keys_after_destructions
from archiver.destruction.list_metrics import count_lists
from archiver.destruction.notices import notice_outbox
from archiver.destruction.removal import FileRemover
from archiver.encryption.key_store import KeyStore
from archiver.handover import waiting_metrics as handover_metrics
from archiver.handover.follower import HandoverFollower
from archiver.handover.sender import AddRecords, HandoverSender
from archiver.handover.zgw_client import zgw_session
from archiver.index.processing_log import Activities
from archiver.intake import PREFETCH, Intake
from archiver.log import checkpoint_signer, outside_head
from archiver.log.outside_head import HeadKeeper
from archiver.log.writer import Writer
from archiver.media import fetcher, scan_worker
from archiver.media.claim import POLL_SECONDS
from archiver.media.fetcher import Fetcher
from archiver.media.provider_client import media_client
from archiver.media.routes import MediaRoutes
from archiver.media.scan_worker import ScanWorker
from archiver.media.store import FETCH_WAITS, MediaStore
from archiver.media.upload_source import UploadSource
from archiver.media.waiting_metrics import count_waiting
from archiver.openapi import document
from archiver.operator_actions import record_operator_actions
from archiver.orders import order
from archiver.orders.comparer import Comparer
from archiver.orders.order_book import OrderBook
from archiver.orders.order_keeper import OrderKeeper
from archiver.privacy.annotation_routes import AnnotationRoutes
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.disclosures.document_routes import DocumentRoutes
from archiver.privacy.disclosures.routes import DisclosureRoutes
from archiver.privacy.exposure_routes import ExposureRoutes
from archiver.privacy.holds.routes import HoldRoutes
from archiver.privacy.lists.routes import ListRoutes
from archiver.privacy.report_routes import ReportRoutes
from archiver.privacy.request_routes import RequestRoutes
from archiver.privacy.valuation_routes import ValuationRoutes
from archiver.privacy.view_routes import ViewRoutes
from archiver.quarantine import Quarantine, count_entries
from archiver.retention import dossier_metrics, hold_metrics
from archiver.retention.dossier_follower import DossierFollower
from archiver.search.routes import SearchRoutes
from archiver.search.search import Search
from archiver.signing.configured_signer import configured_signer
from archiver.signing.signer import NoteSigner
from archiver.spent_keys import keep_working_keys
from archiver.subject_access.requests import request_metrics
from archiver.timestamps.configured_authority import configured_authority
from archiver.timestamps.stamper import stamp_periodically
from archiver.tokens import kept_tokens
from archiver.tokens.kept_tokens import TokenKeeper
from archiver.tokens.token_record import TokenRecord
from archiver.transcript.routes import ServedArchive, TranscriptRoutes
from archiver.witnesses.client import witness_client
from archiver.witnesses.cosigner import Cosigner
from services import clock
from services.amqp import topology
from services.amqp.connection import BrokerConnection, broker_connection
from services.amqp.consumer import Consumer, run_consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.queue_lengths import read_queue_lengths
from services.amqp.queue_status import QueueLength
from services.api import docs_page
from services.config.accounts import ProviderAccount, provider_accounts
from services.config.handover_secrets import HandoverSecrets, handover_secrets
from services.config.loader import LoadedConfig, load_without_rules
from services.config.model import Configuration
from services.config.reload import ActiveVersion, watch_config
from services.config.secret_files import LiveSettings, amqp_url, server_settings
from services.config.settings import ArchiverSettings, derive_key, key_bytes
from services.drained_queues import drained_queue_reports
from services.files.clamd import configured_scanner
from services.files.object_store import ObjectStore
from services.files.volume import VolumeWatch
from services.http.application import Route, api_app, operations_app, refuse_while
from services.http.server import serve
from services.http.service_status import ServiceParts
from services.http.table_judge import Judge
from services.http.token_store import (
    TokenStore,
    environment_tokens,
    run_token_store,
)
from services.keys.oldest_archive_key import check_oldest_archive_key
from services.keys.working_keys import sealing_pool, working_masters
from services.lifecycle import first_failure, readiness_problems
from services.postgres.database import Pool, retry_while_unavailable
from services.postgres.lookout import run_lookout
from services.postgres.outbox import Relay
from services.postgres.taken_version import is_taken
from services.published_batches import published_batch_reports
from services.restoration.guard import RestorationGuard
from services.restoration.waiting_room import wait_until_compared
from services.second_person.gate import VersionGate
from services.servers.certificate_watch import watch_servers
from services.tasks import background_task, first_or_watchdog

POOL_SIZE = 16
"""PostgreSQL connections: one for the writer, one per file in progress, the rest for answers."""
ASK_SECONDS = 10.0
"""Longest wait for the lengths of queues, which come in milliseconds; a look is repeated."""


@asynccontextmanager
async def archiver(
    live: LiveSettings[ArchiverSettings],
    loaded: LoadedConfig,
    accounts: dict[str, ProviderAccount],
    secrets: HandoverSecrets,
) -> AsyncIterator["asyncio.Future[object]"]:
    """Run the archiver until the context is left. The future ends only when a part fails.
    `accounts` and `secrets` follow the files of secrets."""
    settings, config, version = live.current, loaded.config, ActiveVersion(loaded)
    queue = next(q for q in topology.queues(config.partitions, ()) if q.kind == "archive")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool, working = await enter(sealing_pool(live, "archiver", POOL_SIZE, config.partitions))
        objects, keys = ObjectStore(settings.object_store), _key_store(settings, pool)
        comparing = await enter(_comparison(settings, pool, keys, objects, working))
        connection = await enter(broker_connection(amqp_url(live), "archiver consumes"))
        writer, keeper = await _begin_log(settings, config, pool, keys, objects)
        tokens = TokenRecord(pool, keys, writer.add, _token_keeper(settings, objects))
        ring = await enter(run_tokens(settings, config, pool, tokens.judge))
        log = Archive(pool, keys, writer, ring, tokens, keeper)
        maintenance_tasks = await enter(_maintenance_tasks(live, version, log, objects, connection))
        intake, media_store = Intake(writer, Quarantine(pool, keys)), MediaStore(pool, keys)
        consumer = await enter(run_consumer(connection, queue, PREFETCH, intake.work))
        report = await enter(drained_queue_reports(pool, [consumer]))
        guard, parts = RestorationGuard(pool), partial(_parts, consumer, intake, objects.volume)
        app = operations_app(
            partial(_problems, pool, consumer, guard), lambda: version.status, parts
        )
        await enter(serve(app, settings.bind, settings.archiver_ops_port))
        media_tasks = await enter(_media_tasks(live, config, accounts, media_store, objects))
        views = await enter(access_log(writer, ring.asking_departments))
        archive = _served_archive(pool, keys, version, objects)
        handover_tasks = await enter(_handover_tasks(archive, writer.add, settings, secrets))
        routes = _api_routes(archive, views, ring, lambda: intake.lag)
        served = api_app(routes, [refuse_while(guard.problems)])
        # Shared, so that an update starts the next archiver before it stops this one.
        await enter(serve(served, settings.bind, settings.archiver_port, shared=True))
        watch = await enter(follow_config(live, version, pool, ring, accounts, secrets))
        tasks = connection.task, working, comparing, ring.task, watch, views.task, report
        yield first_failure(
            *tasks, live.task, consumer.task, *maintenance_tasks, *media_tasks, *handover_tasks
        )


def prepare_secrets(
    environ: Mapping[str, str],
    version: ActiveVersion,
    ring: TokenStore,
    accounts: dict[str, ProviderAccount],
    secrets: HandoverSecrets,
    settings: ArchiverSettings,
) -> Callable[[], None]:
    """Prepare the tokens of the API, and what providers and targets of transcripts are shown from
    the next request on."""
    config = version.loaded.config
    tokens = environment_tokens(settings, config)
    found, targets = load_accounts(settings, config, environ)

    def apply() -> None:
        ring.use_environment(tokens)
        accounts.update(found)
        secrets.update(targets)

    return apply


def load_accounts(
    settings: ArchiverSettings, config: Configuration, environ: Mapping[str, str]
) -> tuple[dict[str, ProviderAccount], HandoverSecrets]:
    """Return the accounts of our numbers and the secrets of the targets of transcripts;
    SettingsError lists every secret that is missing."""
    token = settings.meta_access_token.get_secret_value()
    found = provider_accounts(config.numbers, settings.meta_graph_url, token, environ)
    return found, handover_secrets(config.tenants, environ)


@asynccontextmanager
async def follow_config(
    live: LiveSettings[ArchiverSettings],
    version: ActiveVersion,
    pool: Pool,
    ring: TokenStore,
    accounts: dict[str, ProviderAccount],
    secrets: HandoverSecrets,
) -> AsyncIterator["asyncio.Task[None]"]:
    """Follow the configuration and the files of secrets; yield the task of the former."""
    prepare = partial(prepare_secrets, live.environ, version, ring, accounts, secrets)
    live.use(prepare)

    async def activate(new: LoadedConfig) -> None:
        settings, config = live.current, new.config
        found = await asyncio.to_thread(load_accounts, settings, config, live.environ)
        accounts.update(found[0])
        secrets.update(found[1])
        ring.reload(config)
        live.use(partial(prepare))  # secrets that are being read now are for the former version

    watch = watch_config(
        live.current.config,
        load_without_rules,
        activate,
        VersionGate(pool, version),
        may_take=partial(is_taken, pool),
    )
    async with background_task(watch) as task:
        yield task


def _served_archive(
    pool: Pool, keys: KeyStore, version: ActiveVersion, objects: ObjectStore
) -> ServedArchive:
    def config() -> Configuration:
        return version.loaded.config

    return ServedArchive(pool, keys, config, objects, config().environment == "production")


async def _problems(pool: Pool, consumer: Consumer, guard: RestorationGuard) -> list[str]:
    return await readiness_problems(pool, [consumer]) + await guard.problems()


def _api_routes(
    archive: ServedArchive, views: AccessLog, tokens: TokenStore, lag: Callable[[], timedelta]
) -> list[Route]:
    pool, keys, objects = archive.pool, archive.keys, archive.objects
    store, only = RecordReader(pool, keys), archive.scanned_only
    privacy = PrivacyArchive(pool, keys, archive.config, objects)
    return all_routes(
        RecordRoutes(store, views, tokens, lag),
        SearchRoutes(Search(pool, keys, store), store, views, tokens),
        MediaRoutes(store, MediaStore(pool, keys), objects, views, tokens, scanned_only=only),
        TranscriptRoutes(archive, views, tokens),
        privacy_routes(privacy, views, tokens),
    )


def all_routes(
    record: RecordRoutes,
    search: SearchRoutes,
    media: MediaRoutes,
    transcripts: TranscriptRoutes,
    privacy: Sequence[Route],
) -> list[Route]:
    """Return all that the archiver serves; the document describes each."""
    readers = [each for part in (record, search, media, transcripts) for each in part.routes()]
    return [*readers, *privacy, *docs_page.routes(document)]


def privacy_routes(archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> list[Route]:
    """Return the routes of the privacy officer and of who keeps the archive."""
    parts = (
        RequestRoutes,
        ListRoutes,
        ReportRoutes,
        ViewRoutes,
        ExposureRoutes,
        AnnotationRoutes,
        ValuationRoutes,
        HoldRoutes,
        DisclosureRoutes,
        DocumentRoutes,
    )
    return [route for part in parts for route in part(archive, views, tokens).routes()]


@asynccontextmanager
async def _comparison(
    settings: ArchiverSettings,
    pool: Pool,
    keys: KeyStore,
    objects: ObjectStore,
    working: "asyncio.Task[None]",
) -> AsyncIterator["asyncio.Task[None]"]:
    """Check the keys, create the partitions of the tables and compare the destructions outside,
    before anything else; yield the task that compares them again. Partitions come first even where
    the comparison still holds: making them beside a writer, each would wait for the other."""
    comparer = Comparer(pool, _order_book(settings, objects))
    is_prepared = asyncio.Event()

    async def run() -> None:
        await retry_while_unavailable(keys.check, "keys")
        check_oldest = partial(check_oldest_archive_key, pool, key_bytes(settings.archive_key[-1]))
        await retry_while_unavailable(check_oldest, "oldest key")
        await retry_while_unavailable(
            lambda: table_partitions.create_partitions(pool, clock.now().date()), "months"
        )
        is_prepared.set()
        await comparer.run()

    async with background_task(run()) as task:
        address, problem = (settings.bind, settings.archiver_ops_port), lambda: comparer.problem
        waiting = wait_until_compared(pool, *address, working, problem)
        await first_or_watchdog(waiting, task)
        await first_or_watchdog(is_prepared.wait(), task)
        yield task


def _key_store(settings: ArchiverSettings, pool: Pool) -> KeyStore:
    return KeyStore(pool, [key_bytes(key) for key in settings.archive_key])


def _activities(config: Configuration) -> Activities:
    return Activities({each.id: each.processing_activity for each in config.tenants})


async def _begin_log(
    settings: ArchiverSettings,
    config: Configuration,
    pool: Pool,
    keys: KeyStore,
    objects: ObjectStore,
) -> tuple[Writer, HeadKeeper]:
    """Return the writer of the log and the keeper of its head, which has held the log against what
    is outside before anything is written."""
    writer = Writer(pool, keys, _activities(config))
    head_key = derive_key(settings.archive_key, outside_head.PURPOSE)
    keeper = HeadKeeper(pool, writer.known, objects, head_key)
    await keeper.begin()
    return writer, keeper


def _order_book(settings: ArchiverSettings, objects: ObjectStore) -> OrderBook:
    keys = [derive_key([key], order.PURPOSE) for key in settings.archive_key]
    return OrderBook(objects, keys)


def _token_keeper(settings: ArchiverSettings, objects: ObjectStore) -> TokenKeeper:
    keys = [derive_key([key], kept_tokens.PURPOSE) for key in settings.archive_key]
    return TokenKeeper(objects, keys)


@asynccontextmanager
async def run_tokens(
    settings: ArchiverSettings, config: Configuration, pool: Pool, judge: Judge | None = None
) -> AsyncIterator[TokenStore]:
    """Run the tokens of the API."""
    given = environment_tokens(settings, config)
    async with run_token_store(pool, given, config, judge) as ring:
        yield ring


def _signer(settings: ArchiverSettings, config: Configuration) -> NoteSigner:
    seed = derive_key(settings.archive_key, checkpoint_signer.PURPOSE)
    return configured_signer(config.log, settings, seed)


def _queues(version: ActiveVersion) -> list[str]:
    config = version.loaded.config
    table = topology.queues(config.partitions, [each.id for each in config.destinations])
    return [queue.name for queue in table]


async def _ask_lengths(broker: BrokerConnection, queues: Sequence[str]) -> list[QueueLength]:
    async with asyncio.timeout(ASK_SECONDS):
        return await read_queue_lengths(await broker.connection(), queues)


def _parts(consumer: Consumer, intake: Intake, volume: VolumeWatch) -> ServiceParts:
    lag = intake.lag.total_seconds()
    return ServiceParts((consumer.status,), lag_seconds=lag, object_store=volume.space)


class Archive(NamedTuple):
    """The record: its database, its keys, its writer, the tokens that prove persons, what the
    record says of tokens, and what keeps its head outside."""

    pool: Pool
    keys: KeyStore
    writer: Writer
    tokens: TokenStore
    token_record: TokenRecord
    keeper: HeadKeeper


@asynccontextmanager
async def _maintenance_tasks(
    live: LiveSettings[ArchiverSettings],
    version: ActiveVersion,
    archive: Archive,
    objects: ObjectStore,
    connection: BrokerConnection,
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Run the maintenance of the record: partitions, operator actions, checkpoints, destruction,
    free space, certificates of servers, the balance, and counts of what waits for a person."""
    settings, config = live.current, version.loaded.config
    pool, tenants = archive.pool, [tenant.id for tenant in config.tenants]
    signer, authority = _signer(settings, config), configured_authority(settings)
    works = [
        table_partitions.maintain_partitions(pool, config.processing_months),
        record_operator_actions(
            pool,
            tenants,
            archive.token_record.add,
            archive.tokens.has_key,
            must_prove=config.environment == "production",
        ),
        checkpoint_signer.sign_periodically(pool, signer, objects, archive.writer.known),
        archive.keeper.run(),
        watch_servers(server_settings(live), live.environ),
        *_destruction(archive, version, _order_book(settings, objects), objects),
        archive.token_record.keep_forever(),
        objects.volume.run(),
        keep_balance(pool, archive.keys),
        keep_working_keys(
            pool,
            working_masters(settings),
            partial(_queues, version),
            partial(_ask_lengths, connection),
            config.terms,
        ),
        *_counting_works(archive, version),
        *([stamp_periodically(pool, signer, objects, authority)] if authority else []),
    ]
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(witness_client())
        cosigners = [Cosigner(pool, objects, client, each) for each in settings.archive_witnesses]
        works += [each.run() for each in cosigners]
        yield [await stack.enter_async_context(background_task(work)) for work in works]


def _counting_works(archive: Archive, version: ActiveVersion) -> list[Coroutine[Any, Any, None]]:
    """Return the work that keeps the dossiers, and counts them and what waits for a person."""
    pool, keys = archive.pool, archive.keys
    follower = DossierFollower(pool, keys, lambda: version.loaded.config)
    tenants = [tenant.id for tenant in version.loaded.config.tenants]
    counts = [
        each.count(pool, tenants) for each in (request_metrics, dossier_metrics, hold_metrics)
    ]
    return [follower.run(), *counts, count_entries(pool)]


def _destruction(
    archive: Archive, version: ActiveVersion, book: OrderBook, objects: ObjectStore
) -> list[Coroutine[Any, Any, None]]:
    """Return the work of carrying out destruction lists and of counting them, and what follows once
    a destruction is committed: the files, what came late, the hashes of what is left, and the bytes
    of deleted keys."""
    tenants = [tenant.id for tenant in version.loaded.config.tenants]
    finish = Declarer(archive.keys, lambda: version.loaded.config).finish
    destroyer = Destroyer(archive.pool, archive.keys, OrderKeeper(book), finish)
    return [
        destroyer.run(),
        destroyer.run_late(),
        FileRemover(archive.pool, archive.keys, objects).run(),
        HashRenewer(archive.pool, archive.keys).run(),
        rewrite_keys_after_destructions(archive.pool),
        count_lists(archive.pool, tenants),
    ]


@asynccontextmanager
async def _handover_tasks(
    archive: ServedArchive,
    add: AddRecords,
    settings: ArchiverSettings,
    secrets: HandoverSecrets,
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Hand transcripts over when conversations are closed."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        session = await enter(zgw_session(settings.private_networks))
        works = [
            HandoverFollower(archive.pool, archive.keys, archive.config).run(),
            HandoverSender(archive, add, session, secrets).run(),
            handover_metrics.count(archive.pool),
        ]
        yield [await enter(background_task(work)) for work in works]


@asynccontextmanager
async def _media_tasks(
    live: LiveSettings[ArchiverSettings],
    config: Configuration,
    accounts: Mapping[str, ProviderAccount],
    media_store: MediaStore,
    objects: ObjectStore,
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Fetch and scan files, a few at a time, and publish the outcomes. Publishing has a connection
    of its own that consumes nothing, because the broker may block it, and that must not stop the
    intake."""
    settings = live.current
    scanner = ScanWorker(media_store, objects, configured_scanner(settings.scanner_url, config))
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        connection = await enter(broker_connection(amqp_url(live), "archiver publishes"))
        publisher = PartitionPublisher(connection, clock.new_id(), config.partitions)
        source = await enter(media_client(objects, fetcher.AT_ONCE))
        report = await enter(published_batch_reports(media_store.pool, [publisher]))
        uploads = _upload_source(settings, media_store.pool, objects)
        media_fetcher = Fetcher(media_store, source, uploads, objects, accounts)
        relay = Relay(media_store.outbox, publisher.publish_by_number)
        notices = Relay(notice_outbox(media_store.pool), publisher.publish_by_number)
        lookout = await enter(run_lookout(media_store.pool))
        to_fetch = lookout.pause_until(FETCH_WAITS, POLL_SECONDS)
        to_scan = lookout.pause_until(scanner.waits, POLL_SECONDS)
        works = [relay.run(lookout), notices.run(lookout), count_waiting(media_store)]
        works += [media_fetcher.run(to_fetch) for _ in range(fetcher.AT_ONCE)]
        works += [scanner.run(to_scan) for _ in range(scan_worker.AT_ONCE)]
        yield [
            connection.task,
            report,
            lookout.task,
            *[await enter(background_task(work)) for work in works],
        ]


def _upload_source(settings: ArchiverSettings, pool: Pool, objects: ObjectStore) -> UploadSource:
    store = ObjectStore(settings.upload_store) if settings.upload_store else objects
    return UploadSource(pool, store, objects)
