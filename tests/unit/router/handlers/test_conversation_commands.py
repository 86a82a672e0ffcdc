"""Transfer, closing, note and link of a conversation: what they change, publish and archive."""

from typing import Any

import msgspec
import pytest

from router.conversation.refusals import NO_CONVERSATION, NO_DEPARTMENT, TRANSFERRED
from router.model.changes import OutgoingStatus
from services.event_types import CASE_LINKED, CLOSED, RECEIVED, STATUS_CHANGED
from services.event_types import TRANSFERRED as MOVED
from tests.support.router.crm_desk import Desk
from tests.support.router.decisions import addressed_events, data, decisions, events, records_of
from tests.support.router.names import NUMBER, OTHER_NUMBER, at
from tests.support.router.webhooks import outcome, status, statuses, writes


def test_transfer_is_published_to_both_departments_each_under_its_own_id() -> None:
    desk = Desk()
    done = desk.orders("transfer", to_department="groen", reason="gaat over een boom")
    (one, new), (other, former) = addressed_events(done)
    assert (one, other) == ("buiten", "crm")
    assert new.id != former.id and new.sequence == former.sequence == 2
    assert new.type == former.type == MOVED
    transfer = {
        "conversationId": desk.id,
        "from": "klantcontact",
        "department": "groen",
        "reason": "gaat over een boom",
        "by": {"token": "crm", "author": {"kind": "employee", "id": "sanne"}},
        "priority": "normal",
        "windowUntil": "2026-11-26T12:00:00Z",
    }
    assert data(new) == data(former) == transfer
    [record] = records_of(done)
    assert (record.kind, record.sequence, record.conversation) == ("conversation", 2, desk.id)
    archived = {"event": "transferred"} | {key: transfer[key] for key in ("from", "department")}
    archived["decision"] = {"rule": "_transfer", "reason": "overgedragen: gaat over een boom"}
    assert data(record) | archived == data(record)
    assert data(record)["by"]["author"]["id"] == "sanne"
    assert desk.now.departments == ("klantcontact", "groen")
    assert (desk.now.since, desk.now.sequence) == (at(2), 2)


def test_record_of_a_change_says_that_a_test_token_made_it() -> None:
    desk = Desk()
    orders: list[dict[str, Any]] = [
        {"type": "note", "text": "belde terug"},
        {"type": "transfer", "to_department": "groen"},
    ]
    for order in orders:
        [real] = records_of(desk.orders(**order))
        [test] = records_of(desk.orders(test=True, **order))
        assert data(test)["test"] is True and "test" not in data(real)


def test_transfer_within_one_destination_is_published_once() -> None:
    desk = Desk()
    [(destination, event)] = addressed_events(desk.orders("transfer", to_department="belastingen"))
    assert (destination, event.department) == ("crm", "belastingen")
    assert desk.now.reason == "overgedragen"


def test_transfer_to_the_same_department_is_archived_and_moves_nothing() -> None:
    desk = Desk()
    desk.hears("nog iets")
    before = desk.now
    done = desk.orders("transfer", to_department="klantcontact")
    assert decisions(done)[0].kind == "accepted"
    assert events(done) == [] and desk.now == before
    assert [(r.kind, r.sequence) for r in records_of(done)] == [("conversation", 2)]


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
def test_conversation_command_ends_at_done_and_ignores_delivery_statuses(
    type: str, more: dict[str, str]
) -> None:
    desk = Desk()
    given = desk.order(type, **more)
    done = desk.router.takes(given)
    assert decisions(done)[0].status == data(records_of(done)[0])["status"] == "done"
    assert desk.router.changes[-1].send is None
    stored = OutgoingStatus(
        id=given.id,
        tenant="almelo",
        number=NUMBER,
        conversation=desk.id,
        department=more.get("to_department", "klantcontact"),
        status="done",
        changed_at=at(2),
        type=type,
    )
    assert desk.router.outgoing[given.id] == stored
    read = statuses(status("w", "read", f"{given.id}.1"), second=8)
    assert events(desk.router.takes(read, outcome(given.id, "failed", second=9))) == []
    assert desk.router.outgoing[given.id] == stored


def test_meta_cannot_say_that_a_message_is_done() -> None:
    desk = Desk()
    answer = desk.order("text", text="Dag")
    desk.router.takes(answer, statuses(status("w", "done", f"{answer.id}.1"), second=9))
    assert desk.router.outgoing[answer.id].status == "accepted"


def test_rule_does_not_move_a_conversation_that_a_person_transferred() -> None:
    desk = Desk()
    for to, words in (("belastingen", "mijn container is vol"), ("klantcontact", "mijn container")):
        desk.orders("transfer", to_department=to)
        decision = desk.hears(words)
        assert (decision.department, decision.rule) == (to, "_transfer")
    assert desk.now.departments == ("klantcontact", "belastingen")


