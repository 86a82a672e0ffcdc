"""A conversation that is closed: what may still be done in it, and what begins another."""

from typing import Any

import pytest

from router.conversation.refusals import ASKED, TRANSFERRED
from router.conversation.refusals import CLOSED as CLOSED_ALREADY
from router.output.crm_events import CLOSED, STATUS_CHANGED
from tests.support.router.commands import command
from tests.support.router.crm_desk import Desk
from tests.support.router.decisions import addressed_events, data, decisions, events, records_of
from tests.support.router.webhooks import ANNA, at, inbound, status, statuses, text


@pytest.mark.parametrize("next", ["mijn container is vol", "hallo"])
def test_closed_conversation_stays_closed_when_a_new_subject_begins(
    next: str,
) -> None:
    desk = Desk()
    done = desk.orders("close", reason="beantwoord")
    [(destination, event)] = addressed_events(done)
    assert (destination, event.type, event.sequence) == ("crm", CLOSED, 2)
    assert data(event)["reason"] == "beantwoord"
    assert data(records_of(done)[0])["event"] == "closed"
    assert desk.now.closed_at == at(2)
    closed = desk.now
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
    """The one begins another conversation, the other opens this one again."""
    desk = Desk()
    message = text("wamid.next", words, **ANNA)
    done = desk.router.takes(desk.order("close"), inbound(message, second=9))
    closed, new = decisions(done)
    assert (closed.kind, closed.conversation) == ("accepted", desk.id)
    assert (new.conversation != desk.id, new.reopened) == (opened, reopened)
    assert (desk.now.closed_at is None) is reopened


def test_an_answer_into_a_closed_conversation_goes_and_its_status_is_told() -> None:
    desk = Desk()
    desk.orders("close")
    answer = desk.order("text", text="Nog dit")
    [decision] = decisions(desk.router.takes(answer))
    assert (decision.kind, decision.conversation) == ("accepted", desk.id)
    assert desk.now.closed_at is not None
    [event] = events(desk.router.takes(statuses(status("w", "read", f"{answer.id}.1"), second=9)))
    assert (event.type, event.conversation) == (STATUS_CHANGED, desk.id)
    assert desk.now.closed_at is not None
    [decision] = decisions(desk.router.takes(command("new", second=10, to=ANNA["phone"])))
    assert decision.conversation != desk.id


@pytest.mark.parametrize("to", ["groen", "klantcontact"])
def test_a_closed_conversation_is_transferred_to_nobody(to: str) -> None:
    desk = Desk()
    desk.orders("close")
    before = desk.now
    done = desk.orders("transfer", to_department=to)
    [(_, decision, changes)] = done
    assert (decision.kind, decision.reason) == ("refused", CLOSED_ALREADY)
    assert decision.reason.startswith("closed: ")
    assert changes.outgoing and changes.outgoing.status == "failed"
    assert events(done) == [] and desk.now == before


def test_command_on_a_closed_conversation_reveals_nothing_to_others() -> None:
    desk = Desk()
    desk.orders("close")
    [decision] = decisions(
        desk.orders("transfer", to_department="groen", departments=["belastingen"])
    )
    assert decision.reason == TRANSFERRED


def handled(desk: Desk, seen: int, **more: Any) -> Any:
    """As whoever looked in another register, which knew the conversation up to there."""
    [decision] = decisions(desk.orders("close", outcome="handled", last_seen_sequence=seen, **more))
    return decision


def test_handled_task_does_not_close_a_later_question() -> None:
    desk = Desk("mijn container is vol")
    known = desk.now.sequence
    asked = desk.hears("en wanneer komt u dan?").sequence
    refused = handled(desk, known)
    assert (refused.kind, refused.reason) == ("refused", ASKED)
    assert refused.reason.startswith("asked_meanwhile: ") and desk.now.closed_at is None
    assert handled(desk, asked).kind == "accepted"
    assert desk.now.closed_at is not None


@pytest.mark.parametrize("words", ["dank u wel", "👍"])
def test_thanks_ask_for_nothing_and_keep_nothing_open(words: str) -> None:
    desk = Desk("mijn container is vol")
    known = desk.now.sequence
    assert desk.hears(words).sequence > known
    assert handled(desk, known).kind == "accepted" and desk.now.closed_at is not None


def test_handled_task_does_not_close_a_transferred_conversation() -> None:
    desk = Desk("mijn container is vol")
    known, here = desk.now.sequence, desk.now.department
    desk.orders("transfer", to_department="groen" if here != "groen" else "belastingen")
    assert handled(desk, known, department=here).reason == TRANSFERRED
    assert desk.now.closed_at is None
    assert handled(desk, known, department=desk.now.department).kind == "accepted"


def test_a_message_that_is_decided_after_the_closing_is_not_swallowed_by_it() -> None:
    desk = Desk("mijn container is vol")
    assert handled(desk, desk.now.sequence).kind == "accepted"
    later = desk.hears("en nu?")
    assert later.task and (later.reopened or later.conversation != desk.id)
