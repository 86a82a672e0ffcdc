"""One batch: its units decided one after the other, and what of it fits into one message. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from router.handlers.dispatch import decide, set_aside
from router.model.decision import Changes, Decided, Decision, Ground, Repeat, Unit
from router.model.snapshot import Knowledge

ITEMS, BYTES = 256, 256 * 1024
"""Of one message to the archive or a destination; something larger goes alone."""
FAULT = "a fault in Postkamer: see decision.failed in the log"

T = TypeVar("T")


class Batch(msgspec.Struct, frozen=True):
    """What is to be said, and of that what is new; what came again in another place, how many units
    were repeats at all, and the faults of ours that put one aside."""

    said: list[Decided]
    fresh: list[Decided]
    again: list[Repeat]
    repeats: int
    faults: list[Exception]


class Settled(msgspec.Struct, frozen=True):
    """What is decided and committed: what is to be said, and what came again."""

    said: list[Decided]
    again: list[Repeat]


def decide_batch(todo: Iterable[Unit], known: Knowledge, ground: Ground) -> Batch:
    """Each unit once. A fault in deciding one puts that one aside and no other."""
    batch = Batch([], [], [], 0, [])
    repeats = 0
    mentioned: set[bytes] = set()
    for unit in todo:
        if before := known.decided.get(unit.key):
            if unit.again or before[0] != unit.entry.id:
                batch.again.append((unit, before[1]))
                repeats += 1
            elif unit.key not in mentioned:
                batch.said.append((unit, before[1], Changes()))
            else:
                repeats += 1
        else:
            decided = (unit, *_decide_safely(unit, known, ground, batch.faults))
            known.learn(decided[2])
            known.decided[unit.key] = unit.entry.id, decided[1]
            batch.fresh.append(decided)
            batch.said.append(decided)
        mentioned.add(unit.key)
    return msgspec.structs.replace(batch, repeats=repeats)


def _decide_safely(
    unit: Unit, known: Knowledge, ground: Ground, faults: list[Exception]
) -> tuple[Decision, Changes]:
    try:
        return decide(unit, known, ground)
    except Exception as error:
        faults.append(error)
        return set_aside(unit, FAULT, ground)


def chunks(things: Sequence[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
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
