"""After a closing: what still belongs to what was closed, what opens it again, what begins anew."""

from datetime import timedelta
from typing import Any

import pytest

from router.conversation.placement import REOPEN_PERIOD, THANKS_PERIOD
from services.config.model import Configuration
from tests.support.router.commands import SANNE
from tests.support.router.config_full import CONFIG, config
from tests.support.router.simulation import Stadhuis

STATEMENT = {"type": "system", "content": {"body": "x", "type": "user_changed_number"}}


def closed(words: str = "mijn container", given: Configuration = CONFIG, **more: str) -> Stadhuis:
    """A question that was answered and closed."""
    hall = Stadhuis(given=given)
    hall.hears(words)
    hall.after(minutes=5).orders("text")
    hall.after(minutes=5).orders("close", **more)
    assert hall.heard[-1:] == ["afgesloten"]
    return hall


@pytest.mark.parametrize(
    ("after", "words", "more"),
    [
        ({"minutes": 1}, "Bedankt!", {}),
        ({"hours": 23}, "top, dank u wel", {}),
        ({"minutes": 1}, "👍", {}),
        ({"minutes": 1}, "👍", {"type": "reaction"}),
        ({"days": 31}, "👍", {"type": "reaction"}),
        ({"days": 31}, "", {"type": "reaction"}),
        ({"days": 31}, "", {"type": "revoke", "content": {"original_message_id": "w"}}),
        ({"days": 31}, "", STATEMENT),
        ({"days": 31}, "STOP", {}),
        ({"days": 1}, "stop", {}),
    ],
)
def test_small_talk_after_closing_is_recorded_and_reopens_nothing(
    after: dict[str, float], words: str, more: dict[str, Any]
) -> None:
    hall = closed()
    before = hall.router.conversations[hall.id]
    said = hall.after(**after).hears(words, **more)
    now = hall.router.conversations[hall.id]
    assert said.conversation == before.id and now.closed_at == before.closed_at
    assert (said.task, said.reopened, said.opened, said.department) == (False, False, None, "groen")
    assert said.sequence == before.sequence + 1
    assert said.window_until == hall.now + timedelta(hours=24)
    assert hall.heard == (["gestopt"] if said.reply else [])
    hall.after(days=20)
    assert hall.happened == [] and hall.heard == []


@pytest.mark.parametrize("words", ["bedankt", "ok"])
def test_thanks_that_come_after_a_day_are_a_greeting_of_somebody_new(words: str) -> None:
    hall = Stadhuis()
    first = hall.hears("mijn container").conversation
    hall.orders("close")
    hall.reaches(hall.now + THANKS_PERIOD)
    assert hall.hears(words).conversation == first
    said = hall.after(seconds=1).hears(words)
    assert said.conversation != first and said.provisional


def test_thanks_belong_to_a_closed_conversation_while_it_may_reopen() -> None:
    hall = closed()
    first = hall.id
    hall.reaches(hall.now + REOPEN_PERIOD)
    assert hall.hears("bedankt").conversation == first
    assert hall.after(seconds=1).hears("bedankt").conversation != first


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("het is nog niet opgelost", {}),
        ("de container staat er nog", {}),  # the same subject
        ("", {"type": "image"}),
        ("", {"type": "audio"}),
        ("nee", {}),
        ("bezwaar", {}),  # a label alone is no other subject
    ],
)
def test_message_without_another_subject_reopens_a_conversation(
    words: str, more: dict[str, Any]
) -> None:
    hall = closed()
    first = hall.id
    said = hall.after(days=13).hears(words, **more)
    assert said.conversation == first and said.reopened and said.opened is None
    assert (said.department, said.rule, said.task) == ("groen", "afval", True)
    now = hall.router.conversations[first]
    assert now.closed_at is None
    assert (now.state.answered_at, now.state.reopened) == (None, 1)
    assert not hall.after(minutes=1).hears("nog iets").reopened


@pytest.mark.parametrize(
    ("after", "words", "more"),
    [
        ({"days": 1}, "mijn paspoort", {}),
        ({"days": 1}, "hoi", {}),
        ({"days": 14, "seconds": 1}, "het is nog niet opgelost", {}),
        ({"days": 14, "seconds": 1}, "", {"type": "image"}),
        ({"days": 1}, "over huren", {}),
        ({"days": 1}, "fraude", {}),
    ],
)
def test_another_subject_a_greeting_or_a_long_time_begins_another(
    after: dict[str, float], words: str, more: dict[str, Any]
) -> None:
    hall = closed()
    first = hall.router.conversations[hall.id]
    said = hall.after(**after).hears(words, **more)
    assert said.conversation != first.id and not said.reopened and said.opened
    assert hall.router.conversations[first.id] == first


