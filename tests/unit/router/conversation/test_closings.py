"""Closed conversations: what may still be done in them, and what begins another."""

from typing import Any

import pytest

from router.conversation.refusals import ASKED, TRANSFERRED
from router.conversation.refusals import CLOSED as CLOSED_ALREADY
from services.event_types import CLOSED, STATUS_CHANGED
from tests.support.router.commands import command
from tests.support.router.crm_desk import Desk
from tests.support.router.decisions import addressed_events, data, decisions, events, records_of
from tests.support.router.harness import decide_one
from tests.support.router.names import ANNA, at
from tests.support.router.webhooks import status, statuses, writes


@pytest.mark.parametrize("next", ["mijn container is vol", "hallo"])
def test_closed_conversation_stays_closed_when_a_new_subject_begins(next: str) -> None:
    desk = Desk()
    done = desk.orders("close", reason="beantwoord")
    [(destination, event)] = addressed_events(done)
    assert (destination, event.type, event.sequence) == ("crm", CLOSED, 2)
    assert data(event)["reason"] == "beantwoord"
    assert data(records_of(done)[0])["event"] == "closed"
    closed = desk.now
    assert closed.closed_at == at(2)
    again = desk.orders("close")
    assert events(again) == [] and desk.now == closed
    assert [record.sequence for record in records_of(again)] == [closed.sequence]
    later = desk.hears(next)
    assert later.conversation != desk.id and later.opened is not None
    assert desk.now == closed
    assert desk.hears("bent u er?").conversation == later.conversation


@pytest.mark.parametrize(
    ("words", "opened", "reopened"), [("mijn container", True, False), ("en nu?", False, True)]
)
def test_closing_and_a_message_in_one_batch_are_decided_in_their_order(
    words: str, opened: bool, reopened: bool
) -> None:
    desk = Desk()
    closed, new = decisions(desk.router.takes(desk.order("close"), writes(9, words)))
    assert (closed.kind, closed.conversation) == ("accepted", desk.id)
    assert (new.conversation != desk.id, new.reopened) == (opened, reopened)
    assert (desk.now.closed_at is None) is reopened


def test_answer_into_a_closed_conversation_goes_out_and_its_status_is_published() -> None:
    desk = Desk()
    desk.orders("close")
    answer = desk.order("text", text="Nog dit")
    decision, _ = decide_one(desk.router, answer)
    assert (decision.kind, decision.conversation) == ("accepted", desk.id)
    read = statuses(status("w", "read", f"{answer.id}.1"), second=9)
    [event] = events(desk.router.takes(read))
    assert (event.type, event.conversation) == (STATUS_CHANGED, desk.id)
    assert desk.now.closed_at is not None
    decision, _ = decide_one(desk.router, command("new", second=10, to=ANNA["phone"]))
    assert decision.conversation != desk.id


@pytest.mark.parametrize("to", ["groen", "klantcontact"])
def test_transfer_of_a_closed_conversation_is_refused(to: str) -> None:
    desk = Desk()
    desk.orders("close")
    before = desk.now
    done = desk.orders("transfer", to_department=to)
    [decision] = decisions(done)
    assert (decision.kind, decision.reason) == ("refused", str(CLOSED_ALREADY))
    assert decision.reason.startswith("closed: ")
    outgoing = desk.router.changes[-1].outgoing
    assert outgoing and outgoing.status == "failed"
    assert events(done) == [] and desk.now == before
    hidden = desk.orders("transfer", to_department=to, departments=["belastingen"])
    assert decisions(hidden)[0].reason == str(TRANSFERRED)  # reveals nothing to others


def handle(desk: Desk, seen: int, **more: Any) -> Any:
    """Close as handled in another register, which knew the conversation up to there."""
    [decision] = decisions(desk.orders("close", outcome="handled", last_seen_sequence=seen, **more))
    return decision


def test_handled_task_does_not_close_a_later_question() -> None:
    desk = Desk("mijn container is vol")
    known = desk.now.sequence
    asked = desk.hears("en wanneer komt u dan?").sequence
    refused = handle(desk, known)
    assert (refused.kind, refused.reason) == ("refused", str(ASKED))
    assert refused.reason.startswith("asked_meanwhile: ") and desk.now.closed_at is None
    assert handle(desk, asked).kind == "accepted"
    assert desk.now.closed_at is not None
    later = desk.hears("en nu?")
    assert later.task and (later.reopened or later.conversation != desk.id)


@pytest.mark.parametrize("words", ["dank u wel", "👍"])
def test_thanks_keep_no_handled_task_open(words: str) -> None:
    desk = Desk("mijn container is vol")
    known = desk.now.sequence
    assert desk.hears(words).sequence > known
    assert handle(desk, known).kind == "accepted" and desk.now.closed_at is not None


def test_handled_task_does_not_close_a_transferred_conversation() -> None:
    desk = Desk("mijn container is vol")
    known, here = desk.now.sequence, desk.now.department
    desk.orders("transfer", to_department="groen" if here != "groen" else "belastingen")
    assert handle(desk, known, department=here).reason == str(TRANSFERRED)
    assert desk.now.closed_at is None
    assert handle(desk, known, department=desk.now.department).kind == "accepted"
