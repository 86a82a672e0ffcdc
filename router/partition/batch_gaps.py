"""Detection of confirmed batches that go missing, by gaps in the numbers of a source. Pure.

A source reuses a number until that batch is confirmed, so a number that never arrives is a batch
that a quorum of brokers had promised to keep. The rows of `router.source` and `router.gap` keep
what a partition knows, so that its next holder goes on from there. A gap that lasts alarms
(`archiver.balance`).
"""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.ids import created_at

SOURCES = 1000
"""Sources remembered: each start of a gateway or deliverer is a new one."""
GAPS = 1000
"""Missing numbers noted at most: more would say nothing more."""

NEW = timedelta(days=7)
"""Age of a source up to which its row, if it had one, is still there (8 days)."""

Gap = tuple[UUID, int]
"""Source and number of a batch that has not come."""


class GapChanges(NamedTuple):
    """Changes to store before the batches are acknowledged."""

    next: dict[UUID, int]
    """Next number of each source that published."""
    opened: set[Gap]
    closed: set[Gap]


class BatchGapDetector:
    def __init__(self, next: Iterable[tuple[UUID, int]] = (), gaps: Iterable[Gap] = ()) -> None:
        """`next` and `gaps` are as the last holder of the partition stored them."""
        self._next = OrderedDict(next)
        self._gaps = set(gaps)
        self._first_source = min(map(created_at, self._next), default=None)
        """Time at which the oldest source began of those known when the partition was taken."""
        self._changes = GapChanges({}, set(), set())

    def record(self, source: UUID, number: int, at: datetime) -> None:
        expected = self._next.get(source, 0 if self._is_new(source, at) else number)
        for n in range(max(expected, number - GAPS), number):
            self._open((source, n))
        self._close((source, number))
        if number >= expected:
            self._next[source] = self._changes.next[source] = number + 1
        self._next.move_to_end(source)
        if len(self._next) > SOURCES:
            self._next.popitem(last=False)

    def _is_new(self, source: UUID, at: datetime) -> bool:
        """Return True if an unknown source surely began after the partition was first held: so its
        first batch has the number 0. One that is older may have been forgotten."""
        if self._first_source is None or len(self._next) >= SOURCES:
            return False
        return created_at(source) > max(self._first_source, at - NEW)

    def take_changes(self) -> GapChanges | None:
        """Return the changes since the last call, or None."""
        changes, self._changes = self._changes, GapChanges({}, set(), set())
        return changes if any(changes) else None

    def _open(self, gap: Gap) -> None:
        if len(self._gaps) < GAPS:
            self._gaps.add(gap)
            self._changes.opened.add(gap)

    def _close(self, gap: Gap) -> None:
        if gap in self._gaps:
            self._gaps.discard(gap)
            self._changes.opened.discard(gap)
            self._changes.closed.add(gap)