def test_a_row_of_an_old_menu_that_leads_elsewhere_begins_another() -> None:
    hall = closed("er is iets met de buren")
    first = hall.id
    assert hall.after(days=1).taps("menu:keuze/anders").conversation == first
    hall.orders("close")
    said = hall.after(days=1).taps("menu:keuze/afval")
    assert said.conversation != first
    assert (said.department, said.rule) == ("groen", "_menu:keuze/afval")


def test_labels_and_dates_of_what_was_closed_are_not_those_of_what_begins() -> None:
    hall = closed("bezwaar over mijn container", outcome="handled")
    said = hall.after(days=2).hears("mijn paspoort")
    assert (said.tags, said.due, said.department) == ((), None, "burgerzaken")
    hall.orders("close")  # nothing official in it
    again = hall.after(days=20).hears("en de buren?")
    assert (again.tags, again.due) == ((), None)


def test_opened_again_it_keeps_its_labels_but_no_date_that_was_met() -> None:
    hall = closed("bezwaar over mijn container", outcome="handled")
    said = hall.after(days=2).hears("ik ben het er niet mee eens")
    assert (said.reopened, said.tags, said.due) == (True, ("officieel",), None)
    later = hall.after(days=1).hears("opnieuw bezwaar")
    assert later.due and (later.due - hall.now.date()).days == 42


RETURNING = [
    {"id": "nieuw", "words": ["vraag"], "states": ["new"], "department": "balie"},
    {"id": "terug", "words": ["vraag"], "states": ["reopened"], "department": "groen"},
    {"id": "weer", "tagged": ["officieel"], "words": ["vergunning"], "department": "teamleider"},
]


@pytest.mark.parametrize(
    ("after", "words", "rule", "reopened"),
    [
        ({"days": 20}, "mijn vraag over iets", "nieuw", False),
        ({"days": 2}, "mijn vraag over iets", "afval", True),
        ({"days": 20}, "mijn vergunning", "", False),
    ],
)
def test_rules_know_a_new_conversation_from_one_that_is_opened_again(
    after: dict[str, float], words: str, rule: str, reopened: bool
) -> None:
    """However long ago the last one was closed."""
    hall = closed("bezwaar over mijn container", config(rules=RETURNING), outcome="handled")
    said = hall.after(**after).hears(words)
    assert (said.rule, said.reopened) == (rule, reopened)


def test_rule_for_another_department_starts_a_new_conversation() -> None:
    hall = closed("mijn paspoort", config(rules=RETURNING))
    said = hall.after(days=2).hears("mijn vraag over iets")
    assert (said.rule, said.department, said.reopened) == ("nieuw", "balie", False)


def test_reopened_conversation_waits_and_closes_anew() -> None:
    hall = closed("er is iets met de buren")
    hall.after(days=2).hears("het is nog steeds zo")
    assert hall.state.waiting_since == hall.now
    hall.after(hours=2)
    assert hall.happened == ["waiting"] and hall.state.escalated
    hall.orders("close")
    hall.after(days=1).hears("echt waar")
    hall.after(hours=8)
    assert hall.happened == ["waiting"]  # though it was escalated before
    hall.orders("text")
    hall.after(days=14)
    assert hall.happened == ["closed"]


def test_conversation_closed_by_silence_is_never_reopened() -> None:
    hall = Stadhuis()
    hall.hears("mijn container")
    hall.orders("text", author=SANNE)
    first = hall.id
    hall.after(days=14)
    assert hall.happened == ["closed"]
    said = hall.after(hours=1).hears("en nu?")
    assert said.conversation != first and not said.reopened


def test_conversation_can_reopen_until_the_last_moment() -> None:
    hall = closed()
    first = hall.id
    hall.reaches(hall.now + REOPEN_PERIOD)
    assert hall.hears("nog iets over het hek").conversation == first


def test_message_to_another_number_reopens_nothing() -> None:
    hall = closed()
    said = hall.after(minutes=1).hears("bedankt", number="30000002")
    assert said.opened and said.conversation.startswith("30000002-")
