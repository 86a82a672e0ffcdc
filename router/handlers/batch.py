"""One batch: decide its units one after the other, make its records, and split them by size.
Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec

from router.figures.tally import add_figures, find_before
from router.handlers.dispatch import crm_events, decide, quarantine_unit, records
from router.model.changes import Changes, DecidedUnit, RepeatedUnit
from router.model.decision import Decision
from router.model.snapshot import Relied, Snapshot
from router.model.stored_text import Shut
from router.model.work import RoutingContext, WorkUnit
from router.output.archive_records import duplicate_segment, receipt_record
from router.output.crm_events import AddressedEvent
from services.contract import Entry, Receipt, Record
from services.whatsapp import items

ITEMS, BYTES = 256, 256 * 1024
"""Limits of one message to the archive or a destination. Something larger goes alone."""
FAULT = "a fault in Postkamer: see decision.failed in the log"

ParsedEntry = tuple[Entry, Sequence[items.AnyItem] | None]
"""An entry, and the items of its body; None if the body was not parsed or cannot be read."""
T = TypeVar("T")


class BatchResult(msgspec.Struct, frozen=True):
    """The decisions of one batch, before they are committed."""

    to_publish: list[DecidedUnit]
    new: list[DecidedUnit]
    """Decisions made in this batch: those of `to_publish` that are to be committed."""
    duplicates: list[RepeatedUnit]
    """Units that came before, in another receipt or another place of the same body."""
    repeats: int
    """Number of units that were not published, duplicates included."""
    faults: list[Exception]
    """Errors in our code. Each sent one unit to quarantine."""
    forgotten: list[WorkUnit]
    """Units that came again after their conversation was destroyed: nothing is made of them."""


class Output(msgspec.Struct, frozen=True):
    """Everything that goes out because of one decision."""

    events: list[AddressedEvent]
    records: list[Record]


class CommittedBatch(msgspec.Struct, frozen=True):
    """Decisions that are committed and not published yet, and duplicates."""

    to_publish: list[DecidedUnit]
    duplicates: list[RepeatedUnit]
    outputs: dict[bytes, Output] = {}
    """Output of decisions by the key of their unit, where it was made for the commit."""
    forgotten: list[WorkUnit] = []
    """Units whose conversation was destroyed."""

    def output_of(self, unit: WorkUnit, decision: Decision) -> Output:
        """Return the output of a decision. One that was stored before gives the same again."""
        return self.outputs.get(unit.key) or make_output(unit, decision)

    def is_forgotten(self, entry: Entry) -> bool:
        """Return True for an entry of which nothing is left but what was destroyed."""
        if not any(unit.entry.id == entry.id for unit in self.forgotten):
            return False
        told = [unit for unit, _, _ in self.to_publish] + [unit for unit, _ in self.duplicates]
        return all(unit.entry.id != entry.id for unit in told)

    def add(self, other: "CommittedBatch") -> None:
        self.to_publish.extend(other.to_publish)
        self.forgotten.extend(other.forgotten)
        self.duplicates.extend(other.duplicates)
        self.outputs.update(other.outputs)


def make_outputs(decided: Iterable[DecidedUnit]) -> dict[bytes, Output]:
    """Return the output of each decision by the key of its unit."""
    return {unit.key: make_output(unit, decision) for unit, decision, _ in decided}


def make_output(unit: WorkUnit, decision: Decision) -> Output:
    return Output([*crm_events(unit, decision)], [*records(unit, decision)])


def decide_batch(
    units: Iterable[WorkUnit], snapshot: Snapshot, context: RoutingContext
) -> BatchResult:
    """Decide each unit once. An error in deciding one quarantines that one and no other.

    `snapshot` is updated with what each decision changes. Raises Shut.
    """
    batch = BatchResult([], [], [], 0, [], [])
    repeats = 0
    seen: set[bytes] = set()
    for unit in units:
        if unit.key in snapshot.forgotten:
            batch.forgotten.append(unit)
            repeats += 1
        elif existing := snapshot.decided.get(unit.key):
            entry, decision = existing
            if unit.is_repeat or entry != unit.source:
                batch.duplicates.append((unit, decision))
                repeats += 1
            elif unit.key not in seen:
                batch.to_publish.append((unit, decision, Changes()))
            else:
                repeats += 1
        else:
            decision, changes = _decide_safely(unit, snapshot, context, batch.faults)
            snapshot.apply(changes)
            snapshot.decided[unit.key] = unit.source, decision
            batch.new.append((unit, decision, changes))
            batch.to_publish.append((unit, decision, changes))
        seen.add(unit.key)
    return msgspec.structs.replace(batch, repeats=repeats)


def find_relied(new: Iterable[DecidedUnit], snapshot: Snapshot, people: Collection[UUID]) -> Relied:
    """Return what these decisions rest on: the conversations that were read, and those of `people`,
    who were read too, with whom a conversation begins or whose choice is noted."""
    conversations, relied = set[str](), set[UUID]()
    loaded = snapshot.conversations.loaded()
    for _, decision, changes in new:
        for id in (decision.conversation, changes.outgoing and changes.outgoing.conversation):
            if id in loaded and loaded[id].stored:
                conversations.add(id)
        for each in (changes.conversation, changes.merged_conversation):
            if each and each.stored:
                conversations.add(each.id)
            elif each:
                relied.add(each.person)
        choices = (changes.opt_out, changes.consent, *changes.withdrawals)
        relied.update(each.person for each in choices if each)
    return Relied(sorted(conversations), sorted(relied.intersection(people)))


def _decide_safely(
    unit: WorkUnit, snapshot: Snapshot, context: RoutingContext, faults: list[Exception]
) -> tuple[Decision, Changes]:
    try:
        decision, changes = decide(unit, snapshot, context)
        before = find_before(changes, snapshot)
        return decision, add_figures(unit, decision, changes, before, context)
    except Shut:
        raise
    except Exception as error:
        faults.append(error)
        return quarantine_unit(unit, FAULT, context)


def archive_records(
    entries: Iterable[ParsedEntry],
    outputs: Iterable[Output],
    duplicates: Iterable[RepeatedUnit],
) -> list[Record]:
    """Return all records of a batch."""
    batch = [
        receipt_record(entry, parsed or ())
        for entry, parsed in entries
        if isinstance(entry, Receipt) and not entry.retry_of
    ]
    batch += [record for output in outputs for record in output.records]
    batch += [duplicate_segment(unit, decision) for unit, decision in duplicates if unit.item]
    return batch


def split_by_size(things: Sequence[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield chunks in order, each within the limits of one message. Something larger goes alone."""
    chunk: list[T] = []
    size = 0
    for thing in things:
        if chunk and (len(chunk) >= ITEMS or size + size_of(thing) > BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(thing)
        size += size_of(thing)
    if chunk:
        yield chunk
