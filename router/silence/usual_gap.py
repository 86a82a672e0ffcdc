"""The usual gap between messages of citizens, for each weekday and hour, from four weeks. Pure.

Decision 0056 has the reasons and the figures.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, chain, pairwise

import msgspec

from router.silence.open_time import OpenTime
from services.calendar.opening_hours import AMSTERDAM

HISTORY = timedelta(weeks=4)
SHARE = 0.8
"""Share of the open time that lies in gaps no longer than the usual one. With seven tenths, a
number with 50 messages a day has six false alarms in ten years, and in one year of fifty two in a
month. With four fifths it has one in seven years; a silence is found up to a quarter later."""
LEAST_DAYS = 8
"""Days with a message in the four weeks below which there is no usual gap. The gaps in one or two
conversations say nothing of the days in between: by them, a number with two conversations a month
has two false alarms a year. From six days on there are next to none."""
NEIGHBOURS = 1
"""Hours before and after that count too: one hour of four weeks has only some gaps."""
SAME_DAY = 3.0
"""Weight of the same weekday; other days of the same kind weigh 1, so together about as much."""
FRIDAY = 4

Cell = tuple[int, int]
"""Weekday, from 0 for Monday, and hour in Amsterdam."""
Sample = tuple[float, float]
"""Length of a gap, and the part of it that lies in one hour, both in open seconds."""


class HeardHour(msgspec.Struct, frozen=True, gc=False):
    """The minutes of an hour in which citizens wrote: bit 0 is the first minute."""

    hour: datetime
    minutes: int

    def moments(self) -> Iterator[datetime]:
        set_bits = (n for n in range(60) if self.minutes >> n & 1)
        return (self.hour + timedelta(minutes=n) for n in set_bits)


class UsualGaps:
    """The usual gap of each weekday and hour, computed when it is first needed."""

    def __init__(self, samples: dict[Cell, list[Sample]]) -> None:
        self._samples = samples
        self._known: dict[Cell, float | None] = {}

    def at(self, moment: datetime) -> float | None:
        """Return the usual gap in open seconds; None if there is too little history."""
        cell = _cell(moment)
        if cell not in self._known:
            pooled = list(self._pool(*cell)) or list(chain(*self._samples.values()))
            self._known[cell] = _weighted_quantile(pooled) if pooled else None
        return self._known[cell]

    def _pool(self, weekday: int, hour: int) -> Iterator[Sample]:
        """Yield the samples of about this hour, on working days or in weekends."""
        for (day, nearby), samples in self._samples.items():
            if abs(nearby - hour) <= NEIGHBOURS and (day > FRIDAY) == (weekday > FRIDAY):
                weight = SAME_DAY if day == weekday else 1.0
                yield from ((gap, weight * seconds) for gap, seconds in samples)


def learn_usual_gaps(moments: Sequence[datetime], open_time: OpenTime) -> UsualGaps:
    """Return the usual gaps between the moments, which are in order; none if they are on too few
    days. The longest gap does not count: it may have been an outage."""
    samples: dict[Cell, list[Sample]] = {}
    if len({at.astimezone(AMSTERDAM).date() for at in moments}) < LEAST_DAYS:
        return UsualGaps(samples)
    gaps = [(open_time.seconds(*pair), *pair) for pair in pairwise(moments)]
    gaps.remove(max(gaps))
    for gap, before, after in gaps:
        for start, end in open_time.pieces(before, after):
            sample = gap, (end - start).total_seconds()
            samples.setdefault(_cell(start), []).append(sample)
    return UsualGaps(samples)


def _cell(at: datetime) -> Cell:
    local = at.astimezone(AMSTERDAM)
    return local.weekday(), local.hour


def _weighted_quantile(samples: Sequence[Sample]) -> float:
    ordered = sorted(samples)
    sums = list(accumulate(weight for _, weight in ordered))
    return ordered[bisect_left(sums, SHARE * sums[-1])][0]
