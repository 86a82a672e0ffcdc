"""Refused commands of a destination, which gets an event because it asks for no status."""

from typing import Any

import msgspec
import pytest

from router.conversation.refusals import (
    ANSWERED,
    CLOSED,
    FAULT,
    NO_CONVERSATION,
    NO_DEPARTMENT,
    OTHER_OPEN,
    TRANSFERRED,
    TYPE_UNKNOWN,
)
from router.handlers import batch
from services.event_types import COMMAND_REFUSED
from tests.support.router.config_full import DISCREET
from tests.support.router.crm_desk import Desk
from tests.support.router.decisions import addressed_events, data, decisions, events, records_of
from tests.support.router.names import NUMBER
from tests.support.router.simulation import Stadhuis

TO = {"reply_to": "buiten", "token": "openklant:buiten"}
ELSEWHERE = f"{NUMBER}-{'a2' * 13}"


def test_refused_message_is_an_event_without_its_words() -> None:
    desk = Desk()
    desk.orders("transfer", to_department="belastingen")
    order = desk.order("text", text="Uw aanslag", department="klantcontact", **TO)
    done = desk.router.takes(order)
    [(destination, event)] = addressed_events(done)
    assert (destination, event.type, event.message) == ("buiten", COMMAND_REFUSED, order.id)
    assert (event.conversation, event.department) == (desk.id, "belastingen")
    assert (event.tenant, event.sequence) == ("almelo", desk.now.sequence)
    assert data(event) == {
        "conversationId": desk.id,
        "department": "belastingen",
        "order": "text",
        "reason": str(TRANSFERRED),
        "messageId": str(order.id),
    }
    [record] = records_of(done)
    assert record.conversation == "" and data(record)["department"] == "klantcontact"
    encode = msgspec.msgpack.encode
    assert encode(addressed_events(desk.router.takes(order))) == encode([(destination, event)])


@pytest.mark.parametrize(
    ("order", "more", "reason", "owner"),
    [
        ("transfer", {"to_department": "niets"}, NO_DEPARTMENT, "klantcontact"),
        ("transfer", {"to_department": "groen"}, CLOSED, "klantcontact"),
        ("close", {"departments": ["groen"]}, TRANSFERRED, "klantcontact"),
        ("reopen", {}, OTHER_OPEN, "klantcontact"),
        ("unknown", {}, TYPE_UNKNOWN, ""),
        ("close", {"conversation": ELSEWHERE}, NO_CONVERSATION, ""),
        ("transfer", {"tenant": "borne"}, NO_CONVERSATION, ""),
    ],
)
def test_refusal_of_any_rule_is_an_event(
    order: str, more: dict[str, Any], reason: object, owner: str
) -> None:
    desk = Desk()
    desk.orders("close")
    desk.hears("mijn container")  # in another conversation, as that one is closed
    before = desk.now
    [event] = events(desk.orders(order, **TO | more))
    assert event.type == COMMAND_REFUSED and event.message is None
    assert (data(event)["order"], data(event)["reason"]) == (order, str(reason))
    assert data(event)["department"] == event.department == owner
    assert event.sequence == (before.sequence if owner else 0)
    assert "messageId" not in data(event) and desk.now == before


@pytest.mark.parametrize("more", [{}, {"reply_to": "weg"}, TO | {"conversation": "niet van ons"}])
def test_refusal_without_a_known_destination_or_conversation_is_no_event(
    more: dict[str, str],
) -> None:
    done = Desk().orders("transfer", to_department="niets", **more)
    assert decisions(done)[0].kind == "refused" and events(done) == []


def test_accepted_command_is_no_refusal() -> None:
    desk = Desk()
    assert events(desk.orders("text", text="Dag", **TO)) == []


def test_refusal_says_its_reason_to_a_confidential_department_too() -> None:
    hall = Stadhuis(given=DISCREET)
    hall.hears("jeugdzorg")
    hall.orders("transfer", to_department="niets", reason="reden", reply_to="zorg")
    event = hall.told[-1]
    assert (data(event)["reason"], data(event)["department"]) == (str(NO_DEPARTMENT), "zorg")
    assert event.dataref == "" and b"reden" not in event.data


def test_command_that_fails_by_a_fault_is_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*known: object) -> object:
        raise KeyError("a fault")

    desk = Desk()
    desk.router.faulty = True
    monkeypatch.setattr(batch, "decide", faulty)
    [event] = events(desk.orders("close", **TO))
    assert (event.type, event.conversation, event.tenant) == (COMMAND_REFUSED, desk.id, "almelo")
    assert (data(event)["reason"], event.sequence) == (str(FAULT), 0)
    assert events(desk.orders("close")) == []


@pytest.mark.parametrize(
    ("seen", "token", "is_sent"),
    [(0, "crm", False), (0, "openklant:buiten", True), (9, "crm", True)],
)
def test_second_answer_of_another_desk_is_refused_unless_it_saw_the_first(
    seen: int, token: str, is_sent: bool
) -> None:
    desk = Desk()
    desk.orders("text", text="Maandag.", token=token)
    order = desk.order(
        "text", text="Dinsdag.", last_seen_sequence=desk.now.sequence - 1 + seen, **TO
    )
    done = desk.router.takes(order)
    [decision] = decisions(done)
    assert (decision.kind == "accepted") is is_sent
    if not is_sent:
        [(_, event)] = addressed_events(done)
        assert data(event)["reason"] == str(ANSWERED)
