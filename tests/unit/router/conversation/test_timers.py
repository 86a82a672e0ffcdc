"""Nobody answers, or nobody says a word any more: what comes of it, and when."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from router.output.crm_events import CLOSED, TRANSFERRED, WAITING
from tests.support.router.commands import MACHINE
from tests.support.router.config_full import config
from tests.support.router.simulation import Stadhuis, data
from tests.support.router.timer_delivery import timeout

NO_MENU = {"menu": ""}


def waits(words: str = "er is iets met de buren", start: str = "2026-11-25 13:00") -> Stadhuis:
    hall = Stadhuis(start, config(tenant=NO_MENU))
    hall.hears(words)
    return hall


def test_unanswered_conversation_is_escalated_after_an_hour() -> None:
    hall = waits()
    hall.after(minutes=59)
    assert hall.happened == [] and hall.heard == []
    hall.after(minutes=1)
    assert hall.happened == ["waiting"]
    assert hall.bodies == ["U hoort van ons voor woensdag 25 november om 15.00 uur."]
    now = hall.router.conversations[hall.id]
    assert (now.department, now.reason) == ("teamleider", "er is te lang geen antwoord gegeven")
    assert (now.state.home_department, now.state.priority) == ("teamleider", "high")
    moved, told = hall.told[-2:]
    assert (moved.type, told.type) == (TRANSFERRED, WAITING)
    assert (moved.sequence, told.sequence) == (2, 3)
    assert data(moved)["from"] == "klantcontact" and data(told)["department"] == "teamleider"


def test_escalation_without_a_department_raises_the_priority() -> None:
    hall = waits("mijn container")
    hall.after(hours=1)
    assert hall.happened == ["waiting"] and hall.heard == ["duurt_langer"]
    now = hall.router.conversations[hall.id]
    assert (now.department, now.rule, now.state.priority) == ("groen", "afval", "high")
    assert hall.told[-1].type == WAITING and hall.told[-1].sequence == 2


def test_waiting_time_counts_only_opening_hours() -> None:
    hall = waits(start="2026-11-25 16:30")
    hall.until("2026-11-26 09:29")
    assert hall.happened == []
    hall.until("2026-11-26 09:30")
    assert hall.happened == ["waiting"]
    assert hall.bodies == ["U hoort van ons voor donderdag 26 november om 10.30 uur."]


def test_over_a_weekend_it_is_escalated_and_meta_would_take_no_text_any_more() -> None:
    hall = waits(start="2026-11-27 16:30")  # a Friday
    hall.until("2026-11-30 09:29")
    assert hall.happened == []
    hall.until("2026-11-30 09:30")
    assert hall.happened == ["waiting"] and hall.heard == []


@pytest.mark.parametrize(
    ("order", "more", "waiting"),
    [
        ("text", {}, False),
        ("image", {"content": b"{}"}, False),
        ("text", {"author": MACHINE}, True),
        ("reaction", {"content": b"{}"}, True),
        ("template", {"content": b"{}"}, True),
        ("note", {}, True),
        ("transfer", {"to_department": "groen"}, True),
        ("close", {}, False),
    ],
)
def test_an_answer_of_a_person_ends_the_waiting(
    order: str, more: dict[str, Any], waiting: bool
) -> None:
    hall = waits()
    assert hall.after(minutes=30).orders(order, **more).kind == "accepted"
    hall.after(hours=12)
    assert hall.happened == (["waiting"] if waiting else [])


def test_the_first_message_that_is_not_answered_counts() -> None:
    hall = waits()
    hall.after(minutes=50).hears("bent u er nog?")
    hall.after(minutes=10)
    assert hall.happened == ["waiting"]
    hall.after(minutes=10).hears("hallo?")
    hall.after(hours=5)
    assert hall.happened == []  # once, until somebody answers


def test_waiting_time_starts_anew_after_an_answer() -> None:
    hall = waits()
    hall.after(hours=1)
    hall.orders("text")
    hall.after(minutes=10).hears("en de schutting?")
    hall.after(hours=1)
    assert hall.happened == ["waiting", "waiting"]
    assert hall.heard == ["duurt_langer"]  # once in a conversation


def test_waiting_time_counts_the_hours_of_the_current_department() -> None:
    hall = waits(start="2026-11-25 16:30")
    hall.orders("transfer", to_department="burgerzaken")
    hall.until("2026-11-25 20:00").orders("transfer", to_department="groen")
    assert hall.happened == []
    hall.until("2026-11-26 09:30")
    assert hall.happened == ["waiting"]


@pytest.mark.parametrize("words", ["bedankt", "👍", "STOP", "ok"])
def test_small_talk_starts_no_waiting_time(words: str) -> None:
    hall = waits("mijn container")
    hall.orders("text")
    hall.after(minutes=5).hears(words)
    hall.after(days=2)
    assert hall.happened == []


def test_nothing_is_escalated_without_a_configured_wait() -> None:
    hall = Stadhuis(given=config(tenant={"wait_minutes": 0, "menu": ""}))
    hall.hears("er is iets met de buren")
    hall.after(days=10)
    assert hall.happened == []


def test_an_hour_that_is_told_late_is_escalated_and_nothing_is_said() -> None:
    hall = waits()
    [timer] = [t for t in hall.router.timers.values() if t.kind == "waiting"]
    hall.takes(msgspec.structs.replace(timeout(timer), told_at=timer.due_at + timedelta(hours=3)))
    assert hall.happened == ["waiting"] and hall.heard == []


def test_a_conversation_without_a_word_is_closed_after_two_weeks() -> None:
    hall = waits("mijn container")
    hall.orders("text")
    hall.after(days=13, hours=23, minutes=59)
    assert hall.happened == []
    hall.after(minutes=1)
    assert hall.happened == ["closed"]
    closed = hall.told[-1]
    assert (closed.type, data(closed)["reason"]) == (CLOSED, "er is lang niets meer gezegd")
    assert hall.router.conversations[hall.id].closed_at == hall.now
    assert hall.heard == []
    hall.after(days=30)
    assert hall.happened == []


def test_each_word_from_either_side_puts_it_off() -> None:
    hall = waits("mijn container")
    hall.after(days=10).hears("en nu?")
    hall.after(days=10).orders("text")
    hall.after(days=13)
    assert hall.happened == ["waiting"]
    hall.after(days=1)
    assert hall.happened == ["closed"]


def test_conversation_reopened_after_its_idle_time_closes_again() -> None:
    hall = waits("mijn container")
    hall.orders("text")
    hall.after(days=13).orders("close")
    hall.after(days=7).hears("het is nog niet opgelost")
    hall.orders("text")
    hall.after(days=14)
    assert hall.happened == ["closed"]


def test_waiting_conversation_is_not_closed_by_a_timer() -> None:
    hall = waits("mijn container")
    hall.after(days=60)
    assert hall.happened == ["waiting"]
    hall.orders("text")
    hall.after(days=14)
    assert hall.happened == ["closed"]


def test_a_conversation_that_the_municipality_began_is_closed_as_well() -> None:
    hall = Stadhuis()
    hall.orders("template", conversation="", to="31611111111", department="groen")
    hall.after(days=7).hears("bedankt")
    hall.after(days=14)
    assert hall.happened == ["closed"]


def test_official_conversation_is_not_closed_by_a_timer() -> None:
    hall = waits("ik maak bezwaar")
    hall.after(days=90)
    assert "closed" not in hall.happened
    assert hall.orders("close").reason.startswith("outcome_needed")
    assert hall.orders("close", outcome="forwarded").kind == "accepted"


def test_times_that_come_after_a_closing_mean_nothing_any_more() -> None:
    hall = waits()
    hall.orders("close")
    timers = len(hall.router.timers)
    assert timers > 0
    hall.after(days=60)
    assert hall.happened == [] and hall.router.timers == {}