@pytest.mark.parametrize("type", ["text", "transfer", "close", "note", "link"])
@pytest.mark.parametrize(
    "whose", [{"department": "klantcontact"}, {"departments": ["klantcontact"]}]
)
def test_command_of_a_department_that_passed_the_conversation_on_is_refused(
    type: str, whose: dict[str, Any]
) -> None:
    desk = Desk()
    desk.orders("transfer", to_department="groen")
    before = desk.now
    done = desk.orders(type, to_department="klantcontact", zaak="ZAAK-1", **whose)
    [decision], changes = decisions(done), desk.router.changes[-1]
    assert (decision.kind, decision.reason) == ("refused", str(TRANSFERRED))
    assert changes.outgoing and changes.outgoing.status == "failed"
    assert events(done) == [] and desk.now == before
    [record] = records_of(done)
    assert record.conversation == "" and data(record)["status"] == "failed"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"to_department": "iets"}, str(NO_DEPARTMENT)),
        ({"tenant": "borne"}, str(NO_CONVERSATION)),
        ({"number": OTHER_NUMBER}, str(NO_CONVERSATION)),
        ({"conversation": f"{NUMBER}-aaaa"}, str(NO_CONVERSATION)),
        ({"conversation": "", "to": "31611111111"}, str(NO_CONVERSATION)),
    ],
)
def test_impossible_transfer_is_refused_with_its_reason(more: dict[str, Any], reason: str) -> None:
    desk = Desk()
    before = desk.now
    [decision] = decisions(desk.orders("transfer", **{"to_department": "groen"} | more))
    assert (decision.kind, decision.reason) == ("refused", reason)
    assert decision.tenant == more.get("tenant", "almelo")
    assert desk.now == before


def test_note_is_archived_in_its_place_and_reaches_neither_citizen_nor_crm() -> None:
    desk = Desk()
    note = desk.order("note", text="belt morgen terug")
    done = desk.router.takes(note)
    assert events(done) == [] and desk.router.changes[-1].send is None
    [record] = records_of(done)
    assert (record.kind, record.sequence, record.conversation) == ("note", 2, desk.id)
    archived = {"id": str(note.id), "text": "belt morgen terug", "department": "klantcontact"}
    archived["author"] = {"kind": "employee", "id": "sanne"}
    assert data(record) | archived == data(record)
    assert desk.hears("dank").sequence == 3


def test_zaak_is_not_published_to_a_department_that_the_conversation_has_left() -> None:
    desk = Desk()
    answer = desk.order("text", text="Goedemiddag")
    desk.router.takes(answer)
    for n, (to, word, zaak) in enumerate(
        [("belastingen", "delivered", None), ("klantcontact", "read", "ZAAK-klantcontact")]
    ):
        desk.orders("transfer", to_department=to)
        desk.orders("link", zaak=f"ZAAK-{to}")
        given = statuses(status("w", word, f"{answer.id}.1"), second=50 + n)
        [event] = events(desk.router.takes(given))
        assert (data(event)["department"], data(event).get("zaak")) == ("klantcontact", zaak)


def test_everything_after_a_link_carries_the_zaak() -> None:
    desk = Desk()
    linked = desk.orders("link", zaak="ZAAK-2026-12")
    [told], [record] = events(linked), records_of(linked)
    assert data(told) == {
        "conversationId": desk.id,
        "department": "klantcontact",
        "by": {"token": "crm", "author": {"kind": "employee", "id": "sanne"}},
        "zaak": "ZAAK-2026-12",
    }
    assert (told.type, told.sequence) == (CASE_LINKED, record.sequence)
    assert events(desk.orders("link", zaak="ZAAK-2026-12")) == []  # nothing new
    assert (data(record)["event"], data(record)["zaak"]) == ("linked", "ZAAK-2026-12")
    answer = desk.order("text", text="Dag")
    said = desk.router.takes(
        writes(19, "container"),
        answer,
        statuses(status("w", "read", f"{answer.id}.1"), second=21),
        desk.order("transfer", to_department="belastingen"),
        desk.order("close"),
    )
    assert [e.type for e in events(said)] == [MOVED, RECEIVED, STATUS_CHANGED, MOVED, MOVED, CLOSED]
    assert {data(event)["zaak"] for event in events(said)} == {"ZAAK-2026-12"}
    messages = [r for r in records_of(said) if r.kind == "message"]
    assert [data(r)["zaak"] for r in messages] == ["ZAAK-2026-12"] * 2


def test_repeated_conversation_commands_give_the_same_bytes_again() -> None:
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
