"""Warnings that a customer service window ends before anybody is there again."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.conversation.window_warning import LAST_WARNING, warning_moments
from services.calendar.opening_hours import AMSTERDAM, compile_hours
from services.event_types import WINDOW_CLOSING
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW
from tests.support.router.config_full import config
from tests.support.router.decisions import data
from tests.support.router.simulation import Stadhuis, wall

OFFICE = compile_hours("Mo-Fr 09:00-17:00", [])
LEAD = timedelta(hours=5)
QUIET = config(tenant={"menu": "", "wait_minutes": 0, "window_hours": 5})
WORDS = "er is iets met de buren"
FRIDAY, WEDNESDAY = "2026-11-27 10:00", "2026-11-25 13:00"
WEEKEND = ["Fri 12:00", "Sat 08:00"]
"""Warnings of a message on Friday at 10:00: at noon for the weekend, and before the end."""


def waits(start: str, **more: object) -> Stadhuis:
    hall = Stadhuis(start, QUIET)
    hall.hears(WORDS, **more)
    return hall


def warnings(hall: Stadhuis) -> list[str]:
    """Times of the warnings so far."""
    told = [event.time for event in hall.told if event.type == WINDOW_CLOSING]
    return [f"{time.astimezone(AMSTERDAM):%a %H:%M}" for time in told]


@pytest.mark.parametrize(
    ("start", "late", "expected"),
    [
        (FRIDAY, 0, WEEKEND),
        ("2026-11-27 15:00", 0, ["Fri 15:00", "Sat 13:00"]),  # what comes after noon at once
        ("2026-11-27 18:00", 0, ["Sat 16:00"]),  # nobody is there any more
        (WEDNESDAY, 0, ["Thu 11:00"]),  # open when it ends
        ("2026-11-25 08:00", 0, ["Wed 12:00", "Thu 06:00"]),  # ends before it opens again
        ("2026-11-26 16:59", 0, ["Fri 14:59"]),
        ("2026-11-28 12:00", 0, ["Sun 10:00"]),
        (WEDNESDAY, 60, ["Thu 10:00"]),  # an hour sooner than by when it came in
        ("2026-11-27 16:00", 120, ["Fri 16:00", "Sat 12:00"]),
        ("2026-11-25 08:00", 23 * 60, ["Wed 08:00"]),  # there is an hour left
        ("2026-11-25 08:00", 24 * 60, []),  # none
    ],
)
def test_window_warning_comes_before_the_weekend_and_before_the_end(
    start: str, late: int, expected: list[str]
) -> None:
    hall = waits(start, late=late)
    until = hall.now - timedelta(minutes=late) + CUSTOMER_SERVICE_WINDOW
    assert hall.last.window_until == until
    assert warnings(hall.after(days=4)) == expected
    told = [data(event)["windowUntil"] for event in hall.told if event.type == WINDOW_CLOSING]
    assert {datetime.fromisoformat(each) for each in told} <= {until}


def test_window_warning_goes_to_the_department_that_has_the_conversation() -> None:
    hall = waits(FRIDAY)
    hall.orders("transfer", to_department="groen")  # always open
    hall.until("2026-11-29 12:00")
    event = hall.told[-1]
    assert (event.type, event.department) == (WINDOW_CLOSING, "groen")
    assert data(event)["windowUntil"] == "2026-11-28T09:00:00Z"
    assert warnings(hall) == ["Sat 08:00"]


@pytest.mark.parametrize("done", ["text", "close"])
def test_no_window_warning_comes_after_an_answer_or_a_closing(done: str) -> None:
    hall = waits(FRIDAY).after(hours=1)
    hall.orders(done)
    assert warnings(hall.after(days=3)) == []


@pytest.mark.parametrize(
    ("start", "again", "expected"),
    [
        ("2026-11-26 16:00", FRIDAY, WEEKEND),  # would come on Friday at 14:00
        (WEDNESDAY, "2026-11-26 09:00", ["Thu 12:00", "Fri 07:00"]),  # on Thursday at 11:00
    ],
)
def test_another_message_moves_the_window_warning(
    start: str, again: str, expected: list[str]
) -> None:
    hall = waits(start)
    hall.until(again).hears("en nog iets over de buren")
    assert warnings(hall.after(days=3)) == expected


def test_no_window_warning_comes_when_none_is_configured() -> None:
    hall = Stadhuis(FRIDAY, config(tenant={"menu": "", "wait_minutes": 0, "window_hours": 0}))
    hall.hears(WORDS)
    assert warnings(hall.after(days=4)) == []


def test_window_warning_comes_once_though_no_timer_fired_for_a_day() -> None:
    hall = waits(FRIDAY)
    hall.reaches(wall("2026-11-28 12:00"))
    assert warnings(hall) == warnings(hall.after(days=3)) == WEEKEND


def test_delayed_message_does_not_shorten_the_window() -> None:
    hall = waits(WEDNESDAY)
    until = hall.last.window_until
    assert hall.after(minutes=5).hears("en nog iets over de buren", late=120).window_until == until
    assert warnings(hall.after(days=4)) == ["Thu 11:00"]


@pytest.mark.parametrize(("late", "told"), [(0, ["afgesloten"]), (23.5 * 60, [])])
def test_no_text_goes_out_after_the_window_of_the_message(late: float, told: list[str]) -> None:
    hall = waits(WEDNESDAY, late=late)
    hall.after(hours=1).orders("close")
    assert [name for name in hall.heard if name == "afgesloten"] == told


@given(st.integers(0, 366 * 24 * 60))
def test_every_warning_is_within_its_window_and_one_comes_in_opening_hours(minutes: int) -> None:
    heard = wall("2026-01-01 00:00") + timedelta(minutes=minutes)
    end = heard + CUSTOMER_SERVICE_WINDOW
    found = sorted(warning_moments(heard, OFFICE, LEAD))
    assert all(heard <= at < end for at in found) and end - LAST_WARNING in found
    opens_within, _ = next(OFFICE.openings(heard))
    if opens_within < end and not OFFICE.is_open(end - timedelta(microseconds=1)):
        assert any(OFFICE.is_open(at) for at in found)
