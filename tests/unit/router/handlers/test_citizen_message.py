"""Whole conversations through the router's decision: departments, order, what is said to whom."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from router.handlers.units import parse_items
from router.output.archive_records import receipt_record
from router.output.crm_events import RECEIVED, STATUS_CHANGED, TRANSFERRED
from services.config.model import parse
from tests.support.router.commands import command
from tests.support.router.decisions import addressed_events, decisions, events, records_of
from tests.support.router.harness import CONFIG, TOML, Router
from tests.support.router.webhooks import (
    BORNE,
    NUMBER,
    OTHER_NUMBER,
    at,
    body,
    change,
    inbound,
    outcome,
    receipt,
    status,
    statuses,
    text,
)

ANNA = {"bsuid": "NL.anna", "phone": "31611111111"}


def said(n: int, words: str, **who: str) -> Any:
    """Message number n of Anna, or of whoever is named."""
    return inbound(text(f"wamid.{n}", words, **(who or ANNA)), second=n)


def test_first_message_that_matches_a_rule_decides_the_department() -> None:
    router = Router()
    words = ["hallo", "ik heb een vraag", "over mijn container", "en mijn woz", "dank u"]
    went = decisions(router.takes(*(said(n, word) for n, word in enumerate(words))))
    assert [d.department for d in went] == ["klantcontact", "klantcontact", *["groen"] * 3]
    assert [d.rule for d in went] == ["", "", "afval", "afval", "afval"]
    assert [d.destination for d in went] == ["crm", "crm", "buiten", "buiten", "buiten"]
    assert [d.moved_from for d in went] == ["", "", "klantcontact", "", ""]
    assert len({d.conversation for d in went}) == 1
    assert [d.sequence for d in went] == [1, 2, 4, 5, 6]
    assert went[4].reason == went[2].reason == '"container" staat erin (regel afval)'


def test_transfer_event_comes_just_before_the_message_that_caused_it() -> None:
    router = Router()
    first = router.takes(said(0, "hallo"))
    moved = router.takes(said(1, "mijn container"))
    assert [e.type for e in events(first)] == [RECEIVED]
    transfer, message = events(moved)
    assert (transfer.type, message.type) == (TRANSFERRED, RECEIVED)
    assert (transfer.sequence, message.sequence) == (2, 3)
    assert transfer.id != message.id
    assert transfer.message is None
    assert msgspec.json.decode(transfer.data) == {
        "conversationId": message.conversation,
        "from": "klantcontact",
        "department": "groen",
        "reason": '"container" staat erin (regel afval)',
    }
    assert [(r.kind, r.sequence) for r in records_of(moved)] == [
        ("conversation", 2),
        ("message", 3),
    ]
    assert router.conversations[message.conversation].since == at(1)


def test_transfer_between_destinations_is_told_to_both() -> None:
    router = Router()
    router.takes(said(0, "hallo"))
    (there, new), (left, old), _ = addressed_events(router.takes(said(1, "mijn container")))
    assert (there, left) == ("buiten", "crm")
    assert new.id != old.id
    assert msgspec.structs.replace(old, id=new.id) == new
    one = Router()
    one.takes(said(0, "hallo"))
    assert [to for to, _ in addressed_events(one.takes(said(1, "mijn woz")))] == ["crm", "crm"]


def test_rule_for_the_fallback_decides_without_a_transfer() -> None:
    router = Router()
    number = OTHER_NUMBER
    first = inbound(text("wamid.1", "hallo", **ANNA), number=number)
    second = inbound(text("wamid.2", "mijn woz", **ANNA), second=1, number=number)
    third = inbound(text("wamid.3", "mijn container", **ANNA), second=2, number=number)
    went = decisions(router.takes(first, second, third))
    assert [d.department for d in went] == ["belastingen"] * 3
    assert [d.rule for d in went] == ["", "geld", "geld"]
    assert all(d.transfer is None for d in went)
    [conversation] = router.conversations.values()
    assert conversation.since == at(0)


def test_an_event_tells_a_crm_what_the_contract_with_it_promises() -> None:
    router = Router()
    message = text("wamid.1", "mijn container", **ANNA, kind="image")
    [event] = events(router.takes(inbound(message, second=3)))
    [decision] = [d for _, d in router.inbox.values()]
    assert (event.tenant, event.department, event.time) == ("almelo", "groen", at(3))
    assert event.message == decision.message
    assert msgspec.json.decode(event.data) == {
        "conversationId": event.conversation,
        "messageId": str(decision.message),
        "department": "groen",
        "type": "image",
        "text": "mijn container",
        "choice": "",
        "from": {
            "identities": [
                {"kind": "bsuid", "value": "NL.anna"},
                {"kind": "phone", "value": "31611111111"},
            ],
            "name": "",
        },
        "receivedAt": "2026-11-25T12:00:03Z",
        "sentAt": "2026-11-25T12:00:00Z",
        "media": [
            {
                "id": str(event.message),
                "mimeType": "",
                "filename": "",
                "link": f"/v1/media/{event.message}",
            }
        ],
        "decision": {"rule": "afval", "reason": '"container" staat erin (regel afval)'},
        "provisional": False,
        "task": True,
        "reopened": False,
        "sensitive": [],
        "windowUntil": "2026-11-26T12:00:00Z",
        "priority": "normal",
    }


def test_every_item_leaves_a_record_with_its_own_bytes_and_its_receipt() -> None:
    router = Router()
    content = body(change(NUMBER, messages=[text("wamid.1", "één", **ANNA)]))
    came = receipt(content, second=1)
    opening, record = records_of(router.takes(came))
    assert (opening.kind, record.kind) == ("conversation", "message")
    assert (opening.sequence, record.sequence) == (0, 1)
    assert opening.raw == b"" and record.raw in content
    assert msgspec.json.decode(record.raw)["text"]["body"] == "één"
    assert msgspec.json.decode(record.data)["direction"] == "in"
    assert record.receipt == opening.receipt == came.id
    [decision] = [d for _, d in router.inbox.values()]
    assert (record.message, opening.message) == (decision.message, None)
    assert record.id != record.message
    assert (record.item_index, opening.item_index) == (0, None)
    envelope = receipt_record(came, parse_items(came) or ())
    assert (envelope.id, envelope.kind) == (came.id, "receipt")
    assert envelope.raw == content.replace(record.raw, b"")


def test_citizens_municipalities_and_numbers_do_not_share_a_conversation() -> None:
    router = Router()
    router.takes(
        said(1, "hallo"),
        said(2, "hallo", bsuid="NL.bert"),
        inbound(text("wamid.1", "mijn container", **ANNA), number=BORNE),
        inbound(text("wamid.1", "hallo", **ANNA), number=OTHER_NUMBER),
    )
    assert sorted((c.number, c.tenant, c.department) for c in router.conversations.values()) == [
        (NUMBER, "almelo", "klantcontact"),
        (NUMBER, "almelo", "klantcontact"),
        (OTHER_NUMBER, "almelo", "belastingen"),
        (BORNE, "borne", "klantcontact"),
    ]
    assert all(c.id.startswith(f"{c.number}-") for c in router.conversations.values())


def test_a_conversation_of_orders_messages_and_statuses_has_no_number_twice() -> None:
    router = Router()
    opening = router.takes(said(0, "hallo"), said(99, "mijn container"))
    conversation = decisions(opening)[0].conversation
    orders = [command(str(n), second=n, conversation=conversation) for n in range(5)]
    entries: list[Any] = []
    for n, order in enumerate(orders):
        entries += [
            order,
            statuses(status(f"wamid.ours.{n}", "sent", f"{order.id}.1"), second=n + 10),
            outcome(order.id, "sent", second=n + 10, wamid=f"wamid.ours.{n}"),
            said(100 + n, "mijn woz" if n == 2 else "en?"),
            statuses(status(f"wamid.ours.{n}", "read"), second=n + 20),
            statuses(status(f"wamid.ours.{n}", "delivered"), second=n + 21),
        ]
    said_all = [*opening, *router.takes(*entries)]
    order_of = [d.sequence for d in decisions(said_all) if d.sequence]
    assert all(one < other for one, other in pairwise(order_of))
    sequences = [e.sequence for e in events(said_all)]
    assert len(set(sequences)) == len(sequences)
    assert sequences == sorted(sequences)
    numbered = [r.sequence for r in records_of(said_all) if r.sequence and r.kind != "conversation"]
    assert len(set(numbered)) == len(numbered)
    # An order, a message and two statuses each; `delivered` after `read` tells nothing; one move,
    # before somebody answered and none after.
    assert router.conversations[conversation].sequence == 1 + 2 + 5 * 4


@pytest.mark.parametrize(
    "content",
    [
        change(NUMBER, messages=[text("wamid.1", "container", **ANNA) | {"group_id": "g"}]),
        change(
            NUMBER,
            "smb_message_echoes",
            message_echoes=[text("wamid.1", "container") | {"from": "31546541111", "to": "316"}],
        ),
        change(
            NUMBER,
            "history",
            history=[{"threads": [{"id": "316", "messages": [text("wamid.1", "container")]}]}],
        ),
    ],
    ids=["group", "echo", "history"],
)
def test_groups_echoes_and_history_are_kept_and_start_nothing(content: dict[str, Any]) -> None:
    router = Router()
    done = router.takes(receipt(body(content)))
    [decision] = decisions(done)
    assert (decision.kind, decision.tenant) == ("archived", "almelo")
    assert events(done) == []
    [record] = records_of(done)
    assert (record.kind, record.tenant, record.conversation) == ("message", "almelo", "")
    assert msgspec.json.decode(record.data)["direction"] == "echo"
    assert router.conversations == {} and router.identities == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no JSON", "the body cannot be read"),
        (body(change("99999999", messages=[text("w", "x", **ANNA)])), "the number is not in"),
        (body(change(NUMBER, messages=[text("w", "x")])), "the sender has no identity"),
        (body(change(NUMBER, messages=[7])), "no object"),
        (body(change(NUMBER, "a new field")), "unknown field"),
    ],
)
def test_undecidable_item_is_quarantined_with_its_reason(content: bytes, reason: str) -> None:
    router = Router()
    done = router.takes(receipt(content))
    [decision] = decisions(done)
    assert decision.kind == "quarantined"
    assert reason in decision.reason
    assert events(done) == []
    assert [r.kind for r in records_of(done)] == ["quarantine"]


def test_bad_item_does_not_affect_the_others_of_its_body() -> None:
    router = Router()
    messages = [text("wamid.1", "hallo", **ANNA), 7, text("wamid.2", "container", **ANNA)]
    done = router.takes(receipt(body(change(NUMBER, messages=messages))))
    assert [d.kind for d in decisions(done)] == ["message", "quarantined", "message"]
    assert [e.type for e in events(done)] == [RECEIVED, TRANSFERRED, RECEIVED]


def test_a_conversation_whose_department_is_gone_is_decided_again() -> None:
    """Its destination would be nowhere, and a batch that can go nowhere stops its partition."""
    router = Router()
    conversation = decisions(router.takes(said(0, "mijn container")))[0].conversation
    order = command("a", second=1, conversation=conversation)
    router.takes(order)
    without = TOML.replace('id = "groen"', 'id = "buiten"').replace('"groen"', '"buiten"')
    later = Router(parse(without, "postkamer.toml"))
    later.inbox, later.outgoing = router.inbox, router.outgoing
    later.conversations, later.identities = router.conversations, router.identities
    done = later.takes(statuses(status("wamid.ours", "sent", f"{order.id}.1"), second=2))
    assert events(done) == []
    transfer, message = events(later.takes(said(3, "bent u er nog?")))
    assert (transfer.type, message.type) == (TRANSFERRED, RECEIVED)
    assert message.department == "klantcontact"
    assert msgspec.json.decode(transfer.data)["from"] == "groen"
    [delivered] = events(later.takes(statuses(status("wamid.ours", "read"), second=4)))
    assert (delivered.type, delivered.department) == (STATUS_CHANGED, "klantcontact")


def test_every_event_has_a_destination_of_the_configuration() -> None:
    router = Router()
    order = command("a", second=1, to="31611111111")
    entries = [said(0, "hallo"), order, said(2, "container"), said(3, "woz")]
    later = [statuses(status("w", word, f"{order.id}.1"), second=9) for word in ("sent", "read")]
    for decision in decisions(router.takes(*entries, *later)):
        if decision.event or decision.transfer:
            assert decision.destination in {d.id for d in CONFIG.destinations}
