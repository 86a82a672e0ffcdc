"""Waiting citizens and silent conversations: what their timers do, and when."""

from datetime import timedelta

import msgspec
import pytest

from router.rules.engine import TRANSFER
from services.event_types import CLOSED, TRANSFERRED, WAITING
from tests.support.router.decisions import data, records_of
from tests.support.router.script import give_command, play
from tests.support.router.simulation import Stadhuis
from tests.support.router.timer_delivery import timeout

WAITING_SINCE_ONE = "= 2026-11-25 13:00 menu=\n er is iets met de buren\n"
ANSWERED = "= 2026-11-25 13:00 menu=\n mijn container; /text\n"
SCRIPTS = {
    "waiting time counts only opening hours": """
        = 2026-11-25 16:30 menu=
        er is iets met de buren; @2026-11-26 09:29
        +1m -> duurt_langer, ~waiting, @teamleider""",
    "over a weekend the window is closed: escalated without a text": """
        = 2026-11-27 16:30 menu=
        er is iets met de buren; @2026-11-30 09:29
        +1m -> ~waiting""",
    "the first unanswered message counts, once": f"""{WAITING_SINCE_ONE}
        +50m bent u er nog?
        +10m -> duurt_langer, ~waiting
        +10m hallo?; +5h""",
    "waiting time starts anew after an answer, its text goes once": f"""{WAITING_SINCE_ONE}
        +1h -> duurt_langer, ~waiting
        /text; +10m en de schutting?
        +1h -> ~waiting""",
    "waiting time counts the hours of the current department": """
        = 2026-11-25 16:30 menu=
        er is iets met de buren
        /transfer burgerzaken -> doorgestuurd
        @2026-11-25 20:00 /transfer groen -> doorgestuurd
        @2026-11-26 09:30 -> duurt_langer, ~waiting""",
    "nothing is escalated without a configured wait": """
        = 2026-11-25 13:00 wait_minutes=0 menu=
        er is iets met de buren; +10d""",
    "an answered conversation closes after two weeks of silence": f"""{ANSWERED}
        +13d23h59m
        +1m -> ~closed
        +30d""",
    "a message of either side puts the closing off": """
        = 2026-11-25 13:00 menu=
        mijn container; +10d en nu? -> duurt_langer, ~waiting
        +10d /text; +13d
        +1d -> ~closed""",
    "a conversation reopened after its idle time closes again": f"""{ANSWERED}
        +13d /close
        +7d het is nog niet opgelost
        /text; +14d -> ~closed""",
    "a waiting conversation is not closed by a timer": """
        = 2026-11-25 13:00 menu=
        mijn container; +60d -> duurt_langer, ~waiting
        /text; +14d -> ~closed""",
    "a conversation that the municipality began closes as well": """
        /begin department=groen; +7d bedankt; +14d -> ~closed""",
    "an official conversation is not closed by a timer": """
        = 2026-11-25 13:00 menu=
        ik maak bezwaar -> officieel
        +90d -> duurt_langer, ~waiting
        /close -> ?outcome_needed
        /close outcome=forwarded""",
} | {
    f"small talk starts no waiting time: {words}": f"""{ANSWERED}
        +5m {words} {texts}
        +2d"""
    for words, texts in [("bedankt", ""), ("👍", ""), ("STOP", "-> gestopt"), ("ok", "")]
}  # fmt: skip


@pytest.mark.parametrize("case", SCRIPTS)
def test_timer(case: str) -> None:
    play(SCRIPTS[case])


def test_unanswered_conversation_is_escalated_after_an_hour() -> None:
    hall = play(WAITING_SINCE_ONE)
    play("+59m", hall)
    play("+1m -> duurt_langer, ~waiting, @teamleider", hall)
    assert hall.bodies == ["U hoort van ons voor woensdag 25 november om 15.00 uur."]
    assert hall.conversation.reason == "er is te lang geen antwoord gegeven"
    assert (hall.state.home_department, hall.state.priority) == ("teamleider", "high")
    moved, waiting = hall.told[-2:]
    assert (moved.type, waiting.type) == (TRANSFERRED, WAITING)
    assert (moved.sequence, waiting.sequence) == (2, 3)
    assert data(moved)["from"] == "klantcontact" and data(waiting)["department"] == "teamleider"


