"""One partition: receive, decide, commit, publish, acknowledge. The order is fixed here only.

    load the snapshot -> decide -> commit -> publish, archive first -> ack

Each batch is decided by one version of the rules: the one in force when it begins. A unit that was
decided before is never decided again. If it came with the same receipt, its batch is redone after
a crash, and the stored decision is published again. If it came with another receipt, Meta repeats
itself, and the decision was published before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from uuid import UUID

import msgspec
import structlog

from router.handlers.batch import (
    ITEMS,
    CommittedBatch,
    Output,
    ParsedEntry,
    archive_records,
    decide_batch,
    find_relied,
    make_outputs,
    split_by_size,
)
from router.handlers.dispatch import quarantine_unit
from router.handlers.units import opaque_unit, parse_items, split_entry
from router.model.changes import DecidedUnit
from router.model.hashes import Hashes
from router.model.snapshot import Relied
from router.model.work import RoutingContext, WorkUnit
from router.output.archive_records import unread_record
from router.output.crm_events import AddressedEvent
from router.partition import decision_metrics, decision_spans
from router.partition.batch_gaps import BatchGapDetector
from router.partition.published_mark import PublishedMark
from router.partition.waiting import DestinationLines, wake_holder
from router.store.fencing import ConversationForgotten, PartitionFenced
from router.store.store import NOTHING_RELIED, BatchGaps, Sighting, Store
from services import clock, contract, metrics
from services.amqp import topology
from services.amqp.consumer import Inbox
from services.amqp.incoming_message import IncomingMessage
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import Publisher, PublishUnconfirmed, publish_until_confirmed
from services.amqp.sealed_batch import open_body, read_batch
from services.contract import ArchiveBatch, Entry, PartitionBatch, Receipt, Record
from services.event_types import CARE_ALARM
from services.postgres.database import DATABASE_ERRORS, retry_while_unavailable
from services.postgres.shut_rows import RowShut, report_shut
from services.tasks import background_task, first_or_watchdog, with_timeout

FRAMES = 16
"""AMQP messages that are handled together. With the prefetch it bounds a partition's memory."""
PACE_SECONDS = 0.010
"""Minimum interval between batch starts. Without it small batches saturate the CPU."""
CAREFUL_FROM = 2
"""Earlier deliveries of a message from which it may be what crashes us."""
STARTS = 2
"""Earlier attempts at one entry that a crash ended, from which it is quarantined untried."""
TAKE_BACK_SECONDS = 1.0
"""Time for taking back a mark while the partition is given up: its next holder waits for nothing,
but this router's end does."""
AGAIN = 5
"""Times that a batch is decided again because a conversation in it was destroyed meanwhile. Each
destruction makes one, and takes longer than deciding."""
OVERHEAD = 200
"""Bytes of a record beside its contents."""

IsLost = Callable[[], bool]
"""True when the channel is gone. The next holder then redoes what is not confirmed."""
CurrentContext = Callable[[], Awaitable[RoutingContext]]
"""Returns the routing context in force; waits until there is one."""
log = structlog.get_logger()


class BatchContext:
    """The conditions of one batch, from its beginning to its end.

    This is no Struct: its repr would put a municipality's configuration into tracebacks.
    """

    def __init__(
        self, routing: RoutingContext, epoch: int, is_lost: IsLost, lines: DestinationLines
    ) -> None:
        self.routing, self.epoch, self.is_lost = routing, epoch, is_lost
        self.lines = lines


