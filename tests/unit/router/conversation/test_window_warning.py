"""A window that ends before anybody is there again is told of while there is still somebody."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.conversation.window_warning import LAST_WARNING, warning_moments
from router.output.crm_events import WINDOW_CLOSING
from services.calendar.opening_hours import compile_hours
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW
from tests.support.router.config_full import config
from tests.support.router.decisions import data
from tests.support.router.simulation import Stadhuis, wall

OFFICE = compile_hours("Mo-Fr 09:00-17:00", [])
LEAD = timedelta(hours=5)
QUIET = {"menu": "", "wait_minutes": 0, "window_hours": 5}
WORDS = "er is iets met de buren"


def waits(start: str, **more: object) -> Stadhuis:
    hall = Stadhuis(start, config(tenant=QUIET | more))
    hall.hears(WORDS)
    return hall


def warned(hall: Stadhuis) -> list[str]:
    """When, as the clock shows it."""
    return [
        f"{event.time.astimezone(wall('2026-11-25 12:00').tzinfo):%a %H:%M}"
        for event in hall.told
        if event.type == WINDOW_CLOSING
    ]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-11-27 10:00", ["Fri 12:00", "Sat 08:00"]),  # a Friday: at noon for the weekend
        ("2026-11-27 15:00", ["Fri 15:00", "Sat 13:00"]),  # what comes after noon at once
        ("2026-11-27 18:00", ["Sat 16:00"]),  # nobody is there any more
        ("2026-11-25 13:00", ["Thu 11:00"]),  # open when it ends
        ("2026-11-25 08:00", ["Wed 12:00", "Thu 06:00"]),  # ends before it opens again
        ("2026-11-26 16:59", ["Fri 14:59"]),
        ("2026-11-28 12:00", ["Sun 10:00"]),
    ],
)
def test_window_warning_comes_before_the_weekend_and_before_the_end(
    start: str, expected: list[str]
) -> None:
    hall = waits(start).after(days=4)
    assert warned(hall) == expected


def test_the_event_says_until_when_and_goes_to_who_has_the_conversation() -> None:
    hall = waits("2026-11-27 10:00")
    hall.orders("transfer", to_department="groen")  # always open
    hall.until("2026-11-29 12:00")
    event = hall.told[-1]
    assert (event.type, event.department) == (WINDOW_CLOSING, "groen")
    assert data(event)["windowUntil"] == "2026-11-28T09:00:00Z"
    assert warned(hall) == ["Sat 08:00"]


@pytest.mark.parametrize("done", ["text", "close"])
def test_no_window_warning_comes_after_an_answer(done: str) -> None:
    hall = waits("2026-11-27 10:00").after(hours=1)
    hall.orders(done)
    assert warned(hall.after(days=3)) == []


def test_another_message_makes_it_later_and_over_the_weekend_sooner() -> None:
    hall = waits("2026-11-26 16:00")  # would be told on Friday at 14:00
    hall.until("2026-11-27 10:00").hears("en nog iets over de buren")
    assert warned(hall.after(days=3)) == ["Fri 12:00", "Sat 08:00"]
    hall = waits("2026-11-25 13:00")  # on Thursday at 11:00
    hall.after(hours=20).hears("en nog iets over de buren")
    assert warned(hall.after(days=3)) == ["Thu 12:00", "Fri 07:00"]


def test_a_municipality_may_not_want_to_hear_of_it() -> None:
    assert warned(waits("2026-11-27 10:00", window_hours=0).after(days=4)) == []


def test_a_clock_that_stood_still_tells_it_once() -> None:
    hall = waits("2026-11-27 10:00")
    hall.reaches(wall("2026-11-28 12:00"))
    assert warned(hall) == ["Fri 12:00", "Sat 08:00"]
    assert warned(hall.after(days=3)) == ["Fri 12:00", "Sat 08:00"]


@pytest.mark.parametrize(
    ("start", "late", "expected"),
    [
        ("2026-11-25 13:00", 60, ["Thu 10:00"]),  # an hour sooner than by when it came in
        ("2026-11-27 16:00", 120, ["Fri 16:00", "Sat 12:00"]),
        ("2026-11-25 08:00", 23 * 60, ["Wed 08:00"]),  # there is an hour left
        ("2026-11-25 08:00", 24 * 60, []),  # none
    ],
)
def test_window_counts_from_when_the_message_was_written(
    start: str, late: int, expected: list[str]
) -> None:
    hall = Stadhuis(start, config(tenant=QUIET))
    said = hall.now - timedelta(minutes=late)
    assert hall.hears(WORDS, late=late).window_until == said + CUSTOMER_SERVICE_WINDOW
    assert warned(hall.after(days=4)) == expected
    told = [data(event)["windowUntil"] for event in hall.told if event.type == WINDOW_CLOSING]
    assert {datetime.fromisoformat(each) for each in told} <= {said + CUSTOMER_SERVICE_WINDOW}


def test_delayed_message_does_not_shorten_the_window() -> None:
    hall = Stadhuis("2026-11-25 13:00", config(tenant=QUIET))
    opens = hall.hears(WORDS).window_until
    assert opens == hall.now + CUSTOMER_SERVICE_WINDOW
    hall.after(minutes=5)
    assert hall.hears("en nog iets over de buren", late=120).window_until == opens
    assert warned(hall.after(days=4)) == ["Thu 11:00"]


@pytest.mark.parametrize(("late", "told"), [(0, ["afgesloten"]), (23.5 * 60, [])])
def test_nothing_goes_by_itself_after_the_window_of_what_was_written(
    late: float, told: list[str]
) -> None:
    hall = Stadhuis("2026-11-25 13:00", config(tenant=QUIET))
    hall.hears(WORDS, late=late)
    hall.after(hours=1).orders("close")
    assert [name for name in hall.heard if name == "afgesloten"] == told


@given(st.integers(0, 366 * 24 * 60))
def test_each_is_within_its_window_and_one_is_told_while_somebody_is_there(minutes: int) -> None:
    heard = wall("2026-01-01 00:00") + timedelta(minutes=minutes)
    found = sorted(warning_moments(heard, OFFICE, LEAD))
    assert all(heard <= at < heard + CUSTOMER_SERVICE_WINDOW for at in found)
    assert heard + CUSTOMER_SERVICE_WINDOW - LAST_WARNING in found
    at_the_end = OFFICE.is_open(heard + CUSTOMER_SERVICE_WINDOW - timedelta(microseconds=1))
    anybody = any(
        span[0] < heard + CUSTOMER_SERVICE_WINDOW for span in [next(OFFICE.openings(heard))]
    )
    if anybody and not at_the_end:
        assert any(OFFICE.is_open(at) for at in found)
