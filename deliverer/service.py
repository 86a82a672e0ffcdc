"""The deliverer as a process: an engine for each destination, the ledger's sender and relay."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple

from deliverer.audit.recorder import Note, noting
from deliverer.credentials import Credentials
from deliverer.crm.attempt import Engine, Receiver
from deliverer.crm.http_receiver import Posting, Terms
from deliverer.crm.oauth_session import bearing
from deliverer.crm.replays import Replays
from deliverer.crm.session import FRAMES, Session
from deliverer.crm.settlements import Settlements
from deliverer.crm.sidelined_store import Asides
from deliverer.destinations import cloudevents, email
from deliverer.destinations.openklant import payloads
from deliverer.destinations.openklant.client import Calls
from deliverer.destinations.openklant.closing_relay import tell as tell_closings
from deliverer.destinations.openklant.closing_store import Closings
from deliverer.destinations.openklant.saga import OpenKlant
from deliverer.destinations.openklant.store import Book
from deliverer.destinations.openklant.task_poller import Looking, pace
from deliverer.meta.accounts import Account
from deliverer.meta.accounts import accounts as accounts_of
from deliverer.meta.held_messages import hold
from deliverer.meta.ledger import Ledger
from deliverer.meta.media_upload_store import Uploads
from deliverer.meta.media_uploader import FILE_SECONDS, FILES_AT_ONCE, SCAN_SECONDS, Carrier, Files
from deliverer.meta.read_receipt_store import Marks
from deliverer.meta.read_receipts import AT_ONCE, ATTEMPT_SECONDS, Marking
from deliverer.meta.send_loop import WINDOW, Outbound
from deliverer.transport.http_client import ANSWER_BYTES, Sender, of_the_system, sending
from deliverer.transport.smtp_client import mailing
from deliverer.transport.ssrf import Network
from services import clock, metrics
from services.amqp import topology
from services.amqp.batcher import Bounds, batching
from services.amqp.connection import Link, linked
from services.amqp.consumer import Consumer, Work, consuming
from services.amqp.partition_publisher import Partitions
from services.amqp.publisher import Publisher
from services.config.model import Config
from services.config.organisation import Department, Destination
from services.config.settings import DelivererSettings
from services.files.clamd import configured
from services.files.object_store import Objects
from services.http.application import operations
from services.http.server import serve
from services.lifecycle import first_to_end, obstacles
from services.postgres.database import Pool, connected, until_it_answers
from services.tasks import beside

POOL_SIZE = 16
"""Connections to PostgreSQL: for each destination, the ledger, the relay, and some room."""
SETTLE = Bounds(pace=0.020, enough=256)
"""Deliveries are written down every 20 ms: their envelope waits for it, no citizen does."""
OPEN_KLANT_BYTES = 64 * 1024
"""Of an answer of Open Klant that are read: one contact with its text, and what it refers to."""


def accounts(
    settings: DelivererSettings, config: Config, environ: Mapping[str, str]
) -> dict[str, Account]:
    """Our number -> where it sends. SettingsError with every secret that is missing."""
    token = settings.meta_access_token.get_secret_value()
    return accounts_of(config, settings.meta_graph_url, token, environ)


@asynccontextmanager
async def deliverer(
    settings: DelivererSettings,
    config: Config,
    credentials: Mapping[str, Credentials],
    accounts: Mapping[str, Account],
) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs until left; the future ends only when a part breaks."""
    amqp = settings.amqp_url.get_secret_value()
    url = settings.database_url.get_secret_value()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool = await enter(connected(url, "postkamer-deliverer", POOL_SIZE))
        outgoing = await enter(linked(amqp, "deliverer publishes"))
        incoming = await enter(linked(amqp, "deliverer consumes"))
        settlements = Settlements(pool, Publisher(outgoing, topology.ARCHIVE))
        attempts = await enter(noting(Publisher(outgoing, topology.ARCHIVE)))
        replays = Replays(pool, clock.new_id())
        closings = Closings(pool)
        tables = settlements, replays, Asides(pool), closings
        more = settings.private_networks, settings.archiver_url.rstrip("/"), attempts.note
        shared = Shared(incoming, pool, config.department, *tables, *more)
        engines = [
            await enter(inbound(shared, destination, credentials[destination.id]))
            for destination in config.destinations
        ]
        partitions = Partitions(outgoing, clock.new_id(), config.partitions)
        looker = configured(settings.scanner_url, config, SCAN_SECONDS)
        files = Files(Objects(settings.object_store), looker)
        sends = await enter(_outbound(pool, files, accounts, partitions, attempts.note))
        marks = await enter(_marking(pool, accounts))
        # Their own numbers: of each source one publish into a partition is unconfirmed at a time.
        back = Partitions(outgoing, clock.new_id(), config.partitions)
        closes = await enter(beside(tell_closings(closings, back)))
        count = await enter(beside(_count_parked(settlements, config.destinations)))
        tell = await enter(beside(_tell(settlements, replays)))
        app = operations(lambda: obstacles(pool, [consumer for consumer, _ in engines]))
        await enter(serve(app, settings.bind, settings.deliverer_ops_port))
        held = [task for consumer, tasks in engines for task in (consumer.task, *tasks)]
        links = outgoing.task, incoming.task, attempts.task
        yield first_to_end(*links, count, tell, closes, *held, *sends, *marks)


