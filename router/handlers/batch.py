"""One batch: its units decided one after the other, and what of it fits into one message. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from router.handlers.dispatch import decide, quarantine_unit
from router.model.decision import (
    Changes,
    DecidedUnit,
    Decision,
    RepeatedUnit,
    RoutingContext,
    WorkUnit,
)
from router.model.snapshot import Snapshot

ITEMS, BYTES = 256, 256 * 1024
"""Of one message to the archive or a destination; something larger goes alone."""
FAULT = "a fault in Postkamer: see decision.failed in the log"

T = TypeVar("T")


class BatchResult(msgspec.Struct, frozen=True):
    """What is to be said, and of that what is new; what came again in another place, how many units
    were repeats at all, and the faults of ours that put one aside."""

    to_publish: list[DecidedUnit]
    new: list[DecidedUnit]
    duplicates: list[RepeatedUnit]
    repeats: int
    faults: list[Exception]


class CommittedBatch(msgspec.Struct, frozen=True):
    """What is decided and committed: what is to be said, and what came again."""

    said: list[DecidedUnit]
    again: list[RepeatedUnit]


def decide_batch(todo: Iterable[WorkUnit], known: Snapshot, ground: RoutingContext) -> BatchResult:
    """Each unit once. A fault in deciding one puts that one aside and no other."""
    batch = BatchResult([], [], [], 0, [])
    repeats = 0
    mentioned: set[bytes] = set()
    for unit in todo:
        if before := known.decided.get(unit.key):
            if unit.is_repeat or before[0] != unit.entry.id:
                batch.duplicates.append((unit, before[1]))
                repeats += 1
            elif unit.key not in mentioned:
                batch.to_publish.append((unit, before[1], Changes()))
            else:
                repeats += 1
        else:
            decided = (unit, *_decide_safely(unit, known, ground, batch.faults))
            known.apply(decided[2])
            known.decided[unit.key] = unit.entry.id, decided[1]
            batch.new.append(decided)
            batch.to_publish.append(decided)
        mentioned.add(unit.key)
    return msgspec.structs.replace(batch, repeats=repeats)


def _decide_safely(
    unit: WorkUnit, known: Snapshot, ground: RoutingContext, faults: list[Exception]
) -> tuple[Decision, Changes]:
    try:
        return decide(unit, known, ground)
    except Exception as error:
        faults.append(error)
        return quarantine_unit(unit, FAULT, ground)


def split_by_size(things: Sequence[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """In order, within the bounds of one message; something larger goes alone."""
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
