"""Messages that Meta brings late: they are work, and no text answers them."""

from typing import Any

import pytest

from tests.support.router.config_full import NUMBER
from tests.support.router.script import play
from tests.support.router.simulation import Stadhuis

TALK = [
    ("er is iets met de buren", "text", {}),  # the menu
    ("mijn garage", "text", {}),  # a rule's text
    ("bezwaar", "text", {}),
    ("mijn bsn is 111222333", "text", {}),
    ("", "audio", {}),
    ("", "unsupported", {"content": {"type": "edit"}}),
    ("brand: het huis staat in brand", "text", {}),
    ("ik wil dood", "text", {}),
]
MINUTES = [(0, True), (29, True), (30, True), (31, False), (12 * 60, False), (7 * 24 * 60, False)]
SCRIPTS = {
    "the age of an answered message may be configured": """
        = 2026-11-25 13:00 talk_minutes=5
        {late=6} er is iets met de buren""",
    "the silence after a late greeting decides and asks nothing": """
        {late=720} hoi
        +1m -> ~decided""",
    "the silence after a late photograph decides and asks nothing": """
        {late=720} [image]
        +1m -> ~decided""",
    "a late message is escalated without a text about waiting": """
        {late=720} er is iets met de buren
        +1h -> ~waiting, @teamleider""",
    "a young message after late ones is answered": """
        {late=720} hoi; {late=660} mijn buren
        +5s mijn garage -> garage
        +1h -> duurt_langer, ~waiting""",
    "a clock of Meta that runs ahead makes nothing late": "{late=-60} mijn garage -> garage",
} | {
    f"danger in a late message wakes a person: {words}": f"""
        = 2026-11-28 23:40
        {{late=720}} {words} -> !wacht
        +10m -> ~alarmed, !piket"""
    for words in ("het staat in brand", "ik wil dood", "ik sla jullie")
}  # fmt: skip


@pytest.mark.parametrize("case", SCRIPTS)
def test_late_message(case: str) -> None:
    play(SCRIPTS[case])


@pytest.mark.parametrize(("late", "answered"), MINUTES)
@pytest.mark.parametrize(("words", "type", "more"), TALK)
def test_message_is_answered_only_while_it_is_young(
    words: str, type: str, more: dict[str, Any], late: int, answered: bool
) -> None:
    hall = Stadhuis()
    said = hall.hears(words, type, late=late, **more)
    assert bool(hall.heard) is answered
    assert said.kind == "message" and said.department


@pytest.mark.parametrize(("late", "answered"), MINUTES)
def test_late_message_to_a_closed_office_gets_no_text(late: int, answered: bool) -> None:
    hall = Stadhuis("2026-11-28 23:40")  # a Saturday
    hall.hears("hoi", late=late)
    assert hall.heard == (["gesloten"] if answered else [])


@pytest.mark.parametrize(
    ("words", "care"),
    [("het staat in brand", "emergency"), ("ik wil dood", "suicide"), ("ik sla jullie", "threat")],
)
def test_danger_in_a_late_message_is_urgent(words: str, care: str) -> None:
    said = Stadhuis().hears(words, late=12 * 60)
    assert (said.care, said.priority) == (care, "urgent")


def test_repeated_webhook_is_published_and_answered_once() -> None:
    hall = Stadhuis()
    hall.hears("mijn garage", wamid="wamid.x")
    hall.orders("text")
    before = dict(hall.after(hours=12).router.conversations)
    assert hall.hears_again("mijn garage", wamid="wamid.x") == []
    assert hall.router.conversations == before
    assert hall.heard == ["garage"]


@pytest.mark.parametrize("field", ["smb_message_echoes", "history"])
def test_echoes_and_history_send_no_text_and_raise_no_alarm(field: str) -> None:
    hall = Stadhuis()
    echo: Any = {"id": "w", "timestamp": "1795600000", "from": NUMBER, "to": "31611111111"}
    echo |= {"type": "text", "text": {"body": "ik wil dood"}}
    lists: Any = {"message_echoes": [echo]}
    if field == "history":
        lists = {"history": [{"threads": [{"id": "31611111111", "messages": [echo]}]}]}
    [said] = hall.brings(field, lists)
    assert said.kind == "archived"
    assert hall.woken == hall.heard == hall.told == []
    assert hall.router.conversations == {} and hall.router.timers == {}
