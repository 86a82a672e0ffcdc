"""What a CRM does with a conversation: transfer, close, note, link; and who hears of it."""

from typing import Any

import msgspec
import pytest

from router.conversation.refusals import NO_CONVERSATION, NO_DEPARTMENT, TRANSFERRED
from router.model.decision import OutgoingStatus
from router.output.crm_events import CLOSED, RECEIVED, STATUS_CHANGED
from router.output.crm_events import TRANSFERRED as MOVED
from tests.support.router.crm_desk import Desk
from tests.support.router.decisions import addressed_events, data, decisions, events, records_of
from tests.support.router.webhooks import (
    ANNA,
    NUMBER,
    OTHER_NUMBER,
    at,
    inbound,
    outcome,
    status,
    statuses,
    text,
)


def test_a_transfer_is_told_to_both_departments_each_under_an_id_of_its_own() -> None:
    desk = Desk()
    done = desk.orders("transfer", to_department="groen", reason="gaat over een boom")
    (one, new), (other, former) = addressed_events(done)
    assert (one, other) == ("buiten", "crm")
    assert new.id != former.id and new.sequence == former.sequence == 2
    assert new.type == former.type == MOVED
    assert (
        data(new)
        == data(former)
        == {
            "conversationId": desk.id,
            "from": "klantcontact",
            "department": "groen",
            "reason": "gaat over een boom",
            "by": {"token": "crm", "author": {"kind": "employee", "id": "sanne"}},
            "priority": "normal",
        }
    )
    [record] = records_of(done)
    assert (record.kind, record.sequence, record.conversation) == ("conversation", 2, desk.id)
    said = data(record)
    assert (said["event"], said["from"], said["department"]) == (
        "transferred",
        "klantcontact",
        "groen",
    )
    assert said["by"]["author"]["id"] == "sanne"
    assert said["decision"] == {
        "rule": "_transfer",
        "reason": "overgedragen: gaat over een boom",
    }
    assert desk.now.departments == ("klantcontact", "groen")
    assert (desk.now.since, desk.now.sequence) == (at(2), 2)


def test_a_transfer_within_one_destination_is_told_there_once() -> None:
    desk = Desk()
    done = desk.orders("transfer", to_department="belastingen")
    [(destination, event)] = addressed_events(done)
    assert (destination, event.department) == ("crm", "belastingen")
    assert desk.now.reason == "overgedragen"


def test_transfer_to_the_same_department_is_recorded_and_moves_nothing() -> None:
    desk = Desk()
    desk.hears("nog iets")
    before = desk.now
    done = desk.orders("transfer", to_department="klantcontact")
    assert decisions(done)[0].kind == "accepted"
    assert events(done) == []
    assert [(r.kind, r.sequence) for r in records_of(done)] == [("conversation", 2)]
    assert desk.now == before


@pytest.mark.parametrize(
    ("type", "more"),
    [
        ("transfer", {"to_department": "groen"}),
        ("transfer", {"to_department": "klantcontact"}),
        ("close", {}),
        ("note", {"text": "belt terug"}),
        ("link", {"zaak": "ZAAK-1"}),
    ],
)
def test_an_order_that_was_carried_out_ends_at_done(type: str, more: dict[str, str]) -> None:
    desk = Desk()
    [(unit, decision, changes)] = done = desk.orders(type, **more)
    given = unit.entry
    assert decision.status == data(records_of(done)[0])["status"] == "done"
    assert changes.send is None
    assert desk.router.outgoing[given.id] == OutgoingStatus(
        id=given.id,
        tenant="almelo",
        number=NUMBER,
        conversation=desk.id,
        department=more.get("to_department", "klantcontact"),
        status="done",
        changed_at=at(2),
        type=type,
    )


def test_conversation_command_ignores_delivery_statuses() -> None:
    """It is no message: Meta and the deliverer can tell nothing of it."""
    desk = Desk()
    note = desk.order("note", text="x")
    desk.router.takes(note)
    before = dict(desk.router.outgoing)
    said = desk.router.takes(
        statuses(status("w", "read", f"{note.id}.1"), second=8),
        outcome(note.id, "failed", second=9),
    )
    assert events(said) == [] and desk.router.outgoing == before


def test_meta_cannot_say_that_a_message_is_done() -> None:
    desk = Desk()
    answer = desk.order("text", text="Dag")
    desk.router.takes(answer, statuses(status("w", "done", f"{answer.id}.1"), second=9))
    assert desk.router.outgoing[answer.id].status == "accepted"


def test_rule_does_not_move_a_conversation_that_a_person_transferred() -> None:
    desk = Desk()
    desk.orders("transfer", to_department="belastingen")
    decision = desk.hears("mijn container is vol")
    assert (decision.department, decision.rule) == ("belastingen", "_transfer")
    desk.orders("transfer", to_department="klantcontact")
    assert desk.hears("mijn container").department == "klantcontact"
    assert desk.now.departments == ("klantcontact", "belastingen")


