"""The open time of a number: the hours of its fallback department, without public holidays. Pure.

A silence is measured in open time, so that a night or a weekend counts for nothing.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, takewhile

from services.calendar.opening_hours import Hours, Span, compile_hours

HOUR = timedelta(hours=1)
HOLIDAYS = compile_hours("PH 00:00-24:00", ())
"""Public holidays count as closed, even for a department whose hours do not mention them."""


class OpenTime:
    """Open spans in order, and the open time between two instants within them."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]
        lengths = ((end - start).total_seconds() for start, end in spans)
        self._before = list(accumulate(lengths, initial=0.0))

    def seconds(self, start: datetime, end: datetime) -> float:
        """Return the open seconds between two instants."""
        return self._until(end) - self._until(start)

    def add(self, start: datetime, seconds: float) -> datetime:
        """Return the moment at which `seconds` of open time have passed since `start`; `start` if
        there are none to pass, and the last moment if there is not so much."""
        for at, until in self.pieces_from(start) if seconds > 0 else ():
            length = (until - at).total_seconds()
            if length >= seconds:
                return at + timedelta(seconds=seconds)
            seconds -= length
            start = until
        return start

    def pieces(self, start: datetime, end: datetime) -> Iterator[Span]:
        """Yield the open spans between two instants, cut at each whole hour."""
        n = max(bisect_right(self._starts, start) - 1, 0)
        while n < len(self._starts) and self._starts[n] < end:
            at, until = max(self._starts[n], start), min(self._ends[n], end)
            while at < until:
                cut = min(whole_hour(at) + HOUR, until)
                yield at, cut
                at = cut
            n += 1

    def pieces_from(self, start: datetime) -> Iterator[Span]:
        """Yield the open spans from an instant on, cut at each whole hour."""
        return self.pieces(start, self._ends[-1]) if self._ends else iter(())

    def _until(self, at: datetime) -> float:
        n = bisect_right(self._starts, at) - 1
        if n < 0:
            return 0.0
        return self._before[n] + (min(at, self._ends[n]) - self._starts[n]).total_seconds()


def find_open_time(hours: Hours, start: datetime, end: datetime) -> OpenTime:
    """Return the open time between two instants."""
    opened, holidays = (_between(each, start, end) for each in (hours, HOLIDAYS))
    return OpenTime(list(_subtract(opened, list(holidays))))


def whole_hour(at: datetime) -> datetime:
    """Return the start of the hour: one of UTC is one in Amsterdam."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _between(hours: Hours, start: datetime, end: datetime) -> Iterator[Span]:
    spans = takewhile(lambda span: span[0] < end, hours.openings(start))
    return ((max(span[0], start), min(span[1], end)) for span in spans)


def _subtract(spans: Iterable[Span], others: Sequence[Span]) -> Iterator[Span]:
    """Yield the parts of the spans that are in none of the others; both are in order."""
    for start, end in spans:
        for begins, ends in others:
            if begins >= end:
                break
            if ends > start:
                if begins > start:
                    yield start, begins
                start = max(start, ends)
        if start < end:
            yield start, end
