"""Closed conversations that a person opens again."""

from typing import Any

import pytest

from router.conversation.refusals import NO_CONVERSATION, OTHER_OPEN, TRANSFERRED
from services.event_types import CLOSED, REOPENED
from tests.support.router.config_full import BORNE, config
from tests.support.router.decisions import data, records_of
from tests.support.router.names import BERT
from tests.support.router.simulation import Stadhuis


def closed(words: str = "mijn container", *, answered: bool = False, **more: Any) -> Stadhuis:
    hall = Stadhuis(**more)
    hall.hears(words)
    if answered:
        hall.orders("text")
    hall.orders("close", outcome="handled")
    hall.after(hours=1)
    return hall


def test_reopened_conversation_continues_where_it_was_closed() -> None:
    hall = closed()
    hall.orders("transfer", to_department="zorg")  # refused: it is closed
    before, texts = hall.conversation, hall.heard
    done = hall.orders("reopen", reason="De inwoner wacht nog.")
    assert (done.kind, done.department, hall.conversation.closed_at) == ("accepted", "groen", None)
    assert hall.conversation.departments == before.departments
    assert (hall.state.reopened, hall.state.waiting_since) == (1, hall.now)
    assert "afgesloten" in texts and hall.heard == []
    event, record = hall.told[-1], records_of(hall.done)[-1]
    assert (event.type, event.sequence) == (REOPENED, before.sequence + 1)
    assert data(event) == {
        "conversationId": hall.id,
        "department": "groen",
        "reason": "De inwoner wacht nog.",
        "by": {"token": "crm", "author": {"kind": "employee", "id": "sanne"}},
        "priority": "normal",
        "windowUntil": "2026-11-26T12:00:00Z",
    }
    assert (data(record)["event"], data(record)["order"]) == ("reopened", "reopen")
    assert record.conversation == hall.id
    assert hall.hears("mijn container").conversation == hall.id


def test_citizen_opens_a_conversation_again_on_the_record() -> None:
    """The term of the conversation stops by it, after the closing that it follows."""
    hall = closed()
    [closing] = [each for each in records_of(hall.done) if data(each).get("event") == "closed"]
    before = len(hall.done)
    hall.hears("mijn container staat er nog")
    opening, message = records_of(hall.done[before:])
    assert (opening.kind, data(opening)["event"], opening.conversation) == (
        "conversation",
        "reopened",
        hall.id,
    )
    assert closing.sequence < opening.sequence == message.sequence
    assert "retentionCode" not in data(closing) and hall.conversation.closed_at is None
    before = len(hall.done)
    hall.hears("hallo, is daar iemand?")
    assert [each.kind for each in records_of(hall.done[before:])] == ["message"]


def test_result_of_the_selection_list_is_on_record_and_event_of_a_closing() -> None:
    hall = Stadhuis()
    hall.hears("mijn container")
    hall.orders("close", outcome="handled", code="15.1")
    told = [data(each) for each in hall.told if each.type == CLOSED]
    assert [each["retentionCode"] for each in told] == ["15.1"]
    record = records_of(hall.done[-1:])[0]
    assert data(record)["retentionCode"] == "15.1"


def test_reopening_an_open_conversation_changes_nothing() -> None:
    hall = closed()
    hall.orders("reopen")
    before, told = hall.conversation, len(hall.told)
    again = hall.orders("reopen")
    assert (again.kind, again.status, again.event) == ("accepted", "done", None)
    assert hall.conversation == before and len(hall.told) == told


@pytest.mark.parametrize("answered", [False, True])
def test_citizen_of_a_reopened_conversation_waits_and_is_not_forgotten(answered: bool) -> None:
    hall = closed(answered=answered, given=config(tenant={"window_hours": 5}))
    hall.orders("reopen")
    assert hall.state.waiting_since == hall.now
    hall.after(hours=1)
    assert "waiting" in hall.happened
    hall.after(days=1)
    assert "window" in hall.happened
    hall.after(days=60)
    assert hall.conversation.closed_at is None


def test_citizen_gets_no_text_because_a_test_token_reopened() -> None:
    hall = closed()
    assert hall.orders("reopen", test=True).kind == "accepted"
    hall.after(days=1)
    assert "waiting" not in hall.happened


def test_reopened_conversation_that_is_answered_closes_after_a_long_silence() -> None:
    hall = closed()
    hall.after(days=100).orders("reopen")
    hall.after(minutes=1).orders("text")
    assert hall.after(days=60).conversation.closed_at is not None
    assert hall.told[-1].type == CLOSED
    assert data(hall.told[-1])["transcript"] == f"/v1/conversations/{hall.id}/transcript"
    hall.orders("reopen")  # the machine closed it
    assert not hall.state.idle and hall.conversation.closed_at is None


def test_reopened_conversation_at_a_deputy_returns_when_its_department_opens() -> None:
    hall = Stadhuis("2026-11-25 18:00")
    assert hall.hears("mijn paspoort").department == "avond"
    hall.orders("close")
    hall.until("2026-11-26 03:00").orders("reopen")
    assert hall.until("2026-11-26 09:30").conversation.department == "burgerzaken"


def test_reopening_restores_the_deadline() -> None:
    hall = closed("ik maak bezwaar tegen mijn container")
    assert hall.state.due is None
    due = hall.orders("reopen").due
    assert due is not None and data(hall.told[-1])["due"] == due.isoformat()
    assert hall.state.due == due


def test_conversation_is_not_reopened_beside_another_of_the_same_citizen() -> None:
    hall = closed()
    first = hall.id
    hall.hears("mijn paspoort")
    assert hall.id != first
    before = hall.router.conversations[first]
    refused = hall.orders("reopen", conversation=first)
    assert (refused.kind, refused.reason) == ("refused", str(OTHER_OPEN))
    assert hall.router.conversations[first] == before
    hall.orders("close")
    assert hall.orders("reopen", conversation=first).kind == "accepted"


def test_conversation_of_another_citizen_does_not_prevent_reopening() -> None:
    hall = closed()
    first = hall.id
    hall.hears("mijn paspoort", who=BERT)
    assert hall.orders("reopen", conversation=first).kind == "accepted"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"departments": ["zorg"]}, str(TRANSFERRED)),
        ({"department": "zorg"}, str(TRANSFERRED)),
        ({"tenant": "borne"}, str(NO_CONVERSATION)),
        ({"number": BORNE}, str(NO_CONVERSATION)),
    ],
)
def test_reopening_without_the_right_is_refused(more: dict[str, Any], reason: str) -> None:
    hall = closed()
    refused = hall.orders("reopen", **more)
    assert (refused.kind, refused.reason) == ("refused", reason)
    assert hall.conversation.closed_at is not None


def test_conversation_that_we_began_waits_for_no_one_after_reopening() -> None:
    hall = Stadhuis()
    opened = hall.orders("template", conversation="", to="31677777777")
    hall.id = opened.conversation
    hall.orders("close")
    assert hall.orders("reopen").kind == "accepted"
    assert hall.state.waiting_since is None
