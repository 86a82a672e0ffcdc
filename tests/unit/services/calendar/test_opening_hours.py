"""Opening hours, holidays and closings: open or not, when next, how long, and in words."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from services.calendar.opening_hours import (
    AMSTERDAM,
    Closing,
    add_open_time,
    compile_hours,
    never_opens,
)

OFFICE = "Mo-Fr 09:00-17:00; Th 09:00-20:00; PH off"
NIGHT = "Fr-Su 22:00-03:00"
MICROSECOND = timedelta(microseconds=1)


def local(text: str, fold: int = 0) -> datetime:
    """Moment at which the clock in Amsterdam shows this; `fold` 1: for the second time."""
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


EVERY_DAY = "Mo-Su 09:00-17:00; PH off"
LIBERATION_DAY, GOOD_FRIDAY = closing("2025-05-05"), closing("2026-04-03")
CLOSED = closing("2026-12-24")


@pytest.mark.parametrize(
    ("expression", "closings", "opened", "shut"),
    [
        # Weekdays, and the evening
        (OFFICE, (), "2026-11-27 09:00, 2026-11-27 16:59, 2026-11-26 19:59",
         "2026-11-27 08:59, 2026-11-27 17:00, 2026-11-28 10:00"),
        # In summer and in winter it is the clock on the wall that counts
        (OFFICE, (), "2026-07-03 09:00", "2026-07-03 08:59"),
        # Public holidays; neither 5 May, in a lustrum or not, nor Good Friday
        (OFFICE, (), "2025-05-05 10:00, 2026-05-05 10:00, 2026-04-03 10:00",
         "2026-01-01 10:00, 2026-04-06 10:00, 2026-04-27 10:00, 2026-05-14 10:00, 2026-05-25 10:00,"
         " 2026-12-25 10:00"),
        ("Mo-Su 09:00-17:00", (), "2026-12-25 10:00", ""),
        # King's Day is 27 April, unless that is a Sunday: in 2025 and 2031
        (EVERY_DAY, (), "2026-12-27 10:00, 2025-04-27 10:00",
         "2026-12-26 10:00, 2025-04-26 10:00, 2031-04-26 10:00"),
        (OFFICE, (LIBERATION_DAY, GOOD_FRIDAY), "", "2025-05-05 10:00, 2026-04-03 10:00"),
        # An own closing wins over open, own hours over closed, and the later closing over both
        (OFFICE, (CHRISTMAS_EVE,), "2026-12-24 11:59", "2026-12-24 12:00"),
        (OFFICE, (CHRISTMAS_EVE, CLOSED), "", "2026-12-24 10:00"),
        (OFFICE, (CLOSED, CHRISTMAS_EVE), "2026-12-24 10:00", ""),
        (OFFICE, (ON_KINGS_DAY,), "2026-04-27 10:30, 2026-04-27 13:30", "2026-04-27 12:00"),
        (OFFICE, (BRIDGE,), "2026-05-13 10:00, 2026-05-18 10:00", "2026-05-15 10:00"),
        ("", (), "2026-12-25 03:00", ""),
        ("", (closing("2026-12-25"),), "", "2026-12-25 03:00"),
        ("24/7", (closing("2026-12-25"),), "2026-12-26 00:00", ""),
        ("24/7; PH off", (), "2026-12-27 00:00", "2026-12-26 23:59"),
        # A night, and a closing from midnight to midnight
        (NIGHT, (), "2026-11-28 02:59", "2026-11-28 03:00, 2026-11-27 02:00"),
        (NIGHT, (closing("2026-11-28"),), "2026-11-27 23:59",
         "2026-11-28 00:00, 2026-11-28 23:00"),
    ],
)  # fmt: skip
def test_hours_holidays_and_closings_say_when_it_is_open(
    expression: str, closings: tuple[Closing, ...], opened: str, shut: str
) -> None:
    hours = compile_hours(expression, closings)
    for moments, is_open in ((opened, True), (shut, False)):
        for text in filter(None, moments.split(", ")):
            at = local(text)
            for zone in (UTC, AMSTERDAM, timezone(timedelta(hours=-11))):
                assert hours.is_open(at.astimezone(zone)) is is_open, text


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
def test_opening_and_closing_when_the_clocks_change(
    expression: str, opens: str, closes: str
) -> None:
    """`opens` and `closes` are UTC."""
    hours = compile_hours(expression, ())
    start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (opens, closes))
    eve = start - timedelta(hours=1)
    assert (hours.next_opening(eve), next(hours.openings(eve))) == (start, (start, end))
    assert not hours.is_open(start - MICROSECOND) and hours.is_open(start)
    assert hours.is_open(end - MICROSECOND) and not hours.is_open(end)


def test_opening_within_the_skipped_hour_does_not_exist() -> None:
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
def test_next_opening_and_the_end_of_its_span_come_after_now(
    at: str, opens: str, closes: str
) -> None:
    hours = compile_hours(OFFICE, ())
    assert hours.next_opening(local(at)) == local(opens)
    _, end = next(hours.openings(local(at)))
    assert end == local(closes)


def test_always_open_hours_open_and_close_only_around_a_closing() -> None:
    at = local("2026-12-01 12:00")
    assert compile_hours("", ()).next_opening(at) is None
    [(_, end)] = compile_hours("24/7", ()).openings(at)
    assert end > at + timedelta(days=366)
    ours = compile_hours("", [closing("2026-12-25", "2026-12-26")])
    _, end = next(ours.openings(at))
    assert end == local("2026-12-25 00:00")
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
def test_never_opens_is_true_without_an_opening_in_a_year_and_a_day(
    expression: str, closings: tuple[Closing, ...], never: bool
) -> None:
    hours = compile_hours(expression, closings)
    at = local("2026-11-27 12:00")
    assert never_opens(hours, at) is never
    if never:
        assert hours.next_opening(at) is None
        assert list(hours.openings(at)) == []
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
def test_open_time_leaves_out_weekends_and_holidays(
    start: str, open_for: timedelta, ends: str
) -> None:
    hours = compile_hours(OFFICE, ())
    assert add_open_time(hours, local(start), open_for) == local(ends)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"last": "2026-12-23"}, "0 to 365 days after the first"),
        ({"last": "2028-01-01"}, "0 to 365 days after the first"),
        ({"first": "0206-12-24"}, "2000"),
        *(({"hours": h}, "as in 09:00-12:00") for h in ("9-12", "09:00-12:00,", "Mo 09:00-12:00")),
        *(({"hours": h}, "follow each other")
          for h in ("22:00-03:00", "09:00-09:00", "13:00-15:00,09:00-12:00")),
        ({"until": "2026-12-25"}, "not permitted"),
    ],
)  # fmt: skip
def test_closing_that_cannot_be_meant_is_refused(given: dict[str, str], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Closing.model_validate({"first": "2026-12-24"} | given)


@pytest.mark.parametrize(
    ("tenant", "departments", "holds"),
    [
        ("", (), True), ("", ("afval",), True),
        ("almelo", (), True), ("almelo", ("afval", "belastingen"), True),
        ("almelo", ("belastingen",), False),
        ("hengelo", (), False), ("hengelo", ("afval",), False),
    ],
)  # fmt: skip
def test_closing_holds_for_the_municipality_and_departments_it_names(
    tenant: str, departments: tuple[str, ...], holds: bool
) -> None:
    closed = Closing(first=date(2026, 12, 24), tenant=tenant, departments=departments)
    assert closed.holds_for("almelo", "afval") is holds


def test_faulty_hours_are_not_compiled() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        compile_hours("ma-vr 09:00-17:00", ())
