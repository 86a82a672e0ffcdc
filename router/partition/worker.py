"""One partition: take what came, decide it, commit, publish, acknowledge; in that order, here only.

    load what is known -> decide -> commit -> publish, archive first -> ack

Each batch is decided by one version of the rules: the one in force when it begins. A unit that is
known already is never decided again. When it came with the same receipt, its batch is being done
again after a crash, and what its row says is published again; when it came with another one, Meta
repeats itself, and it has been said.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from uuid import UUID

import msgspec
import structlog

from router.handlers.batch import ITEMS, CommittedBatch, decide_batch, split_by_size
from router.handlers.dispatch import quarantine_unit
from router.handlers.units import items_of, opaque_unit, split_entry
from router.model.decision import DecidedUnit, RoutingContext, WorkUnit
from router.output import archive_records, crm_events
from router.partition import decision_metrics
from router.partition.batch_gaps import BatchGapDetector
from router.store.store import Store
from services import clock, contract, metrics
from services.amqp import topology
from services.amqp.consumer import Inbox
from services.amqp.incoming_message import IncomingMessage
from services.amqp.publisher import Publisher, publish_until_confirmed
from services.contract import ArchiveBatch, DeliveryBatch, Entry, PartitionBatch, Record
from services.postgres.database import retry_while_unavailable

FRAMES = 16
"""AMQP messages taken together: with the prefetch, what bounds the memory of a partition."""
PACE_SECONDS = 0.010
"""Between the starts of two batches: unpaced, tiny ones fill the cores."""
CAREFUL_FROM = 2
"""Deliveries before this one, from which a message may be what crashes us."""
STARTS = 2
"""Starts at which an entry was in hand; then it is put aside."""

Lost = Callable[[], bool]
"""Whether the channel is gone: then what is not confirmed is done again by whoever is next."""
Current = Callable[[], Awaitable[RoutingContext]]
"""What is decided by now; waits until there is something."""
log = structlog.get_logger()


class BatchContext:
    """What one batch goes by, from its beginning to its end. No Struct: it would show all that a
    town has configured wherever a fault is shown."""

    def __init__(self, ground: RoutingContext, epoch: int, lost: Lost) -> None:
        self.ground, self.epoch, self.lost = ground, epoch, lost


class Partition:
    """The work of one partition, for `services.consumer`."""

    def __init__(
        self,
        number: int,
        current: Current,
        store: Store,
        archive: Publisher,
        destinations: Publisher,
    ) -> None:
        self.number = number
        self._current, self._store = current, store
        self._archive, self._destinations = archive, destinations
        self._gaps = BatchGapDetector()

    async def work(self, inbox: Inbox) -> None:
        """Until the channel is lost or let go. The epoch is taken at its first delivery: only then
        is it certain that nobody else is active on the queue."""
        loop = asyncio.get_running_loop()
        frames = await inbox.take(FRAMES)
        epoch = await retry_while_unavailable(lambda: self._store.take_epoch(self.number), "epoch")
        log.info("partition.held", partition=self.number, epoch=epoch)
        self._gaps = BatchGapDetector()  # what another router took meanwhile is not missing
        while True:
            started = loop.time()
            turn = BatchContext(await self._current(), epoch, inbox.lost.is_set)
            await self._handle(frames, turn)
            await inbox.ack_all(frames)
            await asyncio.sleep(max(0.0, started + PACE_SECONDS - loop.time()))
            frames = await inbox.take(FRAMES)

    async def _handle(self, frames: Sequence[IncomingMessage], turn: BatchContext) -> None:
        entries: list[Entry] = []
        for frame in frames:
            batch = await self._read(frame, turn)
            if frame.delivery_count >= CAREFUL_FROM:
                # What has been handed out twice may be what ends us: its entries go one by one,
                # each written down first.
                await self._process(entries, turn)
                entries = []
                await self._process_one_by_one(batch, turn)
            else:
                entries += batch
        await self._process(entries, turn)

    async def _read(self, frame: IncomingMessage, turn: BatchContext) -> list[Entry]:
        """The entries of a frame. KeyError for a kind of a newer version: it stays in the queue."""
        try:
            batch = contract.decode(frame.type, frame.body)
        except msgspec.DecodeError:
            batch = None
        if not isinstance(batch, PartitionBatch):
            reason = "a message in the partition's queue cannot be read"
            log.error("frame.unreadable", partition=self.number, reason=reason)
            metrics.quarantined.labels(reason="frame unreadable").inc()
            id = UUID(bytes=turn.ground.hash("frame", frame.body.hex()))
            await retry_while_unavailable(
                lambda: self._store.put_aside(id, reason, frame.body), "aside"
            )
            return []
        self._gaps.record(batch.source, batch.number, clock.now())
        missing = self._gaps.lasting_gaps(clock.now())
        metrics.batches_missing.labels(partition=self.number).set(missing)
        return batch.entries

    async def _process_one_by_one(self, entries: Sequence[Entry], turn: BatchContext) -> None:
        for entry in entries:
            mark = turn.ground.hash("suspect", str(self.number), str(entry.id))
            starts = await retry_while_unavailable(
                partial(self._store.mark_suspect, mark), "suspect"
            )
            if starts < STARTS:
                await self._process([entry], turn)
            else:
                await self._refuse(entry, turn)
            await retry_while_unavailable(partial(self._store.clear_suspect, mark), "suspect")

    async def _process(self, entries: Sequence[Entry], turn: BatchContext) -> None:
        """Decide, commit and publish these entries."""
        if entries:
            opened = [(entry, items_of(entry)) for entry in entries]
            todo = [unit for one in opened for unit in split_entry(*one, turn.ground)]
            settled = await self._settle(todo, turn)
            await self._publish(opened, settled, turn.lost)
            decision_metrics.count_decisions(settled.said)

    async def _refuse(self, entry: Entry, turn: BatchContext) -> None:
        """Put an entry aside that was in hand when the router crashed."""
        unit = opaque_unit(entry, turn.ground)
        said = await self._put_aside(unit, "it was in hand when the router crashed, twice", turn)
        await self._publish([(entry, None)], CommittedBatch([said], []), turn.lost)
        decision_metrics.count_decisions([said])

    async def _put_aside(self, unit: WorkUnit, reason: str, turn: BatchContext) -> DecidedUnit:
        alone = (unit, *quarantine_unit(unit, reason, turn.ground))

        async def commit() -> None:
            if unit.key not in (await self._store.load([unit], turn.ground)).decided:
                await self._store.commit(self.number, turn.epoch, [alone])

        await retry_while_unavailable(commit, "item")
        return alone

    async def _settle(self, todo: Sequence[WorkUnit], turn: BatchContext) -> CommittedBatch:
        """Decided and committed: all at once, or one by one when the database refuses them."""
        try:
            return await retry_while_unavailable(lambda: self._decide(todo, turn), "batch")
        except Exception as error:
            if not _is_data(error):
                raise
            log.warning("batch.refused", partition=self.number, count=len(todo), exc_info=error)
        every = CommittedBatch([], [])
        for unit in todo:
            alone = await self._settle_alone(unit, turn)
            every.said.extend(alone.said)
            every.again.extend(alone.again)
        return every

    async def _settle_alone(self, unit: WorkUnit, turn: BatchContext) -> CommittedBatch:
        try:
            return await retry_while_unavailable(lambda: self._decide([unit], turn), "item")
        except Exception as error:
            if not _is_data(error):
                raise
        return CommittedBatch([await self._put_aside(unit, "the database refused it", turn)], [])

    async def _decide(self, todo: Sequence[WorkUnit], turn: BatchContext) -> CommittedBatch:
        known = await self._store.load(todo, turn.ground)
        batch = decide_batch(todo, known, turn.ground)
        decision_metrics.log_failures(batch.faults)
        if batch.new:
            decision_metrics.count_unknown_vocabulary(
                await self._store.commit(self.number, turn.epoch, batch.new)
            )
            decision_metrics.count_charges(batch.new, turn.ground.config.rates)
        decision_metrics.count_duplicates(batch.repeats)
        return CommittedBatch(batch.to_publish, batch.duplicates)

    async def _publish(
        self, opened: Sequence[archive_records.ParsedEntry], settled: CommittedBatch, lost: Lost
    ) -> None:
        """Archive first."""
        kept = archive_records.archive_records(opened, settled.said, settled.again)
        for chunk in split_by_size(kept, _size_of_record):
            await publish_until_confirmed(
                self._archive, topology.ARCHIVE_QUEUE, ArchiveBatch(records=chunk), may_stop=lost
            )
        told: list[crm_events.AddressedEvent] = []
        for unit, decision, _ in settled.said:
            events = list(crm_events.crm_events(unit, decision))
            if decision.held:
                events = await self._store_held(events)
            if decision.releases:
                await self._publish_events(told, lost)
                await self._release_held(decision.conversation, lost)
                told = []
            told += events
        await self._publish_events(told, lost)

    async def _store_held(
        self, told: list[crm_events.AddressedEvent]
    ) -> list[crm_events.AddressedEvent]:
        """Put the events of a held conversation aside, in order; whoever is woken is woken."""
        aside = [to for to in told if to[1].type != crm_events.CARE_ALARM]
        if aside:
            await retry_while_unavailable(partial(self._store.hold_events, aside), "held")
        return [to for to in told if to[1].type == crm_events.CARE_ALARM]

    async def _release_held(self, conversation: str, lost: Lost) -> None:
        """Tell what was put aside of a conversation, in order, so much at once. What is told and
        still kept when we end is told again, under the same ids."""
        take = partial(self._store.held, conversation, ITEMS)
        while held := await retry_while_unavailable(take, "held"):
            await self._publish_events(held, lost)
            ids = [delivery.id for _, delivery in held]
            await retry_while_unavailable(partial(self._store.delete_held, ids), "held")

    async def _publish_events(self, told: Sequence[crm_events.AddressedEvent], lost: Lost) -> None:
        """Each destination its events, in order."""
        by_destination: dict[str, list[contract.Delivery]] = {}
        for destination, delivery in told:
            by_destination.setdefault(destination, []).append(delivery)
        await asyncio.gather(
            *(self._deliver(name, events, lost) for name, events in by_destination.items())
        )

    async def _deliver(self, destination: str, events: list[contract.Delivery], lost: Lost) -> None:
        for chunk in split_by_size(events, lambda event: len(event.data) + 200):
            await publish_until_confirmed(
                self._destinations,
                topology.destination_queue(destination),
                DeliveryBatch(destination=destination, deliveries=chunk),
                may_stop=lost,
            )


def _size_of_record(record: Record) -> int:
    return len(record.raw) + len(record.data) + len(record.contact) + 200


def _is_data(error: Exception) -> bool:
    """SQLSTATE classes 22 (data) and 23 (constraint): it is what we try to write."""
    return (getattr(error, "sqlstate", None) or "")[:2] in {"22", "23"}