def test_an_order_of_a_department_that_has_it_no_more_is_refused() -> None:
    desk = Desk()
    desk.orders("transfer", to_department="groen")
    for type in ("text", "transfer", "close", "note", "link"):
        for whose in ({"department": "klantcontact"}, {"departments": ["klantcontact"]}):
            before = desk.now
            order = desk.order(type, to_department="klantcontact", **whose)
            done = desk.router.takes(order)
            [(_, decision, changes)] = done
            assert (decision.kind, decision.reason) == ("refused", TRANSFERRED)
            assert changes.outgoing and changes.outgoing.status == "failed"
            assert events(done) == [] and desk.now == before
            [record] = records_of(done)
            assert record.conversation == "" and data(record)["status"] == "failed"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"to_department": "iets"}, NO_DEPARTMENT),
        ({"to_department": "groen", "tenant": "borne"}, NO_CONVERSATION),
        ({"to_department": "groen", "number": OTHER_NUMBER}, NO_CONVERSATION),
        ({"to_department": "groen", "conversation": f"{NUMBER}-aaaa"}, NO_CONVERSATION),
        ({"to_department": "groen", "conversation": "", "to": "31611111111"}, NO_CONVERSATION),
    ],
)
def test_a_transfer_that_cannot_be_is_refused_with_its_reason(
    more: dict[str, Any], reason: str
) -> None:
    desk = Desk()
    before = desk.now
    [decision] = decisions(desk.orders("transfer", **more))
    assert (decision.kind, decision.reason) == ("refused", reason)
    assert decision.tenant == more.get("tenant", "almelo")
    assert desk.now == before


def test_a_note_is_a_record_with_a_place_and_reaches_neither_citizen_nor_crm() -> None:
    desk = Desk()
    done = desk.orders("note", text="belt morgen terug")
    [(_, _, changes)] = done
    assert events(done) == [] and changes.send is None
    [record] = records_of(done)
    assert (record.kind, record.sequence, record.conversation) == ("note", 2, desk.id)
    said = data(record)
    assert (said["text"], said["department"]) == ("belt morgen terug", "klantcontact")
    assert said["id"] == str(done[0][0].entry.id)
    assert said["author"] == {"kind": "employee", "id": "sanne"}
    assert desk.hears("dank").sequence == 3


def test_the_zaak_is_not_told_to_a_department_that_the_conversation_has_left() -> None:
    desk = Desk()
    answer = desk.order("text", text="Goedemiddag")
    desk.router.takes(answer)
    for second, (to, tells) in enumerate([("belastingen", False), ("klantcontact", True)], 50):
        desk.orders("transfer", to_department=to)
        desk.orders("link", zaak=f"ZAAK-{to}")
        word = ("delivered", "read")[tells]
        [event] = events(
            desk.router.takes(statuses(status("w", word, f"{answer.id}.1"), second=second))
        )
        assert data(event)["department"] == "klantcontact"
        assert data(event).get("zaak") == (f"ZAAK-{to}" if tells else None)


def test_from_a_link_on_everything_that_is_said_carries_the_zaak() -> None:
    desk = Desk()
    linked = desk.orders("link", zaak="ZAAK-2026-12")
    assert events(linked) == []
    [record] = records_of(linked)
    assert (data(record)["event"], data(record)["zaak"]) == ("linked", "ZAAK-2026-12")
    answer = desk.order("text", text="Dag")
    said = desk.router.takes(
        inbound(text("wamid.9", "container", **ANNA), second=19),
        answer,
        statuses(status("w", "read", f"{answer.id}.1"), second=21),
        desk.order("transfer", to_department="belastingen"),
        desk.order("close"),
    )
    assert [e.type for e in events(said)] == [MOVED, RECEIVED, STATUS_CHANGED, MOVED, MOVED, CLOSED]
    assert {data(event)["zaak"] for event in events(said)} == {"ZAAK-2026-12"}
    messages = [r for r in records_of(said) if r.kind == "message"]
    assert [data(r)["zaak"] for r in messages] == ["ZAAK-2026-12"] * 2


def test_repeated_conversation_commands_are_told_word_for_word() -> None:
    desk = Desk()
    orders = [
        desk.order("transfer", to_department="groen"),
        desk.order("note", text="x"),
        desk.order("link", zaak="Z"),
        desk.order("close"),
        desk.order("close"),
    ]
    first = desk.router.takes(*orders)
    before = dict(desk.router.conversations)
    again = desk.router.takes(*orders)
    encode = msgspec.msgpack.encode
    assert encode(records_of(again)) == encode(records_of(first))
    assert encode(addressed_events(again)) == encode(addressed_events(first))
    assert before == desk.router.conversations
