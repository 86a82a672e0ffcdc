"""Detection of confirmed batches that go missing, by gaps in the numbers of a source. Pure.

A source reuses a number until that batch is confirmed, so a number that never arrives is a batch
that a quorum of brokers had promised to keep. A gap that lasts raises an alarm.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from uuid import UUID

PATIENCE = timedelta(minutes=10)
"""Time that a batch may be late: it can be redelivered after a connection broke."""
SOURCES = 1000
"""Sources remembered: each start of a gateway or deliverer is a new one."""
GAPS = 1000
"""Missing numbers remembered for one source."""


class BatchGapDetector:
    def __init__(self) -> None:
        self._next: OrderedDict[UUID, int] = OrderedDict()
        self._missing: dict[UUID, dict[int, datetime]] = {}

    def record(self, source: UUID, number: int, at: datetime) -> None:
        expected = self._next.get(source, number)
        missing = self._missing.setdefault(source, {})
        for n in range(expected, min(number, expected + GAPS)):
            missing[n] = at
        missing.pop(number, None)
        for n in list(missing)[:-GAPS]:
            del missing[n]
        self._next[source] = max(expected, number + 1)
        self._next.move_to_end(source)
        if len(self._next) > SOURCES:
            forgotten, _ = self._next.popitem(last=False)
            self._missing.pop(forgotten, None)

    def lasting_gaps(self, at: datetime) -> int:
        """Return how many numbers have been missing for longer than `PATIENCE`."""
        return sum(
            at - since > PATIENCE for gap in self._missing.values() for since in gap.values()
        )
