"""Quiet hours, in which no business-initiated message leaves, by the wall clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.calendar.opening_hours import AMSTERDAM
from services.calendar.quiet_hours import NightHours, QuietHours, parse_quiet_hours

NIGHT = parse_quiet_hours("21:00-08:00")
assert NIGHT
READ: TypeAdapter[str] = TypeAdapter(NightHours)


def wall(clock: str, fold: int = 0) -> datetime:
    """A time as Amsterdam's clocks show it."""
    return datetime.fromisoformat(clock).replace(tzinfo=AMSTERDAM, fold=fold)


def until(night: QuietHours | None, at: datetime) -> datetime | None:
    assert night
    end = night.ends_at(at)
    return end and end.astimezone(AMSTERDAM)


@pytest.mark.parametrize(
    ("clock", "end"),
    [
        ("2026-11-26 20:59:59", ""), ("2026-11-26 20:59:59.999999", ""),
        ("2026-11-26 21:00:00", "2026-11-27 08:00"), ("2026-11-26 23:59:59", "2026-11-27 08:00"),
        ("2026-11-27 00:00:00", "2026-11-27 08:00"), ("2026-11-27 07:59:59", "2026-11-27 08:00"),
        ("2026-11-27 08:00:00", ""), ("2026-11-27 12:00:00", ""),
        ("2026-12-31 21:00:00", "2027-01-01 08:00"),
    ],
)  # fmt: skip
def test_quiet_hours_begin_and_end_to_the_second(clock: str, end: str) -> None:
    assert until(NIGHT, wall(clock)) == (wall(end) if end else None)


@pytest.mark.parametrize(("date", "hours"), [("2026-03-28", 10), ("2026-10-24", 12)])
def test_quiet_hours_end_by_the_wall_clock_when_the_clocks_change(date: str, hours: int) -> None:
    begins = wall(f"{date} 21:00")
    end = until(NIGHT, begins)
    assert end and (end.hour, end.minute) == (8, 0)
    assert end.astimezone(UTC) - begins.astimezone(UTC) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("hours", "at", "end"),
    [
        # An hour that is there twice: its first end is the end, and its second is by day.
        ("01:00-02:30", wall("2026-10-25 02:29"), wall("2026-10-25 02:30")),
        ("01:00-02:30", wall("2026-10-25 02:29", fold=1), None),
        # One that is not there at all ends, and begins, when it is skipped.
        ("01:00-02:30", wall("2026-03-29 01:59"), wall("2026-03-29 03:00")),
        ("02:30-08:00", wall("2026-03-29 01:59"), None),
        ("02:30-08:00", wall("2026-03-29 03:00"), wall("2026-03-29 08:00")),
        ("12:00-13:00", wall("2026-11-26 12:30"), wall("2026-11-26 13:00")),
        ("12:00-13:00", wall("2026-11-26 13:00"), None),
    ],
)
def test_quiet_hours_may_be_any_hours(hours: str, at: datetime, end: datetime | None) -> None:
    found = until(parse_quiet_hours(hours), at)
    assert (found and found.astimezone(UTC)) == (end and end.astimezone(UTC))


@given(st.integers(0, 40 * 365 * 24 * 60), st.integers(0, 1439), st.integers(1, 1439))
def test_quiet_hours_end_ahead_and_within_a_day(minute: int, begins: int, lasts: int) -> None:
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    ends = (begins + lasts) % 1440
    night = parse_quiet_hours("-".join(f"{m // 60:02}:{m % 60:02}" for m in (begins, ends)))
    assert night
    if end := night.ends_at(at):
        assert at < end <= at + timedelta(hours=25)


def test_empty_quiet_hours_are_none_and_wrong_ones_are_refused() -> None:
    assert parse_quiet_hours("") is None and READ.validate_python("") == ""
    wrong = ["21:00", "21:00-", "24:00-08:00", "9:00-10:00", "21:00-21:00", "x", 21, None]
    for hours in wrong:
        with pytest.raises(ValidationError):
            READ.validate_python(hours)
