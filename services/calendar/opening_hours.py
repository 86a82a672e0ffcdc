"""Opening hours of a department, in the notation of OpenStreetMap, with holidays and closings.
Pure.

Hours are in local time of Amsterdam; arguments and results are instants. A local time that occurs
twice, when summer time ends, means the first one; a local time that is skipped means the moment of
the skip. Good Friday and 5 May are ordinary days in every year: a department that is closed then
configures a closing. Public holidays are known from 2000 to 2076.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo

from opening_hours import OpeningHours, State
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from services.calendar.opening_hours_syntax import fault as fault  # re-exported
from services.calendar.opening_hours_syntax import parse_expression
from services.calendar.opening_hours_syntax import spoken as spoken
from services.toml.model import ConfigModel

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
LONGEST_CLOSING = 366
"""Most days in one closing: more means a mistake in the year."""
LOOK_AHEAD = 60
"""Weeks to search for the next opening or closing: they cover what occurs once a year."""
CACHED_WEEKS = 64
"""Computed weeks in the cache of a department, at most some 100 KB if it opens three times a day.
With fewer than LOOK_AHEAD, a search of all weeks would evict each before it is used again."""
CACHED_PLACES = 4
"""Weeks of a department with the weeks around them, in the cache of last openings: the present one,
the next, and those of messages that were late."""
TIME = "([01][0-9]|2[0-3]):[0-5][0-9]|24:00"
TIMES = f"({TIME})-({TIME})"
Span = tuple[datetime, datetime]
"""Start, inclusive, and end, exclusive."""


def day_of(at: datetime) -> date:
    """Return the day on which a moment is, in the Netherlands."""
    return at.astimezone(AMSTERDAM).date()


def _check_times(hours: str) -> str:
    if hours and not re.fullmatch(f"{TIMES}(,{TIMES})*", hours):
        raise PydanticCustomError(
            "times", "Write the hours of a closing as in 09:00-12:00,13:00-15:00"
        )
    return hours


class Closing(ConfigModel):
    """One or more days on which departments are closed or, with `hours`, have other hours.

    A closing lasts from midnight to midnight and overrides the hours of a department. A later
    closing of the same day overrides an earlier one.
    """

    first: date = Field(ge=date(2000, 1, 1), lt=date(2100, 1, 1))
    last: date | None = None
    """Last day, inclusive; without it the closing has one day."""
    reason: str = Field(default="", max_length=200)
    tenant: str = ""
    departments: tuple[str, ...] = ()
    """Departments that the closing holds for; empty means all."""
    hours: Annotated[str, Field(max_length=100), AfterValidator(_check_times)] = ""
    """Hours of each day, such as `09:00-12:00,13:00-15:00`; '' is closed all day."""

    @model_validator(mode="after")
    def _check_order(self) -> "Closing":
        if not 1 <= self._length <= LONGEST_CLOSING:
            raise PydanticCustomError(
                "last", f"The last day should be 0 to {LONGEST_CLOSING - 1} days after the first"
            )
        times = re.findall(r"\d\d:\d\d", self.hours)
        if any(time >= later for time, later in pairwise(times)):
            raise PydanticCustomError("hours", "The times of a day should follow each other")
        return self

    @property
    def _length(self) -> int:
        return ((self.last or self.first) - self.first).days + 1

    @property
    def days(self) -> Iterator[date]:
        return (self.first + timedelta(n) for n in range(self._length))

    def holds_for(self, tenant: str, *names: str) -> bool:
        """Return True if it holds for a department of these names."""
        return self.tenant in ("", tenant) and not (
            self.departments and {*names}.isdisjoint(self.departments)
        )


class Hours:
    """The opening hours of one department; each week is computed once and cached."""

    def __init__(self, regular: OpeningHours, exceptions: Mapping[date, OpeningHours]) -> None:
        self._week = lru_cache(CACHED_WEEKS)(partial(_week, regular, exceptions))
        self._around = lru_cache(CACHED_PLACES)(partial(_weeks_around, self._week))

    def is_open(self, at: datetime) -> bool:
        """Return True if the department is open at an aware moment, in any zone."""
        for start, end in self._week(_week_number(at)):
            if at < end:
                return start <= at
        return False

    def next_opening(self, at: datetime) -> datetime | None:
        """Return the first moment after `at` at which the department opens, within LOOK_AHEAD.

        While it is open, that is the opening after its next closing. None if there is none.
        """
        return next((start for start, _ in self.openings(at) if start > at), None)

    def last_opening(self, before: datetime) -> Span | None:
        """Return the last span that began before a moment; None if none was open in the six days
        before it. An end that is six days later, or more, may be later still."""
        # In another zone it may be the week beside: the spans around that one hold these days too.
        starts, spans = self._around((before.toordinal() - 1) // 7)
        place = bisect_left(starts, before)
        return spans[place - 1] if place else None

    def open_between(self, start: datetime, end: datetime) -> timedelta:
        """Return how long the department was open from `start` until `end`."""
        weeks = range(_week_number(start), _week_number(end) + 1)
        spans = (span for week in weeks for span in self._week(week))
        parts = (min(closed, end) - max(opened, start) for opened, closed in spans)
        return sum((part for part in parts if part > timedelta()), timedelta())

    def openings(self, at: datetime) -> Iterator[Span]:
        """Yield the open spans that end after `at`, in order, within LOOK_AHEAD, in UTC.

        The first may have begun earlier than its start, as the search begins with the week of `at`.
        """
        weeks = range(_week_number(at), _week_number(at) + LOOK_AHEAD)
        return _join_spans(span for week in weeks for span in self._week(week) if span[1] > at)


def compile_hours(expression: str, closings: Iterable[Closing]) -> Hours:
    """Compile the hours of a department with its closings; '' is always open outside these.

    Raises ValueError with the sentence of `fault`.
    """
    if sentence := fault(expression):
        raise ValueError(sentence)
    closings = tuple(closings)
    by_text = {hours: parse_expression(hours or "off") for hours in {c.hours for c in closings}}
    exceptions = {day: by_text[closing.hours] for closing in closings for day in closing.days}
    return Hours(parse_expression(expression or "24/7"), exceptions)


def never_opens(hours: Hours, since: datetime) -> bool:
    """Return True if the department is not open at any moment from `since` within LOOK_AHEAD."""
    return not hours.is_open(since) and hours.next_opening(since) is None


def add_open_time(hours: Hours, start: datetime, open_for: timedelta) -> datetime | None:
    """Return when the department has been open for `open_for` since `start`; None if that is not
    within LOOK_AHEAD."""
    begin, left = start.astimezone(UTC), open_for
    if left <= timedelta():
        return begin
    for opened, closed in hours.openings(start):
        begin = max(begin, opened)
        if closed - begin >= left:
            return begin + left
        left -= closed - begin
    return None


def _week_number(at: datetime) -> int:
    """Return the number of the week in Amsterdam, Monday to Sunday, counted from the year 1."""
    return (at.astimezone(AMSTERDAM).toordinal() - 1) // 7


def _week(
    regular: OpeningHours, exceptions: Mapping[date, OpeningHours], week: int
) -> tuple[Span, ...]:
    days = [datetime.fromordinal(7 * week + 1 + day) for day in range(7)]
    spans = (span for day in days for span in _day(exceptions.get(day.date(), regular), day))
    return tuple(_join_spans(spans))


def _weeks_around(
    spans_of: Callable[[int], tuple[Span, ...]], week: int
) -> tuple[list[datetime], list[Span]]:
    """Return the spans of a week, of the one before and of the next, and their starts."""
    weeks = range(week - 1, week + 2)
    spans = list(_join_spans(span for each in weeks for span in spans_of(each)))
    return [start for start, _ in spans], spans


def _day(hours: OpeningHours, day: datetime) -> Iterator[Span]:
    for start, end, state, _ in hours.intervals(day, day + timedelta(days=1)):
        span = (instant(start), instant(end))
        if state == State.OPEN and span[0] < span[1]:  # an hour that is skipped is no opening
            yield span


def instant(wall: datetime) -> datetime:
    """Return the instant of a local time in Amsterdam: the first if it occurs twice, and the moment
    of the skip if it is skipped."""
    at = wall.replace(tzinfo=AMSTERDAM).astimezone(UTC)
    if at.astimezone(AMSTERDAM).replace(tzinfo=None) != wall:
        return at.replace(minute=0)  # clocks in the European Union change at 01:00 UTC sharp
    return at


def _join_spans(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans, with those that touch joined into one."""
    current: Span | None = None
    for start, end in spans:
        if current and start <= current[1]:
            current = (current[0], end)
            continue
        if current:
            yield current
        current = (start, end)
    if current:
        yield current
