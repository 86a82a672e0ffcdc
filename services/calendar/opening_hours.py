"""When a department is open: hours as OpenStreetMap writes them, public holidays, own closing days.

Hours are what the clock on the wall in Amsterdam shows; what is asked and answered is instants. A
time that the wall shows twice, when summer ends, is the first of the two; one that it skips is the
moment of the skip. Good Friday and 5 May are ordinary days, in every year: who is closed then says
so in a closing. Public holidays are known from 2000 to 2076. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from itertools import pairwise
from zoneinfo import ZoneInfo

from opening_hours import OpeningHours, State
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.calendar.opening_hours_syntax import DAYS, parsed
from services.calendar.opening_hours_syntax import fault as fault  # for whoever asks about hours
from services.calendar.opening_hours_syntax import spoken as spoken
from services.toml.model import ConfigModel

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
LONGEST_CLOSING = 366
"""Days in one closing: more is a slip in a year."""
LOOK_AHEAD = 60
"""Weeks in which a next opening or closing is sought: what comes once a year is among them."""
WEEKS_KEPT = 64
"""Weeks worked out that a department remembers, in some 100 KB at most where it opens thrice a day.
Fewer than LOOK_AHEAD, and a search of all would find none of them kept."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTH_NAMES = ("", "January", "February", "March", "April", "May", "June", "July", "August",
    "September", "October", "November", "December")  # fmt: skip
MONTHS = (
    *("januari", "februari", "maart", "april", "mei", "juni"),
    *("juli", "augustus", "september", "oktober", "november", "december"),
)
TIME = "([01][0-9]|2[0-3]):[0-5][0-9]|24:00"
TIMES = f"({TIME})-({TIME})"
Span = tuple[datetime, datetime]
"""From, inclusive, and till, exclusive."""


class Closing(ConfigModel):
    """A day, or more, on which departments are closed or, with `hours`, open at other hours.

    It lasts from midnight to midnight and wins over the hours of a department; a later closing of
    the same day wins over an earlier one.
    """

    first: date = Field(ge=date(2000, 1, 1), lt=date(2100, 1, 1))
    last: date | None = None
    """Inclusive; without it `first` alone."""
    reason: str = Field(default="", max_length=200)
    tenant: str = ""
    departments: tuple[str, ...] = ()
    """Without any, each."""
    hours: str = Field(default="", max_length=100, pattern=f"^({TIMES}(,{TIMES})*)?$")
    """Those of the day itself, `09:00-12:00,13:00-15:00`; '' is closed all day."""

    @model_validator(mode="after")
    def _in_order(self) -> "Closing":
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

    def holds_for(self, tenant: str, department: str) -> bool:
        return self.tenant in ("", tenant) and department in (self.departments or (department,))


class Hours:
    """When one department is open; weeks are worked out once and kept."""

    def __init__(self, regular: OpeningHours, own: Mapping[date, OpeningHours]) -> None:
        self._week = lru_cache(WEEKS_KEPT)(partial(_week, regular, own))

    def is_open(self, at: datetime) -> bool:
        """At an aware moment, in any zone."""
        return any(start <= at < end for start, end in self._week(_number(at)))

    def next_opening(self, at: datetime) -> datetime | None:
        """The first moment after `at` at which it opens: while it is open, that is the opening
        after it has closed. None where there is none in LOOK_AHEAD."""
        return next((start for start, _ in self.openings(at) if start > at), None)

    def next_closing(self, at: datetime) -> datetime | None:
        """The first moment after `at` at which it closes: while it is closed, that is the closing
        after it has opened. None where there is none in LOOK_AHEAD."""
        end = next((end for _, end in self.openings(at)), None)
        # What still lasts when the search ends has not been seen to close.
        return end if end and end < _midnight(_number(at) + LOOK_AHEAD) else None

    def openings(self, at: datetime) -> Iterator[Span]:
        """What ends after `at`, in order, within LOOK_AHEAD; UTC. The first may have begun earlier
        than it says."""
        weeks = range(_number(at), _number(at) + LOOK_AHEAD)
        return _joined(span for week in weeks for span in self._week(week) if span[1] > at)


def compile_hours(expression: str, closings: Iterable[Closing]) -> Hours:
    """The hours of a department with the closings that hold for it; '' is always open but for
    these. ValueError with the sentence of `fault`."""
    if wrong := fault(expression):
        raise ValueError(wrong)
    closings = tuple(closings)
    read = {hours: parsed(hours or "off") for hours in {c.hours for c in closings}}
    own = {day: read[closing.hours] for closing in closings for day in closing.days}
    return Hours(parsed(expression or "24/7"), own)


def never_opens(hours: Hours, since: datetime) -> bool:
    """Not within LOOK_AHEAD."""
    return not hours.is_open(since) and hours.next_opening(since) is None


def add_open_time(hours: Hours, start: datetime, open_for: timedelta) -> datetime | None:
    """When the department has been open for `open_for` since `start`; None if not in LOOK_AHEAD."""
    begin, left = start.astimezone(UTC), open_for
    if left <= timedelta():
        return begin
    for opened, closed in hours.openings(start):
        begin = max(begin, opened)
        if closed - begin >= left:
            return begin + left
        left -= closed - begin
    return None


def format_day(at: datetime, language: str = "nl") -> str:
    """`maandag 30 november`, in Amsterdam; `Monday 30 November` in English."""
    local = at.astimezone(AMSTERDAM)
    if language == "en":
        return f"{WEEKDAYS[local.weekday()]} {local.day} {MONTH_NAMES[local.month]}"
    return f"{DAYS[local.weekday()]} {local.day} {MONTHS[local.month - 1]}"


def format_moment(at: datetime, language: str = "nl") -> str:
    """`maandag 30 november om 09.00 uur`, in Amsterdam; `Monday 30 November at 9:00` in English."""
    local = at.astimezone(AMSTERDAM)
    if language == "en":
        return f"{format_day(at, language)} at {local.hour}:{local:%M}"
    return f"{format_day(at)} om {local:%H.%M} uur"


def _number(at: datetime) -> int:
    """Of a week in Amsterdam, Monday to Sunday, counted from the year 1."""
    return (at.astimezone(AMSTERDAM).toordinal() - 1) // 7


def _midnight(week: int) -> datetime:
    return instant(datetime.fromordinal(7 * week + 1))


def _week(regular: OpeningHours, own: Mapping[date, OpeningHours], week: int) -> tuple[Span, ...]:
    days = [datetime.fromordinal(7 * week + 1 + day) for day in range(7)]
    spans = (span for day in days for span in _day(own.get(day.date(), regular), day))
    return tuple(_joined(spans))


def _day(hours: OpeningHours, day: datetime) -> Iterator[Span]:
    for start, end, state, _ in hours.intervals(day, day + timedelta(days=1)):
        span = (instant(start), instant(end))
        if state == State.OPEN and span[0] < span[1]:  # an hour that is skipped is no opening
            yield span


def instant(wall: datetime) -> datetime:
    """When the clock on the wall in Amsterdam first shows this, or would have."""
    at = wall.replace(tzinfo=AMSTERDAM).astimezone(UTC)
    if at.astimezone(AMSTERDAM).replace(tzinfo=None) != wall:
        return at.replace(minute=0)  # clocks in the European Union change at 01:00 UTC sharp
    return at


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Those that touch as one."""
    held: Span | None = None
    for start, end in spans:
        if held and start <= held[1]:
            held = (held[0], end)
            continue
        if held:
            yield held
        held = (start, end)
    if held:
        yield held
