"""Opening hours of any kind, at any moment: open now, next change and open time agree."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.calendar.opening_hours import (
    AMSTERDAM,
    CACHED_WEEKS,
    LOOK_AHEAD,
    Closing,
    Hours,
    add_open_time,
    compile_hours,
    never_opens,
)
from services.calendar.opening_hours_syntax import fault, parse_expression

OFFICE = "Mo-Fr 09:00-17:00; Th 09:00-20:00; PH off"
NIGHT = "Fr-Su 22:00-03:00"
MICROSECOND, SIX_DAYS = timedelta(microseconds=1), timedelta(days=6)

DAYS = st.sampled_from(["Mo", "Tu", "Th", "Sa", "Su", "Mo-Fr", "Sa,Su", "Fr-Mo", "Mo-Su", "PH"])
QUARTERS = st.integers(0, 95).map(lambda n: f"{n // 4:02d}:{n % 4 * 15:02d}")
TIMES = st.lists(st.tuples(QUARTERS, QUARTERS).map("-".join), min_size=1, max_size=2).map(",".join)
RULES = st.tuples(DAYS, TIMES | st.just("off")).map(" ".join)
EXPRESSIONS = (
    st.lists(RULES, min_size=1, max_size=4).map("; ".join).filter(lambda text: not fault(text))
    | st.sampled_from(["", "24/7; PH off", "02:00-02:45", "Mar Su[-1] 01:30-02:30", OFFICE, NIGHT])
)  # fmt: skip
START = datetime(2026, 1, 1, tzinfo=UTC)
YEARS = 3 * 365 * 24 * 60
INSTANTS = st.integers(0, YEARS).map(lambda minutes: START + timedelta(minutes=minutes))
OWN = st.lists(
    st.builds(
        lambda day, days, hours: Closing(
            first=START.date() + timedelta(days=day),
            last=START.date() + timedelta(days=day + days),
            hours=hours,
        ),
        st.integers(0, 3 * 365),
        st.integers(0, 20),
        st.sampled_from(["", "09:00-12:00", "00:00-24:00", "02:15-02:45,23:00-24:00"]),
    ),
    max_size=5,
)


def next_closing(hours: Hours, at: datetime) -> datetime | None:
    """Return when the first open span ends; None if the search ended before it."""
    end = next((end for _, end in hours.openings(at)), None)
    is_searched = end is not None and end < at + timedelta(weeks=LOOK_AHEAD - 1)
    return end if end and (is_searched or not hours.is_open(end)) else None


@pytest.mark.slow
@given(EXPRESSIONS, OWN, INSTANTS, st.integers(0, 99))
@example(NIGHT, [], datetime(2026, 3, 28, 21, tzinfo=UTC), 99)
@example(NIGHT, [], datetime(2026, 10, 24, 20, tzinfo=UTC), 99)
def test_opening_hours_change_only_at_the_next_opening_and_closing(
    expression: str, own: list[Closing], at: datetime, percent: int
) -> None:
    hours = compile_hours(expression, own)
    opens, closes = hours.next_opening(at), next_closing(hours, at)
    is_open = hours.is_open(at)
    known = [moment for moment in (opens, closes) if moment]
    assert is_open or never_opens(hours, at) is (opens is None)
    marks = [at, *sorted(known)]
    assert len(set(marks)) == len(marks)
    if opens and closes:
        assert (closes < opens) is is_open
    for start, end in pairwise(marks):
        assert hours.is_open(start) is is_open
        assert hours.is_open(start + (end - start) * percent // 100) is is_open
        assert hours.is_open(end - MICROSECOND) is is_open
        is_open = not is_open
    assert hours.is_open(marks[-1]) is is_open


@pytest.mark.slow
@given(EXPRESSIONS, INSTANTS)
def test_opening_hours_agree_with_the_library_on_local_time(expression: str, at: datetime) -> None:
    """The hour that comes twice is left out, as local time alone cannot tell the two apart."""
    wall = at.astimezone(AMSTERDAM)
    if wall.replace(fold=0).utcoffset() == wall.replace(fold=1).utcoffset():
        library = parse_expression(expression or "24/7")
        assert compile_hours(expression, ()).is_open(at) is library.is_open(
            wall.replace(tzinfo=None)
        )


@pytest.mark.slow
@given(
    EXPRESSIONS, OWN, INSTANTS, *[st.integers(1, 60 * 60).map(lambda n: timedelta(minutes=n))] * 2
)
def test_open_time_added_in_two_parts_is_as_long_as_in_one(
    expression: str, own: list[Closing], at: datetime, one: timedelta, other: timedelta
) -> None:
    hours = compile_hours(expression, own)
    halfway, ends = add_open_time(hours, at, one), add_open_time(hours, at, one + other)
    if halfway and ends:  # else one of them is beyond what is looked at
        assert at + one <= halfway and hours.is_open(halfway - MICROSECOND)
        assert add_open_time(hours, halfway, other) == ends
        spans = [(max(start, at), min(end, ends)) for start, end in hours.openings(at)]
        waited = sum(((end - start) for start, end in spans if start < ends), timedelta())
        assert waited == one + other


@pytest.mark.slow
@given(EXPRESSIONS, OWN, INSTANTS)
@example("24/7", [], datetime(2026, 11, 29, 23, 30, tzinfo=UTC))
@example("Su 20:00-24:00; Mo 00:00-02:00", [], datetime(2026, 11, 30, 12, tzinfo=UTC))
def test_last_opening_is_the_last_of_all_that_began_before_a_moment(
    expression: str, own: list[Closing], at: datetime
) -> None:
    hours, since, soon = compile_hours(expression, own), at - SIX_DAYS, at + SIX_DAYS
    before = list(takewhile(lambda span: span[0] < at, hours.openings(since)))
    last = hours.last_opening(at)
    if before:
        start, end = before[-1]
        assert last and max(last[0], since) == max(start, since)
        assert min(last[1], soon) == min(end, soon)
    else:
        assert last is None or last[1] <= since


class Counted:
    """Hours of which it is counted how often the library is asked."""

    def __init__(self, expression: str) -> None:
        self.expression, self.asked = parse_expression(expression), 0

    def intervals(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, ...]]:
        self.asked += 1
        return self.expression.intervals(start, end)


def test_weeks_are_computed_once_and_a_bounded_number_is_cached() -> None:
    library = Counted("off")
    hours = Hours(library, {})
    at = datetime(2026, 11, 27, 9, tzinfo=UTC)
    for minute in range(1000):
        hours.is_open(at + timedelta(minutes=minute))
    assert library.asked == 7
    for _ in range(3):
        assert never_opens(hours, at)
    assert library.asked == 7 * LOOK_AHEAD
    for week in range(CACHED_WEEKS):
        hours.is_open(at + timedelta(weeks=LOOK_AHEAD + week))
    hours.is_open(at)
    assert library.asked == 7 * (LOOK_AHEAD + CACHED_WEEKS + 1)
