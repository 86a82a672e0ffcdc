"""The change that each event makes to a conversation in the inbox."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from desk.events.event import Event, EventData
from desk.inbox.conversation import Content, Conversation, answer, apply_event
from services import event_types as types

AT = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
ID = "106540352242922-abc"
SOURCE = "urn:nld:gemeente-almelo.systeem:postkamer"


def event(type: str, sequence: int = 1, minutes: int = 0, /, **data: Any) -> Event:
    given = {"conversationId": ID, "department": "burgerzaken"} | data
    at = AT + timedelta(minutes=minutes)
    return Event(uuid4(), SOURCE, type, at, msgspec.convert(given, EventData), sequence)


def message(sequence: int = 1, minutes: int = 0, **data: Any) -> Event:
    given = {
        "type": "text",
        "text": "Mijn paspoort is kwijt",
        "from": {"name": "Fatima"},
        "receivedAt": AT + timedelta(minutes=minutes),
        "task": True,
    }
    return event(types.RECEIVED, sequence, minutes, **given | data)


def told(*events: Event) -> Conversation:
    known = None
    for each in events:
        known = apply_event(known, each)
    assert known
    return known


def status(sequence: int, minutes: int, status: str, kind: str = "employee") -> Event:
    return event(
        types.STATUS_CHANGED,
        sequence,
        minutes,
        status=status,
        at=AT + timedelta(minutes=minutes),
        author={"kind": kind},
    )


def test_message_waits_with_its_beginning() -> None:
    found = told(message(text="Hallo,\n\n" + "a" * 500, windowUntil=AT + timedelta(days=1)))
    assert (found.waiting_since, found.waiting_to, found.is_open) == (AT, 1, True)
    assert found.content.name == "Fatima"
    assert found.content.text == ("Hallo, " + "a" * 500)[:160]
    assert found.window_until == AT + timedelta(days=1)


def test_thanks_is_no_task_and_waits_for_nobody() -> None:
    assert told(message(task=False)).waiting_since is None


def test_oldest_question_counts() -> None:
    found = told(message(1), message(2, 5))
    assert (found.waiting_since, found.waiting_to) == (AT, 2)


@pytest.mark.parametrize("state", ["sent", "delivered", "read", "played"])
def test_answer_of_a_person_ends_the_wait(state: str) -> None:
    assert told(message(), status(2, 3, state)).waiting_since is None


@pytest.mark.parametrize("kind", ["automated", "system"])
def test_text_of_a_machine_answers_nothing(kind: str) -> None:
    assert told(message(), status(2, 3, "sent", kind)).waiting_since == AT


@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_answer_that_may_not_have_arrived_answers_nothing(state: str) -> None:
    found = told(message(), status(2, 3, "sent"), status(3, 4, state))
    assert (found.trouble, found.waiting_since) == (state, AT + timedelta(minutes=4))
    assert told(message(), status(2, 3, state), status(3, 4, "sent")).trouble == ""


def test_answer_that_arrives_late_does_not_answer_what_came_before_it_was_read() -> None:
    """Its writer saw the first question and not the second."""
    found = told(message(1), message(2, 5))
    assert answer(found, AT + timedelta(minutes=6), covers=1).waiting_since == AT
    assert answer(found, AT + timedelta(minutes=6), covers=2).waiting_since is None


def test_transfer_takes_it_from_who_had_it() -> None:
    had = msgspec.structs.replace(told(message()), assignee="s.jansen")
    to_taxes = {"department": "belastingen", "reason": "geld"}
    moved = apply_event(had, event(types.TRANSFERRED, 2, **to_taxes))
    assert moved
    assert (moved.department, moved.assignee) == ("belastingen", "")
    assert (moved.waiting_since, moved.content) == (AT, had.content)
    given = event(types.TRANSFERRED, 3, department="belastingen", assignee="p.dejong")
    assert told(message(), given).assignee == "p.dejong"


def test_next_department_is_shown_nothing_from_before_a_confidential_one() -> None:
    """A transfer to or from one comes without its reason, and without what else it would tell."""
    known = told(message(tags=["pers"], zaak="Z-1"), event(types.TRANSFERRED, 2, department="zorg"))
    assert (known.content, known.tags) == (Content(), ())
    assert known.waiting_since == AT
    told_on = told(
        message(zaak="Z-1"),
        event(types.TRANSFERRED, 2, department="zorg"),
        event(types.TRANSFERRED, 3, department="belastingen", care="geweld", due="2026-12-24"),
    )
    assert (told_on.content, told_on.care, str(told_on.due)) == (Content(), "geweld", "2026-12-24")


REASON = '"brand" staat erin (regel brand)'


def test_other_subject_is_named_until_it_is_passed_on_or_closed() -> None:
    first = message(alsoAbout=["parkeren", "belastingen"])
    assert told(first).also_about == ("parkeren", "belastingen")
    assert told(first, message(2, 5)).also_about == ("parkeren", "belastingen")
    moved = event(
        types.TRANSFERRED, 3, department="parkeren", reason="x", alsoAbout=["belastingen"]
    )
    assert told(first, moved).also_about == ("belastingen",)
    to_care = event(types.TRANSFERRED, 3, department="zorg")  # confidential: without its reason
    assert told(first, to_care).also_about == ()
    assert told(first, event(types.CLOSED, 3, outcome="handled")).also_about == ()


def test_reason_of_the_priority_stays_with_it_and_behind_at_a_confidential_department() -> None:
    urgent = message(priority="urgent", priorityReason=REASON)
    assert told(urgent, message(2, 5)).content.priority_reason == REASON
    moved = event(types.TRANSFERRED, 3, department="parkeren", reason="x")
    assert told(urgent, moved).content.priority_reason == REASON
    to_care = event(types.TRANSFERRED, 3, department="zorg")
    assert told(urgent, to_care).content.priority_reason == ""
    elsewhere = message(2, 5, department="parkeren", priority="urgent", priorityReason=REASON)
    assert told(message(), elsewhere).content.priority_reason == REASON


def test_message_at_another_department_begins_anew() -> None:
    """Nothing of the department before stays, by any event that tells of the move."""
    hidden = {"department": "zorg", "text": "", "type": "", "from": {}}
    assert told(message(), message(2, 1, **hidden)).content == Content()


def test_closed_conversation_waits_no_more_and_comes_back() -> None:
    closed = event(types.CLOSED, 2, 1, outcome="answered")
    found = told(message(), closed)
    assert (found.is_open, found.waiting_since, found.outcome) == (False, None, "answered")
    again = told(message(), closed, event(types.REOPENED, 3, 2))
    assert (again.is_open, again.waiting_since) == (True, AT + timedelta(minutes=2))
    assert told(message(), closed, message(3, 2, reopened=True)).is_open


def test_danger_lasts_until_a_person_confirms_it() -> None:
    assert told(message(care="zelfdoding")).care == "zelfdoding"
    confirmed = told(message(care="zelfdoding"), event(types.CARE_CONFIRMED, 2))
    assert confirmed.care == ""


def test_event_says_nothing_of_what_it_leaves_out() -> None:
    found = told(message(tags=["pers"], priority="high"), message(2, 1))
    assert (found.tags, found.priority) == (("pers",), "high")


def test_parked_message_that_comes_late_waits_and_changes_nothing_else() -> None:
    known = told(message(1), event(types.TRANSFERRED, 5, 5, department="belastingen"))
    answered = answer(known, AT + timedelta(minutes=6), None)
    late = apply_event(answered, message(3, 2))
    assert late
    assert (late.department, late.sequence) == ("belastingen", 5)
    assert late.waiting_since == AT + timedelta(minutes=2)
    assert apply_event(answered, event(types.CLOSED, 3)) == answered


@pytest.mark.parametrize("type", [types.DESTINATION_STATE_CHANGED, "nl.postkamer.new.v1"])
def test_other_events_change_nothing(type: str) -> None:
    known = told(message())
    assert apply_event(known, event(type, 2)) == known
    assert apply_event(None, event(type)) is None


def test_event_without_conversation_is_about_none() -> None:
    assert apply_event(None, message(conversationId="")) is None