class Shared(NamedTuple):
    """What all destinations have in common."""

    link: Link
    pool: Pool
    department: Callable[[str, str], Department | None]
    settlements: Settlements
    replays: Replays
    asides: Asides
    closings: Closings
    networks: Collection[Network]
    archiver: str
    note: Note


@asynccontextmanager
async def inbound(
    shared: Shared, destination: Destination, own: Credentials
) -> AsyncIterator[tuple[Consumer, list["asyncio.Task[None]"]]]:
    """One destination at work: its consumer, and the tasks beside it: one writes down what was
    delivered, one looks whether its certificates have changed, one what was done there."""
    queue = next(q for q in topology.queues(0, [destination.id]) if q.kind == "destination")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        settle = await enter(batching(shared.settlements.write, SETTLE))
        receiver = await enter(_receiving(shared, destination, own))
        watch = [await enter(beside(own.certificates.watch()))] if own.certificates else []
        if isinstance(receiver, OpenKlant):
            looking = Looking(destination.id, shared.closings, receiver.asking, pace(destination))
            watch.append(await enter(beside(looking.run())))
        engine = Engine(destination, receiver, shared.settlements, settle, shared.note)
        work: Work = lambda inbox: Session(engine, shared.replays, shared.asides, inbox).run()  # noqa: E731
        consumer = await enter(consuming(shared.link, queue, FRAMES, work))
        yield consumer, [settle.task, *watch]


@asynccontextmanager
async def _receiving(
    shared: Shared, destination: Destination, own: Credentials
) -> AsyncIterator[Receiver]:
    """By mail; or over HTTP, with one connection more than deliveries, for its tokens."""
    terms = Terms(destination.url, own.keys, shared.archiver)
    if destination.kind == "mail":
        async with mailing(destination, own.keys[0]) as mailer:
            yield Posting(terms, email, mailer)
        return
    tls = own.certificates.context if own.certificates else of_the_system
    connections, most = destination.window + 1, ANSWER_BYTES
    if destination.kind == "openklant":
        most = OPEN_KLANT_BYTES
    async with sending(connections, networks=shared.networks, tls=tls, answer_bytes=most) as sender:
        if destination.kind == "openklant":
            yield open_klant(destination, shared, own.keys[0].decode(), sender)
            return
        async with bearing(destination, own.client_secret, sender) as poster:
            yield Posting(terms, cloudevents, poster)


def open_klant(destination: Destination, shared: Shared, token: str, sender: Sender) -> OpenKlant:
    return OpenKlant(
        destination,
        payloads.Terms(destination.channel, shared.archiver, destination.link),
        shared.department,
        Book(shared.pool, destination.id),
        lambda: Calls(sender, destination.url, token),
    )


@asynccontextmanager
async def _outbound(
    pool: Pool,
    files: Files,
    accounts: Mapping[str, Account],
    partitions: Partitions,
    note: Note,
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """The way to Meta at work: what relays, sweeps, brings files and sends; sending stops first."""
    names = {number: account.name for number, account in accounts.items()}
    process = clock.new_id()
    ledger, uploads = Ledger(pool, process, names), Uploads(pool, process, names)
    async with sending(WINDOW) as poster, sending(FILES_AT_ONCE, FILE_SECONDS) as bearer:
        outbound = Outbound(ledger, poster, accounts, partitions, note)
        carrier = Carrier(uploads, ledger, files, bearer, accounts, note)
        async with (
            beside(outbound.relay()) as relay,
            beside(outbound.sweep()) as sweep,
            beside(carrier.carry()) as carry,
            beside(hold(pool, names)) as held,
            beside(outbound.send()) as send,
        ):
            yield [relay, sweep, carry, held, send]


@asynccontextmanager
async def _marking(
    pool: Pool, accounts: Mapping[str, Account]
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """What citizens are shown as read, beside all that."""
    async with sending(AT_ONCE, ATTEMPT_SECONDS) as poster:
        marking = Marking(Marks(pool), poster, accounts)
        async with beside(marking.sweep()) as sweep, beside(marking.mark()) as mark:
            yield [sweep, mark]


TELL_SECONDS = 1.0
"""Between two looks at what people did that the archive does not know yet."""


async def _tell(settlements: Settlements, replays: Replays) -> None:
    while True:
        untold = await until_it_answers(replays.untold, "untold")
        if untold:
            await settlements.tell(untold)
            await until_it_answers(partial(replays.told, untold), "told")
        else:
            await asyncio.sleep(TELL_SECONDS)


COUNT_SECONDS = 30.0
"""Between two counts of what is parked."""


async def _count_parked(settlements: Settlements, destinations: tuple[Destination, ...]) -> None:
    while True:
        for destination in destinations:
            count = await until_it_answers(partial(settlements.parked, destination.id), "parked")
            metrics.parked.labels(queue=destination.id).set(count)
        await asyncio.sleep(COUNT_SECONDS)