def test_event_of_a_timer_tells_deadline_and_language() -> None:
    hall = play("= 2026-11-25 13:00 menu=\n ik maak bezwaar tegen mijn paspoort -> officieel")
    hall.after(hours=2)
    [waiting] = [data(event) for event in hall.told if event.type == WAITING]
    assert (waiting["due"], waiting["language"]) == (str(hall.state.due), "nl")
    assert waiting["tags"] == ["officieel"]


def test_escalation_without_a_department_raises_the_priority() -> None:
    hall = play("= 2026-11-25 13:00 menu=\n mijn container")
    play("+1h -> duurt_langer, ~waiting, @groen, #afval", hall)
    assert hall.state.priority == "high"
    assert (hall.told[-1].type, hall.told[-1].sequence) == (WAITING, 2)


@pytest.mark.parametrize(
    ("command", "waiting"),
    [
        ("/text", False),
        ("/image", False),
        ("/machine", True),
        ("/reaction", True),
        ("/template", True),
        ("/note", True),
        ("/transfer groen", True),
        ("/close", False),
    ],
)
def test_waiting_ends_only_by_an_answer_of_a_person_or_a_closing(
    command: str, waiting: bool
) -> None:
    hall = play(WAITING_SINCE_ONE).after(minutes=30)
    give_command(hall, command.removeprefix("/"), {})
    hall.after(hours=12)
    assert hall.happened == (["waiting"] if waiting else [])


def test_timer_that_fires_late_escalates_without_a_text() -> None:
    hall = play(WAITING_SINCE_ONE)
    [timer] = [t for t in hall.router.timers.values() if t.kind == "waiting"]
    hall.takes(msgspec.structs.replace(timeout(timer), told_at=timer.due_at + timedelta(hours=3)))
    assert hall.happened == ["waiting"] and hall.heard == []


def test_idle_conversation_is_closed_with_its_reason() -> None:
    hall = play(f"{ANSWERED} +14d -> ~closed")
    closed = hall.told[-1]
    assert (closed.type, data(closed)["reason"]) == (CLOSED, "er is lang niets meer gezegd")
    assert hall.conversation.closed_at == hall.now


def decisions_by_event(hall: Stadhuis) -> dict[str, tuple[str, str, str]]:
    """Rule and reason of the placement, and the reason of the event itself."""
    entries = [data(each) for each in records_of(hall.done) if each.kind == "conversation"]
    return {
        each["event"]: (*map(each["decision"].get, ("rule", "reason")), each.get("reason", ""))
        for each in entries
    }


def test_record_of_a_timer_keeps_the_reason_of_the_rule_apart_from_its_own() -> None:
    hall = play("= 2026-11-25 13:00 menu=\n mijn container")
    opened = decisions_by_event(hall)["opened"]
    play("+1h -> duurt_langer, ~waiting, @groen, #afval\n /text; +14d -> ~closed", hall)
    entries = decisions_by_event(hall)
    assert opened[0] == "afval" and "afval" in opened[1]
    assert entries["waiting"] == (*opened[:2], "er is te lang geen antwoord gegeven")
    assert entries["closed"] == (*opened[:2], "er is lang niets meer gezegd")


def test_no_choice_of_a_person_stands_beside_the_reason_of_an_escalation() -> None:
    hall = play("= 2026-11-25 13:00 menu=\n mijn container; /transfer klantcontact -> doorgestuurd")
    assert hall.conversation.rule == TRANSFER
    play("+1h -> duurt_langer, ~waiting, @teamleider\n nog iets over mijn paspoort", hall)
    assert hall.conversation.department == "teamleider"
    waited = ("_escalated", "er is te lang geen antwoord gegeven")
    entries = [data(each) for each in records_of(hall.done) if each.kind == "conversation"]
    places = [(each["decision"]["rule"], each["decision"]["reason"]) for each in entries]
    assert [each["event"] for each in entries[-2:]] == ["transferred", "waiting"]
    assert places[-2:] == [waited, waited]
    assert data(hall.told[-1])["decision"]["rule"] == "_escalated"


def test_escalation_of_what_no_rule_placed_leaves_it_to_the_rules() -> None:
    hall = play(f"{WAITING_SINCE_ONE} +1h -> duurt_langer, ~waiting, @teamleider")
    assert hall.conversation.rule == ""
    play("mijn container -> @groen, #afval", hall)


def test_timers_of_a_closed_conversation_do_nothing() -> None:
    hall = play(f"{WAITING_SINCE_ONE} /close -> afgesloten")
    assert hall.router.timers
    play("+60d", hall)
    assert hall.router.timers == {}
