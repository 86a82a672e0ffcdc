"""Report of the desk under load: notes in, tables and targets out. Pure."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bench.desk.crowd import Round
from bench.desk.notes import (
    BARE_PAGE,
    BARE_QUERY,
    CONVERSATION,
    INBOX,
    LIST,
    MESSAGES,
    PAGES,
    Notes,
)
from bench.open_loop import percentile
from bench.reports.results import Line, at_most, target_line

PAGE_MS, SCREEN_MS = 150.0, 1000.0
"""Targets, p95: of a page, and of a message at the screens from the gateway's answer on."""
ORDINARY = 500
"""Open conversations for which the targets hold. With more the same pages are to work."""
BROKEN_MS = 1000.0
"""Target, p95 of a page with ten times as many: slower, and no reason to do something else."""
MEMORY_MIB = 160.0
"""Target for the desk's memory at most: 70 of its own, the rest for pages being drawn."""
KINDS = INBOX, CONVERSATION, LIST, MESSAGES, BARE_PAGE, BARE_QUERY


class Times(msgspec.Struct):
    """Milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float
    highest: float
    bytes: float = 0.0


class Found(msgspec.Struct):
    """The findings of one load."""

    load: Round
    kinds: Mapping[str, Times]
    alone: Mapping[str, Times]
    """The same, while nothing else happened."""
    at_screens: Times
    unseen: int
    faults: Mapping[str, int]

    @property
    def desk_us(self) -> float:
        """CPU microseconds of the desk for a message."""
        return self.load.cpu["desk"] / self.load.messages * 1e6


def find(load: Round, notes: Notes, alone: Notes) -> Found:
    kinds, quiet = _by_kind(notes), _by_kind(alone)
    return Found(load, kinds, quiet, _times(notes.at_screens), notes.unseen, dict(notes.faults))


def _by_kind(notes: Notes) -> dict[str, Times]:
    return {
        kind: _times(notes.seconds[kind], notes.bytes[kind])
        for kind in KINDS
        if notes.seconds[kind]
    }


def _times(seconds: Sequence[float], sizes: Sequence[int] = ()) -> Times:
    p50, p95, p99 = (percentile(seconds, share) * 1000 for share in (0.5, 0.95, 0.99))
    size = sum(sizes) / len(sizes) if sizes else 0.0
    return Times(len(seconds), p50, p95, p99, max(seconds, default=0.0) * 1000, size)


def table(findings: Sequence[Found]) -> Iterator[Line]:
    for each in findings:
        yield from _load_table(each)
    yield ""
    yield f"{'The desk':44}{'target':>10}{'measured':>10}"
    for each in findings:
        yield from _targets(each)


def _load_table(found: Found) -> Iterator[str]:
    load = found.load
    yield ""
    yield (
        f"{load.open:,} open conversations, {load.people} people, {load.messages:,} messages in"
        f" {load.seconds:.0f} s; ms"
    )
    yield (
        f"{'':16}{'count':>8}{'p50':>9}{'p95':>9}{'p99':>9}{'longest':>9}{'kB':>8}{'of bare':>9}"
        f"{'alone':>9}"
    )
    bare = found.kinds[BARE_PAGE].p50
    for kind, each in found.kinds.items():
        rest = f"{each.bytes / 1000:8.1f}{each.p50 / bare:9.1f}{_alone(found, kind)}"
        yield _row(kind, each) + rest
    yield _row("at the screens", found.at_screens)
    memory = load.memory
    yield (
        f"desk: {memory[0]:.0f} MiB at the start, {memory[-1]:.0f} at the end,"
        f" {max(memory):.0f} at most"
    )
    cost = {name: used / load.messages * 1e3 for name, used in load.cpu.items()}
    yield "CPU ms a message: " + ", ".join(f"{name} {used:.1f}" for name, used in cost.items())
    for fault, count in found.faults.items():
        yield f"{count} times: {fault}"


def _alone(found: Found, kind: str) -> str:
    return f"{found.alone[kind].p50:9.1f}" if kind in found.alone else ""


def _row(name: str, each: Times) -> str:
    return (
        f"{name:16}{each.count:8,}{each.p50:9.1f}{each.p95:9.1f}{each.p99:9.1f}{each.highest:9.1f}"
    )


def _targets(found: Found) -> Iterator[Line]:
    n = found.load.open
    most = PAGE_MS if n <= ORDINARY else BROKEN_MS
    for kind in PAGES:
        yield at_most(f"p95 ms of the {kind}, {n:,} open", most, found.kinds[kind].p95)
    yield at_most(f"p95 ms at the screens, {n:,} open", SCREEN_MS, found.at_screens.p95)
    yield at_most(f"MiB of the desk, {n:,} open", MEMORY_MIB, max(found.load.memory))
    faults = sum(found.faults.values()) + found.unseen
    words = f"faults, and messages unseen, {n:,} open"
    yield target_line(words, 0, faults, met=faults == 0)