class Partition:
    """The work of one partition, for `services.amqp.consumer`."""

    def __init__(
        self,
        number: int,
        context: CurrentContext,
        store: Store,
        archive: Publisher,
        destinations: Publisher,
        partitions: PartitionPublisher,
    ) -> None:
        self.number = number
        self.epoch: int | None = None
        """Epoch of this process as the writer; None until the first message of a channel."""
        self._context, self._store = context, store
        self._archive, self._destinations, self._partitions = archive, destinations, partitions
        self._gaps = BatchGapDetector()
        self._unsaved: BatchGaps | None = None
        """Changes of the gaps that the next commit takes along."""
        self._published = PublishedMark(store, number)
        self._hashes: Hashes
        """Read with each epoch."""

    async def work(self, inbox: Inbox) -> None:
        """Run until the channel is lost or given up.

        The epoch is taken at the first delivery: only then is it certain that no other router is
        active on the queue.
        """
        self.epoch = None
        table = self._store.waiting
        async with background_task(wake_holder(self.number, table, self._partitions)) as waking:
            messages = await first_or_watchdog(inbox.take(FRAMES), waking)
        epoch = await retry_while_unavailable(lambda: self._store.take_epoch(self.number), "epoch")
        self.epoch = epoch
        log.info("partition.held", partition=self.number, epoch=epoch)
        self._hashes = await self._read_hashes()
        load = partial(self._store.load_gaps, self.number)
        self._gaps = BatchGapDetector(*await retry_while_unavailable(load, "gaps"))
        self._unsaved = None
        lines = DestinationLines(self.number, epoch, table, self._destinations, inbox.lost.is_set)
        await lines.find_waiting()
        async with (
            background_task(self._published.run(epoch)) as marking,
            background_task(lines.drain()) as draining,
        ):
            work = self._work(messages, inbox, epoch, lines)
            await first_or_watchdog(first_or_watchdog(work, marking), draining)

    async def _read_hashes(self) -> Hashes:
        """Return the hashes with the keys that municipalities brought. As soon as one of these
        changes, this partition is fenced, and taken anew."""
        brought = await retry_while_unavailable(self._store.load_brought_keys, "brought keys")
        return (await self._context()).hashes.with_brought(*brought)

    async def _work(
        self, messages: list[IncomingMessage], inbox: Inbox, epoch: int, lines: DestinationLines
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            await self._handle(messages, await self._batch_context(inbox, epoch, lines))
            await inbox.ack_all(messages)
            await asyncio.sleep(max(0.0, started + PACE_SECONDS - loop.time()))
            messages = await inbox.take(FRAMES)

    async def _batch_context(
        self, inbox: Inbox, epoch: int, lines: DestinationLines
    ) -> BatchContext:
        """Return the context of one batch. Nobody keeps it while waiting for the next one: rules of
        a former version would stay in memory with it."""
        routing = msgspec.structs.replace(await self._context(), hashes=self._hashes)
        return BatchContext(routing, epoch, inbox.lost.is_set, lines)

    async def _handle(self, messages: Sequence[IncomingMessage], current: BatchContext) -> None:
        entries: list[Entry] = []
        for message in messages:
            batch = await self._read(message, current)
            if message.delivery_count >= CAREFUL_FROM:
                # A message that was delivered twice may be what crashes us: its entries are
                # processed one by one, and each attempt is recorded first.
                await self._process(entries, current)
                entries = []
                await self._process_one_by_one(batch, current)
            else:
                entries += batch
        changes = self._gaps.take_changes()
        self._unsaved = BatchGaps(*changes) if changes else None
        await self._process(entries, current)
        if self._unsaved:
            save = partial(self._store.save_gaps, self.number, current.epoch, self._unsaved)
            await retry_while_unavailable(save, "gaps")

    async def _read(self, message: IncomingMessage, current: BatchContext) -> list[Entry]:
        """Return the entries of a message; quarantine a message that cannot be read.

        Raises KeyError for a type of a newer version: the message stays in the queue.
        """
        try:
            batch = await read_batch(message.type, message.body)
        except msgspec.DecodeError:
            batch = None
        if not isinstance(batch, PartitionBatch):
            await self._put_aside(message, current)
            return []
        self._gaps.record(batch.source, batch.number, clock.now())
        return batch.entries

    async def _put_aside(self, message: IncomingMessage, current: BatchContext) -> None:
        """Quarantine a message that cannot be read, on the record."""
        reason = "a message in the partition's queue cannot be read"
        log.error("frame.unreadable", partition=self.number, reason=reason)
        metrics.quarantined.labels(reason="frame unreadable").inc()
        id = UUID(bytes=current.routing.hashes.own("frame", message.body.hex()))
        body = open_body(message.type, message.body)
        await retry_while_unavailable(
            lambda: self._store.quarantine_message(id, reason, body), "aside"
        )
        record = unread_record(id, reason, clock.now())
        await publish_until_confirmed(
            self._archive,
            topology.ARCHIVE_QUEUE,
            ArchiveBatch(records=[record]),
            may_stop=current.is_lost,
        )

    async def _process_one_by_one(self, entries: Sequence[Entry], current: BatchContext) -> None:
        for entry in entries:
            key = current.routing.hashes.own("suspect", str(self.number), str(entry.id))
            starts = await retry_while_unavailable(
                partial(self._store.mark_suspect, key), "suspect"
            )
            try:
                if starts < STARTS:
                    await self._process([entry], current)
                else:
                    await self._refuse(entry, current)
            except (asyncio.CancelledError, PublishUnconfirmed, PartitionFenced):
                await self._take_back(key)
                raise
            await retry_while_unavailable(partial(self._store.clear_suspect, key), "suspect")

    async def _take_back(self, key: bytes) -> None:
        """Take back the mark of an attempt that no crash ended: the channel was lost, or this
        router stops. If that fails, the mark stays: the entry may be refused too early."""
        with suppress(*DATABASE_ERRORS):
            await with_timeout(TAKE_BACK_SECONDS, self._store.unmark_suspect(key))

    async def _process(self, entries: Sequence[Entry], current: BatchContext) -> None:
        """Decide, commit and publish these entries."""
        if entries:
            started = clock.monotonic()
            parsed = [(entry, parse_items(entry)) for entry in entries]
            units = [unit for each in parsed for unit in split_entry(*each, current.routing)]
            committed = await self._commit(units, current)
            await self._publish(parsed, committed, current)
            self._published.advance()
            decision_metrics.count_decisions(committed.to_publish)
            decision_spans.record_decisions(committed.to_publish, clock.monotonic() - started)

    async def _refuse(self, entry: Entry, current: BatchContext) -> None:
        """Quarantine an entry that was being processed at two crashes, except the units that were
        decided before: those are published again from their rows."""
        opaque = opaque_unit(entry, current.routing)
        parsed: ParsedEntry = entry, None
        units = [opaque]
        is_parsed = partial(self._store.is_parsed, opaque)
        if isinstance(entry, Receipt) and await retry_while_unavailable(is_parsed, "suspect"):
            # It was parsed before, so that is not what crashes us.
            parsed = entry, parse_items(entry)
            units = [*split_entry(*parsed, current.routing)]
        together = CommittedBatch([], [], {})
        for unit in units:
            together.add(await self._refuse_unit(unit, current))
        await self._publish([parsed], together, current)
        self._published.advance()
        decision_metrics.count_decisions(together.to_publish)

    async def _refuse_unit(self, unit: WorkUnit, current: BatchContext) -> CommittedBatch:
        is_decided = partial(self._store.is_decided, unit)
        if await retry_while_unavailable(is_decided, "suspect"):
            return await self._commit_alone(unit, current)
        reason = "it was in hand when the router crashed, twice"
        return CommittedBatch([await self._quarantine(unit, reason, current)], [])

    async def _quarantine(self, unit: WorkUnit, reason: str, current: BatchContext) -> DecidedUnit:
        quarantined = (unit, *quarantine_unit(unit, reason, current.routing))

        async def commit() -> None:
            if not await self._store.is_decided(unit):
                await self._write([quarantined], make_outputs([quarantined]), current)

        await retry_while_unavailable(commit, "item")
        return quarantined

    async def _commit(self, units: Sequence[WorkUnit], current: BatchContext) -> CommittedBatch:
        """Decide and commit units: all at once, or one by one when the database refuses them or a
        row that they need does not open."""
        try:
            return await retry_while_unavailable(lambda: self._decide(units, current), "batch")
        except Exception as error:
            if not _data_fault(error):
                raise
            log.warning("batch.refused", partition=self.number, count=len(units), exc_info=error)
        together = CommittedBatch([], [], {})
        for unit in units:
            together.add(await self._commit_alone(unit, current))
        return together

    async def _commit_alone(self, unit: WorkUnit, current: BatchContext) -> CommittedBatch:
        try:
            return await retry_while_unavailable(lambda: self._decide([unit], current), "item")
        except Exception as error:
            reason = _data_fault(error)
            if not reason:
                raise
            if isinstance(error, RowShut):
                report_shut(error.table, error.key)
        return CommittedBatch([await self._quarantine(unit, reason, current)], [])

    async def _decide(self, units: Sequence[WorkUnit], current: BatchContext) -> CommittedBatch:
        for _ in range(AGAIN):
            with suppress(ConversationForgotten):
                return await self._decide_once(units, current)
        return await self._decide_once(units, current)

    async def _decide_once(
        self, units: Sequence[WorkUnit], current: BatchContext
    ) -> CommittedBatch:
        snapshot = await self._store.load(units, current.routing)
        people = frozenset(snapshot.people())
        batch = decide_batch(units, snapshot, current.routing)
        decision_metrics.log_failures(batch.faults)
        outputs = make_outputs(batch.new)
        if batch.new:
            relied = find_relied(batch.new, snapshot, people)
            decision_metrics.count_unknown_vocabulary(
                await self._write(batch.new, outputs, current, relied)
            )
            decision_metrics.count_charges(batch.new, current.routing.config.rates)
        decision_metrics.count_duplicates(batch.repeats)
        return CommittedBatch(batch.to_publish, batch.duplicates, outputs, batch.forgotten)

    async def _write(
        self,
        decided: Sequence[DecidedUnit],
        outputs: dict[bytes, Output],
        current: BatchContext,
        relied: Relied = NOTHING_RELIED,
    ) -> list[Sighting]:
        """Commit decisions with the ids of their output."""
        committed = await self._store.commit(
            self.number, current.epoch, decided, outputs, self._unsaved, relied
        )
        self._unsaved = None
        self._published.begin(committed.transaction)
        return committed.sightings

    async def _publish(
        self,
        parsed: Sequence[ParsedEntry],
        committed: CommittedBatch,
        current: BatchContext,
    ) -> None:
        """Publish records to the archive, then events to the destinations."""
        outputs = [
            committed.output_of(unit, decision) for unit, decision, _ in committed.to_publish
        ]
        told = [each for each in parsed if not committed.is_forgotten(each[0])]
        records = archive_records(told, outputs, committed.duplicates)
        for chunk in split_by_size(records, _record_size):
            batch = ArchiveBatch(records=chunk)
            await publish_until_confirmed(
                self._archive, topology.ARCHIVE_QUEUE, batch, may_stop=current.is_lost
            )
        ready: list[AddressedEvent] = []
        for (_, decision, _), output in zip(committed.to_publish, outputs, strict=True):
            events = output.events
            if decision.held:
                events = await self._withhold(events, current)
            if decision.releases:
                await _deliver(ready, current.lines)
                await self._release_withheld(decision.conversation, current)
                ready = []
            ready += events
        await _deliver(ready, current.lines)

    async def _withhold(
        self, events: list[AddressedEvent], current: BatchContext
    ) -> list[AddressedEvent]:
        """Store the events of a withheld conversation, in order; return the alarms, which go out
        all the same."""
        withheld = [each for each in events if each[1].type != CARE_ALARM]
        if withheld:
            holder = self.number, current.epoch
            store = partial(self._store.withhold_events, *holder, withheld)
            await retry_while_unavailable(store, "held")
        return [each for each in events if each[1].type == CARE_ALARM]

    async def _release_withheld(self, conversation: str, current: BatchContext) -> None:
        """Publish the withheld events of a conversation in order, `ITEMS` at a time.

        Events that are published and not yet deleted at a crash are published again, under the
        same ids.
        """
        load = partial(self._store.withheld_events, conversation, ITEMS)
        while events := await retry_while_unavailable(load, "held"):
            await _deliver(events, current.lines)
            ids = [event.id for _, event in events]
            delete = partial(self._store.delete_withheld, self.number, current.epoch, ids)
            await retry_while_unavailable(delete, "held")


async def _deliver(events: Sequence[AddressedEvent], lines: DestinationLines) -> None:
    """Deliver to each destination its events, in order."""
    by_destination: dict[str, list[contract.Delivery]] = {}
    for destination, event in events:
        by_destination.setdefault(destination, []).append(event)
    await asyncio.gather(*(lines.deliver(*each) for each in by_destination.items()))


def _record_size(record: Record) -> int:
    return len(record.raw) + len(record.data) + len(record.contact) + OVERHEAD


def _data_fault(error: Exception) -> str:
    """Return the reason why a unit fails alone, or ''. SQLSTATE classes 22 (data) and 23
    (constraint): the values that we write are refused."""
    if isinstance(error, RowShut):
        return f"a row of {error.table} does not open"
    is_refused = (getattr(error, "sqlstate", None) or "")[:2] in {"22", "23"}
    return "the database refused it" if is_refused else ""
