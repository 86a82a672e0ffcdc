"""The deliverer as a process: an engine for each destination, the ledger's sender and relay."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple

from deliverer.audit.recorder import Note, attempt_recorder
from deliverer.crm.attempt import DeliveryAttempt
from deliverer.crm.destination_kind import Credentials, ReceiverContext
from deliverer.crm.replays import Replays
from deliverer.crm.scheduler import FRAMES
from deliverer.crm.session import Session
from deliverer.crm.settlements import Settlements
from deliverer.crm.sidelined_store import SidelinedStore
from deliverer.destinations import DESTINATIONS
from deliverer.destinations.openklant.closing_relay import run_closing_relay as tell_closings
from deliverer.destinations.openklant.closing_store import Closings
from deliverer.meta.accounts import Account
from deliverer.meta.accounts import sending_accounts as accounts_of
from deliverer.meta.held_messages import run_held_messages
from deliverer.meta.ledger import Ledger
from deliverer.meta.media_upload_store import MediaUploadStore
from deliverer.meta.media_uploader import (
    FILE_SECONDS,
    FILES_AT_ONCE,
    SCAN_SECONDS,
    MediaSource,
    MediaUploader,
)
from deliverer.meta.read_receipt_store import ReadReceiptStore
from deliverer.meta.read_receipts import AT_ONCE, ATTEMPT_SECONDS, ReadReceiptSender
from deliverer.meta.send_loop import WINDOW, SendLoop
from deliverer.transport.http_client import http_client
from services import clock, metrics
from services.amqp import topology
from services.amqp.batcher import BatchLimits, run_batcher
from services.amqp.connection import BrokerConnection, broker_connection
from services.amqp.consumer import Consumer, Work, run_consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import Publisher
from services.config.model import Configuration
from services.config.organisation import Destination
from services.config.settings import DelivererSettings
from services.files.clamd import configured_scanner
from services.files.object_store import ObjectStore
from services.http.application import operations_app
from services.http.server import serve
from services.lifecycle import first_failure, readiness_problems
from services.postgres.database import Pool, connection_pool, retry_while_unavailable
from services.tasks import background_task

POOL_SIZE = 16
"""Connections to PostgreSQL: for each destination, the ledger, the relay, and some room."""
SETTLE = BatchLimits(min_interval=0.020, flush_size=256)
"""Deliveries are written down every 20 ms: their envelope waits for it, no citizen does."""


def accounts(
    settings: DelivererSettings, config: Configuration, environ: Mapping[str, str]
) -> dict[str, Account]:
    """Our number -> where it sends. SettingsError with every secret that is missing."""
    token = settings.meta_access_token.get_secret_value()
    return accounts_of(config, settings.meta_graph_url, token, environ)


@asynccontextmanager
async def deliverer(
    settings: DelivererSettings,
    config: Configuration,
    credentials: Mapping[str, Credentials],
    accounts: Mapping[str, Account],
) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs until left; the future ends only when a part breaks."""
    amqp = settings.amqp_url.get_secret_value()
    url = settings.database_url.get_secret_value()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool = await enter(connection_pool(url, "postkamer-deliverer", POOL_SIZE))
        outgoing = await enter(broker_connection(amqp, "deliverer publishes"))
        incoming = await enter(broker_connection(amqp, "deliverer consumes"))
        settlements = Settlements(pool, Publisher(outgoing, topology.ARCHIVE))
        attempts = await enter(attempt_recorder(Publisher(outgoing, topology.ARCHIVE)))
        replays = Replays(pool, clock.new_id())
        networks, archiver = settings.private_networks, settings.archiver_url.rstrip("/")
        receivers = ReceiverContext(pool, config.department, networks, archiver)
        shared = Shared(
            incoming, settlements, replays, SidelinedStore(pool), receivers, attempts.record
        )
        engines = [
            await enter(inbound(shared, destination, credentials[destination.id]))
            for destination in config.destinations
        ]
        partitions = PartitionPublisher(outgoing, clock.new_id(), config.partitions)
        looker = configured_scanner(settings.scanner_url, config, SCAN_SECONDS)
        files = MediaSource(ObjectStore(settings.object_store), looker)
        sends = await enter(_outbound(pool, files, accounts, partitions, attempts.record))
        marks = await enter(_marking(pool, accounts))
        # Their own numbers: of each source one publish into a partition is unconfirmed at a time.
        back = PartitionPublisher(outgoing, clock.new_id(), config.partitions)
        closes = await enter(background_task(tell_closings(Closings(pool), back)))
        count = await enter(background_task(_count_parked(settlements, config.destinations)))
        tell = await enter(background_task(_tell(settlements, replays)))
        app = operations_app(
            lambda: readiness_problems(pool, [consumer for consumer, _ in engines])
        )
        await enter(serve(app, settings.bind, settings.deliverer_ops_port))
        held = [task for consumer, tasks in engines for task in (consumer.task, *tasks)]
        links = outgoing.task, incoming.task, attempts.task
        yield first_failure(*links, count, tell, closes, *held, *sends, *marks)


