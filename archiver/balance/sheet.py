"""The sheet of the balance: what began, and where all of it is now. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec

MISSING, ACCEPTED, UNDER_WAY = "missing", "accepted", "under way"
ENTRY, BATCH = "entry", "batch"
"""Equations without sums: the entries of the record that are gone, by their position; the batches
that a source published and that did not come."""
SEND_PARTS = {
    UNDER_WAY: "waiting",
    "queued": "waiting",
    "held": "waiting",
    "sending": "waiting",
    "unconfirmed": "unknown",
}
"""State in the ledger -> part of the equation, where these differ."""


class Equation(NamedTuple):
    """An equation: `whole` is the sum of `parts`."""

    name: str
    title: str
    subject: str
    whole: str
    parts: tuple[str, ...]


LOST = MISSING, ACCEPTED
"""Parts of every equation: what cannot be found, and what a person looked into."""
EQUATIONS = (
    Equation("item", "Items", "number", "received", ("decided", "repeated", "quarantined", *LOST)),
    Equation("record", "Records", "number", "begun", ("recorded", "aside", UNDER_WAY, *LOST)),
    Equation(
        "delivery",
        "Deliveries",
        "destination",
        "begun",
        ("settled", "parked", "dropped", "replay", "aside", "waiting", "held", UNDER_WAY, *LOST),
    ),
    Equation(
        "quarantine", "Quarantined", "number", "begun", ("waiting", "again", "dropped", *LOST)
    ),
    Equation("send", "Sends", "number", "begun", ("sent", "failed", "unknown", "waiting", *LOST)),
)


MISSABLE = ("receipt", *(equation.name for equation in EQUATIONS), ENTRY, BATCH)


class Count(msgspec.Struct, frozen=True):
    """Count of one part: of what ended, or of what is open."""

    equation: str
    subject: str
    part: str
    count: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One equation for one number or destination; '' for none."""

    equation: str
    subject: str
    whole: int
    parts: dict[str, int]
    difference: int
    """Things that began and are in no part; 0 unless the tables of the balance were changed."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Something that cannot be found where it has to be."""

    equation: str
    id: str
    """Id of the record, event, message or receipt; of a batch: its source and number; of an entry:
    its position."""
    subject: str
    """Number, destination or partition."""
    since: datetime
    is_gone: bool = False
    """True if it had ended, and its row was deleted since."""


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    begun_at: datetime
    """Time from which decisions are counted."""
    round_at: datetime | None
    """Time of the last round; None before the first."""
    past_at: datetime | None = None
    """Time of which all that ended before was looked at again; None before the first pass."""
    lines: list[Line]
    missing: list[Missing]
    """The longest missing, at most LISTED."""
    missing_counts: dict[str, int]
    """Number of missing things by equation; 0 for an equation without."""

    @property
    def is_closed(self) -> bool:
        return not any(self.missing_counts.values()) and not any(
            line.difference for line in self.lines
        )


def build_lines(ended: Iterable[Count], open: Iterable[Count]) -> Iterator[Line]:
    """Yield the lines, by equation and subject. Each has all its parts, also those of 0."""
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for each in (*ended, *open):
        parts = sums.setdefault((each.equation, each.subject), {})
        part = SEND_PARTS.get(each.part, each.part) if each.equation == "send" else each.part
        parts[part] = parts.get(part, 0) + each.count
    for equation in EQUATIONS:
        for name, subject in sorted(sums):
            if name == equation.name:
                yield _line(equation, subject, sums[name, subject])


def _line(equation: Equation, subject: str, counts: dict[str, int]) -> Line:
    parts = {part: counts.get(part, 0) for part in equation.parts}
    whole = counts.get(equation.whole, 0)
    if equation.name == "item":
        # Items are received in the record, which is behind the decisions.
        decided = parts["decided"] + parts["quarantined"]
        whole = max(whole, decided) + parts["repeated"] + parts[MISSING] + parts[ACCEPTED]
    difference = whole - sum(parts.values())
    return Line(
        equation=equation.name, subject=subject, whole=whole, parts=parts, difference=difference
    )
