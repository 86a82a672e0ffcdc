"""The deliverer process: a session for each destination, and the senders of the ledger."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from deliverer.audit.recorder import RecordAttempt, attempt_recorder
from deliverer.crm import resends
from deliverer.crm.condition_store import ConditionStore
from deliverer.crm.destination_kind import Credentials, Destinations, ReceiverContext
from deliverer.crm.replays import Replays
from deliverer.crm.sent_events import clear_sent_events
from deliverer.crm.session import DeliveryTables, Session
from deliverer.crm.settlements import Settlements
from deliverer.crm.sidelined_store import SidelinedStore
from deliverer.crm.table_lease import TableLeases
from deliverer.current_config import CurrentConfig
from deliverer.destinations.openklant.desk.desk_store import command_outbox
from deliverer.destinations.openklant.erasure.erasure_records import erasure_outbox
from deliverer.destinations.openklant.erasure.erasure_store import count_waiting
from deliverer.ended_rows import CLEARINGS
from deliverer.meta import ledger_sql
from deliverer.meta.accounts import Account
from deliverer.meta.health import health_watch
from deliverer.meta.health.health_store import HealthStore
from deliverer.meta.health.health_watch import HealthWatch
from deliverer.meta.health.number_checks import Outside
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
from deliverer.meta.read_receipts import ATTEMPT_SECONDS, MAX_IN_FLIGHT, ReadReceiptSender
from deliverer.meta.send_loop import WINDOW, SendLoop
from deliverer.meta.send_outcomes import outcome_outbox
from deliverer.meta.templates import template_watch
from deliverer.meta.templates.template_page import ANSWER_BYTES
from deliverer.meta.templates.template_store import TemplateStore
from deliverer.meta.templates.template_watch import TemplateWatch
from deliverer.meta.trial_store import record_trials
from deliverer.owners.actions import owner_action_outbox
from deliverer.owners.notice_delivery import EndedNotice, notice_record
from deliverer.owners.notice_sender import OwnedDestination, OwnerNotices
from deliverer.owners.notice_store import NoticeStore
from deliverer.removed_destinations import end_removed_destinations
from deliverer.running_destinations import (
    RunningDestinations,
    SharedResources,
    run_destinations,
)
from deliverer.transport.connection_reuse import ConnectionReuse
from deliverer.transport.http_client import http_client
from services import clock, metrics
from services.amqp import topology
from services.amqp.connection import BrokerConnection, broker_connection
from services.amqp.consumer import Consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import Publisher
from services.amqp.shared_queues import shared_queues
from services.clearing import clear_periodically
from services.config.loader import LoadedConfig, load_without_rules
from services.config.reload import watch_config
from services.config.secret_files import amqp_url, server_settings
from services.config.terms import Terms
from services.contract import Record
from services.drained_queues import drained_queue_reports
from services.egress.server_certificate import fetch_certificate
from services.files.clamd import configured_scanner
from services.files.object_store import ObjectStore
from services.http.application import operations_app
from services.http.server import serve
from services.http.service_status import DestinationStatus, ServiceParts
from services.keys.working_keys import sealing_pool
from services.lifecycle import first_failure, readiness_problems
from services.postgres.database import Pool, retry_while_unavailable
from services.postgres.lookout import Lookout, run_lookout
from services.postgres.outbox import Relay
from services.postgres.taken_version import is_taken
from services.published_batches import published_batch_reports
from services.restoration.waiting_room import wait_until_compared
from services.second_person.gate import VersionGate
from services.servers.certificate_watch import watch_servers
from services.tasks import background_task

POOL_SIZE = 16
"""Connections to PostgreSQL: one for each destination, the ledger and each relay; some spare."""


@asynccontextmanager
async def deliverer(current: CurrentConfig) -> AsyncIterator["asyncio.Future[object]"]:
    """Run the deliverer inside the context. The future ends only when a part breaks."""
    live, config = current.live, current.config
    settings, amqp = live.current, amqp_url(live)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool, keys = await enter(sealing_pool(live, "deliverer", POOL_SIZE, config.partitions))
        await wait_until_compared(pool, settings.bind, settings.deliverer_ops_port, keys)
        outgoing = await enter(broker_connection(amqp, "deliverer publishes"))
        incoming = await enter(broker_connection(amqp, "deliverer consumes"))
        queues, sharing = await enter(shared_queues(pool, "deliverer"))
        settlements = Settlements(pool, Publisher(outgoing, topology.ARCHIVE))
        attempts = await enter(attempt_recorder(Publisher(outgoing, topology.ARCHIVE)))
        tables = DeliveryTables(
            Replays(pool),
            SidelinedStore(pool),
            TableLeases(pool, clock.new_id()),
            ConditionStore(pool),
        )
        networks, archiver = settings.private_networks, settings.archiver_url.rstrip("/")
        receivers = ReceiverContext(
            pool, current.department, current.departments, networks, archiver
        )
        shared = SharedResources(
            incoming, settlements, tables, receivers, attempts.record, queues.add, {}
        )
        lookout = await enter(run_lookout(pool))
        relays = await enter(_run_relays(lookout, shared, outgoing, config.partitions))
        running = await enter(run_destinations(shared, config.destinations, current.credentials))
        report = await enter(drained_queue_reports(pool, running.consumers))
        numbers = await enter(_run_numbers(lookout, current, attempts.record))
        upkeep = await enter(_run_upkeep(lookout, current, settlements))
        app = operations_app(
            partial(readiness_problems, pool, running.consumers),
            lambda: current.version.status,
            partial(_parts, current, running.consumers, shared.sessions),
        )
        await enter(serve(app, settings.bind, settings.deliverer_ops_port))
        notices = OwnerNotices(NoticeStore(pool, config.terms), _owned(current), running.receivers)
        telling = await enter(background_task(notices.run()))
        follow = await enter(follow_config(current, pool, running, notices))
        links = outgoing.task, incoming.task, keys, sharing, attempts.task, report, lookout.task
        own = live.task, follow, running.task, telling, *relays, *numbers, *upkeep
        yield first_failure(*links, *own)


@asynccontextmanager
async def follow_config(
    current: CurrentConfig, pool: Pool, running: RunningDestinations, notices: OwnerNotices
) -> AsyncIterator["asyncio.Task[None]"]:
    """Follow the configuration and the files of secrets; yield the task of the former."""
    live = current.live
    live.use(current.prepare_secrets)

    async def activate(new: LoadedConfig) -> None:
        accounts, apply = await asyncio.to_thread(current.prepare, new.config)
        await _record_trials(pool, accounts)  # before anything is sent
        apply()
        await running.add(new.config.destinations)
        notices.follow(_owned(current))
        live.use(current.prepare_secrets)  # those being read now are for the former version

    watch = watch_config(
        live.current.config,
        load_without_rules,
        activate,
        VersionGate(pool, current.version),
        may_take=partial(is_taken, pool),
    )
    async with background_task(watch) as task:
        yield task


def _parts(
    current: CurrentConfig, consumers: Sequence[Consumer], sessions: Mapping[str, Session]
) -> ServiceParts:
    return ServiceParts(
        consumers=tuple(consumer.status for consumer in consumers),
        destinations=tuple(
            sessions[each.id].status() if each.id in sessions else DestinationStatus(each.id)
            for each in current.destinations()
        ),
        numbers=tuple(number.id for number in current.config.numbers),
    )


@asynccontextmanager
async def _run_relays(
    lookout: Lookout, shared: SharedResources, outgoing: BrokerConnection, count: int
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Run the relays of outcomes, found commands, settlements, notices to owners, and erasures. The
    first two have a publisher each, since a source has one unconfirmed publish into a partition at
    a time."""
    outcomes, found = (PartitionPublisher(outgoing, clock.new_id(), count) for _ in range(2))
    pool = lookout.pool
    relays: list[Relay[Any]] = [
        Relay(outcome_outbox(pool), outcomes.publish_by_number),
        Relay(command_outbox(pool), found.publish_by_number),
        Relay(shared.tables.replays.outbox, shared.settlements.publish),
        Relay(NoticeStore(pool).outbox, partial(_publish_notices, shared.settlements)),
        Relay(owner_action_outbox(pool), partial(_publish_records, shared.settlements)),
        Relay(erasure_outbox(pool), partial(_publish_records, shared.settlements)),
    ]
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        report = await enter(published_batch_reports(pool, [outcomes, found]))
        yield [report, *[await enter(background_task(relay.run(lookout))) for relay in relays]]