class Shared(NamedTuple):
    """What all destinations have in common."""

    link: BrokerConnection
    settlements: Settlements
    replays: Replays
    asides: SidelinedStore
    receivers: ReceiverContext
    note: Note


@asynccontextmanager
async def inbound(
    shared: Shared, destination: Destination, own: Credentials
) -> AsyncIterator[tuple[Consumer, list["asyncio.Task[None]"]]]:
    """One destination at work: its consumer, and the tasks beside it: one writes down what was
    delivered, one looks whether its certificates have changed, and those of its kind."""
    queue = next(q for q in topology.queues(0, [destination.id]) if q.kind == "destination")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        settle = await enter(run_batcher(shared.settlements.write, SETTLE))
        kind = DESTINATIONS[destination.kind]
        receiver, tasks = await enter(kind.receiver(destination, own, shared.receivers))
        watch = [await enter(background_task(own.certificates.watch()))] if own.certificates else []
        engine = DeliveryAttempt(destination, receiver, shared.settlements, settle, shared.note)
        work: Work = lambda inbox: Session(engine, shared.replays, shared.asides, inbox).run()  # noqa: E731
        consumer = await enter(run_consumer(shared.link, queue, FRAMES, work))
        yield consumer, [settle.task, *tasks, *watch]


@asynccontextmanager
async def _outbound(
    pool: Pool,
    files: MediaSource,
    accounts: Mapping[str, Account],
    partitions: PartitionPublisher,
    note: Note,
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """The way to Meta at work: what relays, sweeps, brings files and sends; sending stops first."""
    names = {number: account.name for number, account in accounts.items()}
    process = clock.new_id()
    ledger, uploads = Ledger(pool, process, names), MediaUploadStore(pool, process, names)
    async with http_client(WINDOW) as poster, http_client(FILES_AT_ONCE, FILE_SECONDS) as bearer:
        outbound = SendLoop(ledger, poster, accounts, partitions, note)
        carrier = MediaUploader(uploads, ledger, files, bearer, accounts, note)
        async with (
            background_task(outbound.relay()) as relay,
            background_task(outbound.sweep()) as sweep,
            background_task(carrier.run()) as carry,
            background_task(run_held_messages(pool, names)) as held,
            background_task(outbound.run()) as send,
        ):
            yield [relay, sweep, carry, held, send]


@asynccontextmanager
async def _marking(
    pool: Pool, accounts: Mapping[str, Account]
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """What citizens are shown as read, beside all that."""
    async with http_client(AT_ONCE, ATTEMPT_SECONDS) as poster:
        marking = ReadReceiptSender(ReadReceiptStore(pool), poster, accounts)
        async with (
            background_task(marking.sweep()) as sweep,
            background_task(marking.run()) as mark,
        ):
            yield [sweep, mark]


TELL_SECONDS = 1.0
"""Between two looks at what people did that the archive does not know yet."""


async def _tell(settlements: Settlements, replays: Replays) -> None:
    while True:
        untold = await retry_while_unavailable(replays.unpublished, "untold")
        if untold:
            await settlements.tell(untold)
            await retry_while_unavailable(partial(replays.mark_published, untold), "told")
        else:
            await asyncio.sleep(TELL_SECONDS)


COUNT_SECONDS = 30.0
"""Between two counts of what is parked."""


async def _count_parked(settlements: Settlements, destinations: Sequence[Destination]) -> None:
    while True:
        for destination in destinations:
            count = await retry_while_unavailable(
                partial(settlements.parked, destination.id), "parked"
            )
            metrics.parked.labels(queue=destination.id).set(count)
        await asyncio.sleep(COUNT_SECONDS)
