"""Opening hours, holidays and own days: open or not, when next, how long, and how it is said."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from services.calendar.opening_hours import (
    AMSTERDAM,
    Closing,
    add_open_time,
    compile_hours,
    format_day,
    format_moment,
    never_opens,
)

OFFICE = "Mo-Fr 09:00-17:00; Th 09:00-20:00; PH off"
NIGHT = "Fr-Su 22:00-03:00"
MICROSECOND = timedelta(microseconds=1)


def local(text: str, fold: int = 0) -> datetime:
    """What the clock in Amsterdam shows; `fold` 1: when it shows that for the second time."""
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM, fold=fold).astimezone(UTC)


def closing(first: str, last: str = "", hours: str = "") -> Closing:
    return Closing(
        first=date.fromisoformat(first),
        last=date.fromisoformat(last) if last else None,
        hours=hours,
    )


CHRISTMAS_EVE = closing("2026-12-24", hours="09:00-12:00")
ON_KINGS_DAY = closing("2026-04-27", hours="10:00-11:00,13:00-14:00")
BRIDGE = closing("2026-05-14", "2026-05-15")


@pytest.mark.parametrize(
    ("expression", "closings", "at", "is_open"),
    [
        # Weekdays, and the evening
        (OFFICE, (), "2026-11-27 08:59", False),
        (OFFICE, (), "2026-11-27 09:00", True),
        (OFFICE, (), "2026-11-27 16:59", True),
        (OFFICE, (), "2026-11-27 17:00", False),
        (OFFICE, (), "2026-11-26 19:59", True),
        (OFFICE, (), "2026-11-28 10:00", False),
        # In summer and in winter it is the clock on the wall that counts
        (OFFICE, (), "2026-07-03 09:00", True),
        (OFFICE, (), "2026-07-03 08:59", False),
        # Public holidays
        (OFFICE, (), "2026-01-01 10:00", False),
        (OFFICE, (), "2026-04-06 10:00", False),
        (OFFICE, (), "2026-04-27 10:00", False),
        (OFFICE, (), "2026-05-14 10:00", False),
        (OFFICE, (), "2026-05-25 10:00", False),
        (OFFICE, (), "2026-12-25 10:00", False),
        ("Mo-Su 09:00-17:00; PH off", (), "2026-12-26 10:00", False),
        ("Mo-Su 09:00-17:00; PH off", (), "2026-12-27 10:00", True),
        ("Mo-Su 09:00-17:00", (), "2026-12-25 10:00", True),
        # King's Day is 27 April, unless that is a Sunday: in 2025 and 2031
        ("Mo-Su 09:00-17:00; PH off", (), "2025-04-26 10:00", False),
        ("Mo-Su 09:00-17:00; PH off", (), "2025-04-27 10:00", True),
        ("Mo-Su 09:00-17:00; PH off", (), "2031-04-26 10:00", False),
        # Neither 5 May, in a lustrum or not, nor Good Friday; whoever wants to has a closing
        (OFFICE, (), "2025-05-05 10:00", True),
        (OFFICE, (), "2026-05-05 10:00", True),
        (OFFICE, (), "2026-04-03 10:00", True),
        (OFFICE, (closing("2025-05-05"),), "2025-05-05 10:00", False),
        (OFFICE, (closing("2026-04-03"),), "2026-04-03 10:00", False),
        # An own closing wins over open, own hours over closed, and the later closing over both
        (OFFICE, (CHRISTMAS_EVE,), "2026-12-24 11:59", True),
        (OFFICE, (CHRISTMAS_EVE,), "2026-12-24 12:00", False),
        (OFFICE, (CHRISTMAS_EVE, closing("2026-12-24")), "2026-12-24 10:00", False),
        (OFFICE, (closing("2026-12-24"), CHRISTMAS_EVE), "2026-12-24 10:00", True),
        (OFFICE, (ON_KINGS_DAY,), "2026-04-27 10:30", True),
        (OFFICE, (ON_KINGS_DAY,), "2026-04-27 12:00", False),
        (OFFICE, (ON_KINGS_DAY,), "2026-04-27 13:30", True),
        (OFFICE, (BRIDGE,), "2026-05-13 10:00", True),
        (OFFICE, (BRIDGE,), "2026-05-15 10:00", False),
        (OFFICE, (BRIDGE,), "2026-05-18 10:00", True),
        ("", (), "2026-12-25 03:00", True),
        ("", (closing("2026-12-25"),), "2026-12-25 03:00", False),
        ("24/7", (closing("2026-12-25"),), "2026-12-26 00:00", True),
        ("24/7; PH off", (), "2026-12-27 00:00", True),
        ("24/7; PH off", (), "2026-12-26 23:59", False),
        # A night, and a closing from midnight to midnight
        (NIGHT, (), "2026-11-28 02:59", True),
        (NIGHT, (), "2026-11-28 03:00", False),
        (NIGHT, (), "2026-11-27 02:00", False),
        (NIGHT, (closing("2026-11-28"),), "2026-11-27 23:59", True),
        (NIGHT, (closing("2026-11-28"),), "2026-11-28 00:00", False),
        (NIGHT, (closing("2026-11-28"),), "2026-11-28 23:00", False),
    ],
)
def test_open_is_what_the_hours_the_holidays_and_the_own_days_say(
    expression: str, closings: tuple[Closing, ...], at: str, is_open: bool
) -> None:
    hours = compile_hours(expression, closings)
    assert hours.is_open(local(at)) is is_open
    assert hours.is_open(local(at).astimezone(AMSTERDAM)) is is_open
    assert hours.is_open(local(at).astimezone(timezone(timedelta(hours=-11)))) is is_open


SPRING, AUTUMN = "2026-03-29", "2026-10-25"


@pytest.mark.parametrize(
    ("expression", "opens", "closes"),
    [
        # 02:30 does not exist: what it begins, and what it ends, is at the moment of the skip
        ("Su 02:30-05:00", f"{SPRING} 01:00", f"{SPRING} 03:00"),
        ("Su 01:00-02:30", f"{SPRING} 00:00", f"{SPRING} 01:00"),
        (NIGHT, "2026-03-28 21:00", f"{SPRING} 01:00"),
        ("Sa 22:00-27:00", "2026-03-28 21:00", f"{SPRING} 01:00"),
        # 02:30 comes twice: the first is meant; a night lasts an hour more
        ("Su 02:30-05:00", f"{AUTUMN} 00:30", f"{AUTUMN} 04:00"),
        ("Su 01:00-02:30", "2026-10-24 23:00", f"{AUTUMN} 00:30"),
        ("Su 02:15-02:45", f"{AUTUMN} 00:15", f"{AUTUMN} 00:45"),
        (NIGHT, "2026-10-24 20:00", f"{AUTUMN} 02:00"),
    ],
)
def test_the_change_of_the_clock_moves_no_opening(expression: str, opens: str, closes: str) -> None:
    """`opens` and `closes` are UTC."""
    hours = compile_hours(expression, ())
    start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (opens, closes))
    eve = start - timedelta(hours=1)
    assert (hours.next_opening(eve), hours.next_closing(eve)) == (start, end)
    assert not hours.is_open(start - MICROSECOND) and hours.is_open(start)
    assert hours.is_open(end - MICROSECOND) and not hours.is_open(end)


def test_an_opening_within_the_hour_that_is_skipped_is_none() -> None:
    hours = compile_hours("Su 02:15-02:45", ())
    saturday = local("2026-03-28 12:00")
    assert hours.next_opening(saturday) == local("2026-04-05 02:15")
    assert hours.is_open(local("2026-10-25 02:30"))
    assert not hours.is_open(local("2026-10-25 02:30", fold=1))


@pytest.mark.parametrize(
    ("at", "opens", "closes"),
    [
        ("2026-11-27 08:00", "2026-11-27 09:00", "2026-11-27 17:00"),
        ("2026-11-27 09:00", "2026-11-30 09:00", "2026-11-27 17:00"),  # a Friday, and open
        ("2026-11-27 17:00", "2026-11-30 09:00", "2026-11-30 17:00"),
        ("2026-12-24 20:00", "2026-12-28 09:00", "2026-12-28 17:00"),
        ("2026-04-02 21:00", "2026-04-03 09:00", "2026-04-03 17:00"),  # Good Friday
        ("2026-04-03 17:00", "2026-04-07 09:00", "2026-04-07 17:00"),
    ],
)
def test_the_next_opening_and_closing_come_after_now(at: str, opens: str, closes: str) -> None:
    hours = compile_hours(OFFICE, ())
    assert hours.next_opening(local(at)) == local(opens)
    assert hours.next_closing(local(at)) == local(closes)


def test_what_is_always_open_neither_opens_nor_closes_but_for_a_closing() -> None:
    at = local("2026-12-01 12:00")
    assert compile_hours("", ()).next_opening(at) is None
    assert compile_hours("24/7", ()).next_closing(at) is None
    ours = compile_hours("", [closing("2026-12-25", "2026-12-26")])
    assert ours.next_closing(at) == local("2026-12-25 00:00")
    assert ours.next_opening(at) == local("2026-12-27 00:00")


@pytest.mark.parametrize(
    ("expression", "closings", "never"),
    [
        ("off", (), True),
        ("2020 Mo-Fr 09:00-17:00", (), True),
        ("Feb 29 09:00-17:00", (), True),  # in 2028
        ("2020 Mo-Fr 09:00-17:00", (closing("2027-01-04", hours="09:00-12:00"),), False),
        ("Nov 26 09:00-17:00", (), False),  # but for a year and a day, as it was yesterday
        ("", (closing("2026-11-27"),), False),
        (OFFICE, (closing("2026-11-01", "2027-10-31"),), False),
        (OFFICE, (closing("2026-11-01", "2027-11-01"), closing("2027-11-02", "2028-11-01")), True),
        ("", (), False),
    ],
)  # fmt: skip
def test_a_department_that_never_opens_is_known(
    expression: str, closings: tuple[Closing, ...], never: bool
) -> None:
    hours = compile_hours(expression, closings)
    at = local("2026-11-27 12:00")
    assert never_opens(hours, at) is never
    if never:
        assert hours.next_opening(at) is None
        assert hours.next_closing(at) is None
        assert add_open_time(hours, at, MICROSECOND) is None


@pytest.mark.parametrize(
    ("start", "open_for", "ends"),
    [
        ("2026-11-27 10:00", timedelta(hours=2), "2026-11-27 12:00"),
        ("2026-11-27 16:00", timedelta(hours=1), "2026-11-27 17:00"),
        ("2026-11-27 16:00", timedelta(hours=2), "2026-11-30 10:00"),
        ("2026-11-28 12:00", timedelta(hours=2), "2026-11-30 11:00"),
        ("2026-12-24 19:00", timedelta(hours=2), "2026-12-28 10:00"),
        ("2026-12-31 16:00", timedelta(hours=6, minutes=30), "2027-01-04 11:30"),
        ("2026-11-28 12:00", timedelta(), "2026-11-28 12:00"),
        ("2026-11-28 12:00", timedelta(hours=-1), "2026-11-28 12:00"),
        ("2026-03-27 16:00", timedelta(hours=2), "2026-03-30 10:00"),  # and an hour less between
    ],
)
def test_a_wait_in_opening_hours_leaves_out_the_weekend_and_the_holiday(
    start: str, open_for: timedelta, ends: str
) -> None:
    hours = compile_hours(OFFICE, ())
    assert add_open_time(hours, local(start), open_for) == local(ends)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"first": "2026-12-24", "last": "2026-12-23"}, "0 to 365 days after the first"),
        ({"first": "2026-12-24", "last": "2028-01-01"}, "0 to 365 days after the first"),
        ({"first": "0206-12-24"}, "2000"),
        ({"first": "2026-12-24", "hours": "9-12"}, "match pattern"),
        ({"first": "2026-12-24", "hours": "09:00-12:00,"}, "match pattern"),
        ({"first": "2026-12-24", "hours": "Mo 09:00-12:00"}, "match pattern"),
        ({"first": "2026-12-24", "hours": "22:00-03:00"}, "follow each other"),
        ({"first": "2026-12-24", "hours": "09:00-09:00"}, "follow each other"),
        ({"first": "2026-12-24", "hours": "13:00-15:00,09:00-12:00"}, "follow each other"),
        ({"first": "2026-12-24", "until": "2026-12-25"}, "not permitted"),
    ],
)
def test_a_closing_that_cannot_be_meant_is_refused(given: dict[str, str], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Closing.model_validate(given)


@pytest.mark.parametrize(
    ("tenant", "departments", "holds"),
    [
        ("", (), True),
        ("almelo", (), True),
        ("hengelo", (), False),
        ("", ("afval",), True),
        ("almelo", ("afval", "belastingen"), True),
        ("almelo", ("belastingen",), False),
        ("hengelo", ("afval",), False),
    ],
)
def test_a_closing_holds_for_whom_it_names(
    tenant: str, departments: tuple[str, ...], holds: bool
) -> None:
    closed = Closing(first=date(2026, 12, 24), tenant=tenant, departments=departments)
    assert closed.holds_for("almelo", "afval") is holds


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (local("2026-11-30 09:00"), "maandag 30 november om 09.00 uur"),
        (local("2026-03-01 13:30"), "zondag 1 maart om 13.30 uur"),
        (datetime(2026, 12, 31, 23, 5, tzinfo=UTC), "vrijdag 1 januari om 00.05 uur"),
        (datetime(2026, 7, 31, 22, 0, tzinfo=UTC), "zaterdag 1 augustus om 00.00 uur"),
    ],
)
def test_a_moment_is_said_in_dutch_and_by_the_clock_in_amsterdam(at: datetime, said: str) -> None:
    assert format_moment(at) == said


def test_a_moment_is_said_in_english_too() -> None:
    at = datetime(2026, 11, 30, 8, 5, tzinfo=UTC)
    assert format_moment(at, "en") == "Monday 30 November at 9:05"
    assert format_day(at, "en") == "Monday 30 November"
    assert format_day(at) == "maandag 30 november"


def test_hours_that_are_at_fault_are_not_compiled() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        compile_hours("ma-vr 09:00-17:00", ())
