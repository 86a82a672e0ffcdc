"""Meta tries for a long time to bring what we could not take: what comes late is work, and nothing
is said to it; what was answered, or came before, is not said twice."""

from typing import Any

import pytest

from tests.support.router.config_full import NUMBER, config
from tests.support.router.simulation import Stadhuis

TALK = [
    ("er is iets met de buren", {}),  # the menu
    ("mijn garage", {}),  # a rule's text
    ("bezwaar", {}),
    ("mijn bsn is 111222333", {}),
    ("", {"type": "audio"}),
    ("", {"type": "unsupported", "content": {"type": "edit"}}),
    ("brand: het huis staat in brand", {}),
    ("ik wil dood", {}),
]
HOURS = [(0, True), (29, True), (30, True), (31, False), (12 * 60, False), (7 * 24 * 60, False)]


@pytest.mark.parametrize(("late", "answered"), HOURS)
@pytest.mark.parametrize(("words", "more"), TALK)
def test_a_message_is_answered_only_while_it_is_young(
    words: str, more: dict[str, Any], late: int, answered: bool
) -> None:
    hall = Stadhuis()
    said = hall.hears(words, late=late, **more)
    assert bool(hall.heard) is answered
    assert said.kind == "message" and said.department


@pytest.mark.parametrize(("late", "answered"), HOURS)
def test_late_message_to_a_closed_office_gets_no_text(late: int, answered: bool) -> None:
    hall = Stadhuis("2026-11-28 23:40")  # a Saturday
    hall.hears("hoi", late=late)
    assert hall.heard == (["gesloten"] if answered else [])


def test_how_old_a_message_may_be_is_a_choice() -> None:
    hall = Stadhuis(given=config(tenant={"talk_minutes": 5}))
    hall.hears("er is iets met de buren", late=6)
    assert hall.heard == []


@pytest.mark.parametrize(
    ("words", "care"),
    [("het staat in brand", "emergency"), ("ik wil dood", "suicide"), ("ik sla jullie", "threat")],
)
def test_danger_that_is_found_late_wakes_a_person_all_the_same(words: str, care: str) -> None:
    hall = Stadhuis("2026-11-28 23:40")
    said = hall.hears(words, late=12 * 60)
    assert (said.care, said.priority, hall.woken, hall.heard) == (care, "urgent", ["wacht"], [])
    hall.after(minutes=10)
    assert hall.woken == ["piket"]


@pytest.mark.parametrize("words", ["hoi", ""])
def test_the_silence_after_a_late_greeting_decides_and_asks_nothing(words: str) -> None:
    hall = Stadhuis()
    hall.hears(words, "text" if words else "image", late=12 * 60)
    hall.after(minutes=1)
    assert hall.happened == ["decided"] and hall.heard == []


def test_late_message_gets_no_text_about_waiting() -> None:
    hall = Stadhuis()
    hall.hears("er is iets met de buren", late=12 * 60)
    hall.after(hours=1)
    assert hall.happened == ["waiting"] and hall.heard == []
    assert hall.state.escalated


def test_a_young_message_after_late_ones_is_answered() -> None:
    hall = Stadhuis()
    hall.hears("hoi", late=12 * 60)
    hall.hears("mijn buren", late=11 * 60)
    hall.after(seconds=5).hears("mijn garage")
    assert hall.heard == ["garage"]
    hall.after(hours=1)
    assert hall.heard == ["duurt_langer"]


def test_a_clock_of_metas_that_runs_ahead_makes_nothing_old() -> None:
    hall = Stadhuis()
    hall.hears("mijn garage", late=-60)
    assert hall.heard == ["garage"]


def test_repeated_webhook_is_told_and_answered_once() -> None:
    hall = Stadhuis()
    hall.hears("mijn garage", wamid="wamid.x")
    hall.orders("text")
    before = dict(hall.after(hours=12).router.conversations)
    assert hall.hears_again("mijn garage", wamid="wamid.x") == []
    assert hall.router.conversations == before
    assert hall.heard == ["garage"]


@pytest.mark.parametrize(
    ("field", "lists"),
    [
        ("smb_message_echoes", "message_echoes"),
        ("history", "history"),
    ],
)
def test_echoes_and_history_send_no_text_and_raise_no_alarm(field: str, lists: str) -> None:
    hall = Stadhuis()
    message = {
        "id": "w",
        "timestamp": "1795600000",
        "type": "text",
        "text": {"body": "ik wil dood"},
    }
    given: Any = message | {"from": NUMBER, "to": "31611111111"}
    if field == "history":
        given = {"threads": [{"id": "31611111111", "messages": [given]}]}
    [said] = hall.brings(field, {lists: [given]})
    assert said.kind == "archived"
    assert hall.woken == hall.heard == hall.told == []
    assert hall.router.conversations == {} and hall.router.timers == {}