async def _publish_notices(
    settlements: Settlements, notices: list[EndedNotice]
) -> list[EndedNotice]:
    """Return the notices once the archive's queue has their records."""
    await settlements.publish_records([notice_record(notice) for notice in notices])
    return notices


async def _publish_records(settlements: Settlements, records: list[Record]) -> list[Record]:
    """Return the records once the archive's queue has them."""
    await settlements.publish_records(records)
    return records


def _owned(current: CurrentConfig) -> list[OwnedDestination]:
    """Return the destinations whose owners are told."""
    config = current.config
    tenants = {each.destination: each.tenant for each in reversed(config.departments)}
    return [
        OwnedDestination(
            each.id,
            each.owners,
            tenants.get(each.id, config.tenants[0].id),
            partial(_certificate_end, current.credentials[each.id]),
        )
        for each in config.destinations
        if each.owners
    ]


def _certificate_end(credentials: Credentials) -> datetime | None:
    return credentials.certificates.not_after if credentials.certificates else None


@asynccontextmanager
async def _run_numbers(
    lookout: Lookout, current: CurrentConfig, record_attempt: RecordAttempt
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Run the tasks that speak with Meta for our numbers."""
    settings, accounts = current.live.current, current.accounts
    scanner = configured_scanner(settings.scanner_url, current.config, SCAN_SECONDS)
    files = MediaSource(ObjectStore(settings.object_store), scanner)
    async with (
        _run_sending(lookout, files, current, record_attempt) as sends,
        _run_read_receipts(lookout, accounts) as read_receipts,
        _run_health(lookout.pool, accounts, settings.webhook_url) as health,
        _run_templates(lookout.pool, current) as templates,
    ):
        yield [*sends, *read_receipts, health, templates]


@asynccontextmanager
async def _run_sending(
    lookout: Lookout,
    files: MediaSource,
    current: CurrentConfig,
    record_attempt: RecordAttempt,
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Record the trials, then run the tasks that send to Meta: sweep, media uploader, held
    messages, and the send loop, which stops first."""
    pool, accounts, names = lookout.pool, current.accounts, current.names
    await _record_trials(pool, accounts)
    process = clock.new_id()
    ledger, uploads = Ledger(pool, process, names), MediaUploadStore(pool, process, names)
    async with (
        http_client(WINDOW) as poster,
        http_client(FILES_AT_ONCE, FILE_SECONDS) as file_poster,
    ):
        sender = SendLoop(ledger, poster, accounts, record_attempt, current.knows_all)
        uploader = MediaUploader(uploads, ledger, files, file_poster, accounts, record_attempt)
        await uploader.prepare()
        async with (
            background_task(sender.sweep()) as sweep,
            background_task(uploader.run(lookout.pause_until(ledger_sql.FILE_WAITS))) as upload,
            background_task(run_held_messages(pool, names)) as hold,
            background_task(sender.run(lookout.pause_until(ledger_sql.WAITS))) as send,
        ):
            yield [sweep, upload, hold, send]


async def _record_trials(pool: Pool, accounts: Mapping[str, Account]) -> None:
    await retry_while_unavailable(partial(record_trials, pool, accounts.values()), "trials")


@asynccontextmanager
async def _run_read_receipts(
    lookout: Lookout, accounts: Mapping[str, Account]
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Run the tasks that send read receipts."""
    reuse = ConnectionReuse(repeatable=frozenset({"POST"}))  # marking as read is idempotent
    async with http_client(MAX_IN_FLIGHT, ATTEMPT_SECONDS, reuse=reuse) as poster:
        sender = ReadReceiptSender(ReadReceiptStore(lookout.pool), poster, accounts)
        waits = lookout.pause_until(ledger_sql.READ_RECEIPT_WAITS)
        async with (
            background_task(sender.sweep()) as sweep,
            background_task(sender.run(waits)) as send,
        ):
            yield [sweep, send]


@asynccontextmanager
async def _run_health(
    pool: Pool, accounts: Mapping[str, Account], webhook_url: str
) -> AsyncIterator["asyncio.Task[None]"]:
    """Run the task that looks at our numbers every hour, with connections of its own."""
    async with http_client(
        health_watch.CONNECTIONS,
        health_watch.REQUEST_SECONDS,
        answer_bytes=health_watch.ANSWER_BYTES,
    ) as client:
        outside = Outside(client, fetch_certificate, webhook_url)
        watch = HealthWatch(HealthStore(pool, accounts), accounts, outside)
        async with background_task(watch.run()) as task:
            yield task


@asynccontextmanager
async def _run_templates(pool: Pool, current: CurrentConfig) -> AsyncIterator["asyncio.Task[None]"]:
    """Run the task that asks for the templates of our numbers, with a connection of its own."""
    async with http_client(
        template_watch.CONNECTIONS, template_watch.REQUEST_SECONDS, answer_bytes=ANSWER_BYTES
    ) as client:
        watch = TemplateWatch(TemplateStore(pool, current.names), current.accounts, client)
        async with background_task(watch.run()) as task:
            yield task


@asynccontextmanager
async def _run_upkeep(
    lookout: Lookout, current: CurrentConfig, settlements: Settlements
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Count parked deliveries, send again what owners ordered, clear rows at their term, end what
    removed destinations leave, and watch the certificates of servers."""
    pool, live, terms = lookout.pool, current.live, current.config.terms
    resend_pause = lookout.pause_until(resends.WAITS, resends.POLL_SECONDS)
    works = (
        _measure_parked(settlements, current.destinations, terms),
        _measure_erasures(pool),
        resends.run_resends(pool, current.destinations, resend_pause),
        clear_sent_events(pool, current.destinations),
        clear_periodically(pool, CLEARINGS, terms.model_dump()),
        end_removed_destinations(pool, current.destinations, current.knows_all),
        watch_servers(server_settings(live), live.environ),
    )
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(background_task(work)) for work in works]


COUNT_SECONDS = 30.0
"""Interval between counts of parked deliveries."""


async def _measure_parked(
    settlements: Settlements, destinations: Destinations, terms: Terms
) -> None:
    """Measure the parked deliveries of each destination, also of one that was removed."""
    kept, shown = timedelta(days=terms.parked_days), set[str]()
    while True:
        parked = await retry_while_unavailable(settlements.count_parked, "parked")
        shown |= parked.keys() | {each.id for each in destinations()}
        for destination in shown:
            count, age = parked.get(destination, (0, timedelta(0)))
            metrics.parked.labels(queue=destination).set(count)
            metrics.parked_ends.labels(queue=destination).set((kept - age).total_seconds())
        await asyncio.sleep(COUNT_SECONDS)


async def _measure_erasures(pool: Pool) -> None:
    """Measure what Open Klants still have of destroyed conversations, also one that was removed."""
    shown = set[str]()
    while True:
        waiting = await count_waiting(pool)
        shown |= waiting.keys()
        for destination in shown:
            count, age = waiting.get(destination, (0, timedelta(0)))
            metrics.openklant_unerased.labels(destination).set(count)
            metrics.openklant_unerased_seconds.labels(destination).set(age.total_seconds())
        await asyncio.sleep(COUNT_SECONDS)
