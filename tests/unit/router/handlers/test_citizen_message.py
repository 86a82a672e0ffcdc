"""Citizens' messages: departments, order, events, records; and what comes again or unverified."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from router.handlers.units import parse_items
from router.model.work import UNPROVEN
from router.output.archive_records import receipt_record
from services.config.model import parse
from services.contract import Receipt
from services.event_types import RECEIVED, STATUS_CHANGED, TRANSFERRED
from services.whatsapp.parser import routing_keys
from tests.support.router.commands import command
from tests.support.router.decisions import addressed_events, data, decisions, events, records_of
from tests.support.router.harness import CONFIG, TOML, Router
from tests.support.router.names import ANNA, BERT, BORNE, NUMBER, OTHER_NUMBER, WABA, at
from tests.support.router.webhooks import (
    body,
    change,
    inbound,
    outcome,
    receipt,
    status,
    statuses,
    text,
    writes,
)

CONTAINER = '"container" staat erin (regel afval)'
encode = msgspec.msgpack.encode


def test_first_message_that_matches_a_rule_decides_the_department() -> None:
    words = ["hallo", "ik heb een vraag", "over mijn container", "en mijn woz", "dank u"]
    went = decisions(Router().takes(*(writes(n, word) for n, word in enumerate(words))))
    desk, waste = ("klantcontact", "", "crm"), ("groen", "afval", "buiten")
    where = [(d.department, d.rule, d.destination) for d in went]
    assert where == [desk, desk, waste, waste, waste]
    assert [d.moved_from for d in went] == ["", "", "klantcontact", "", ""]
    assert len({d.conversation for d in went}) == 1
    assert [d.sequence for d in went] == [1, 2, 4, 5, 6]
    assert went[4].reason == went[2].reason == CONTAINER


def test_transfer_event_comes_just_before_the_message_that_caused_it() -> None:
    router = Router()
    assert [e.type for e in events(router.takes(writes(0, "hallo")))] == [RECEIVED]
    moved = router.takes(writes(1, "mijn container"))
    transfer, message = events(moved)
    assert (transfer.type, message.type) == (TRANSFERRED, RECEIVED)
    assert (transfer.sequence, message.sequence) == (2, 3)
    assert transfer.id != message.id and transfer.message is None
    assert data(transfer) == {
        "conversationId": message.conversation,
        "from": "klantcontact",
        "department": "groen",
        "reason": CONTAINER,
        "priority": "normal",
        "windowUntil": data(message)["windowUntil"],
    }
    numbered = [(r.kind, r.sequence) for r in records_of(moved)]
    assert numbered == [("conversation", 2), ("message", 3)]
    assert router.conversations[message.conversation].since == at(1)


def test_transfer_is_published_to_both_destinations() -> None:
    router = Router()
    router.takes(writes(0, "hallo"))
    (there, new), (left, old), _ = addressed_events(router.takes(writes(1, "mijn container")))
    assert (there, left) == ("buiten", "crm")
    assert new.id != old.id and msgspec.structs.replace(old, id=new.id) == new
    one = Router()
    one.takes(writes(0, "hallo"))
    assert [to for to, _ in addressed_events(one.takes(writes(1, "mijn woz")))] == ["crm", "crm"]


def test_rule_for_the_fallback_decides_without_a_transfer() -> None:
    router = Router()
    words = enumerate(["hallo", "mijn woz", "mijn container"])
    messages = [(n, text(f"wamid.{n}", word, **ANNA)) for n, word in words]
    went = decisions(
        router.takes(*(inbound(m, second=n, number=OTHER_NUMBER) for n, m in messages))
    )
    assert [(d.department, d.rule) for d in went] == [
        ("belastingen", rule) for rule in ("", "geld", "geld")
    ]
    assert all(d.transfer is None for d in went)
    assert [c.since for c in router.conversations.values()] == [at(0)]


def test_event_holds_all_that_its_contract_promises() -> None:
    router = Router()
    said = router.takes(inbound(text("w", "mijn container", **ANNA, kind="image"), second=3))
    [event], [decision] = events(said), decisions(said)
    assert (event.tenant, event.department, event.time) == ("almelo", "groen", at(3))
    assert event.message == decision.message
    file = {"id": str(event.message), "link": f"/v1/media/{event.message}"}
    people = [{"kind": "bsuid", "value": "NL.anna"}, {"kind": "phone", "value": "31611111111"}]
    assert data(event) == {
        "conversationId": event.conversation,
        "messageId": str(decision.message),
        "department": "groen",
        "type": "image",
        "text": "mijn container",
        "choice": "",
        "author": {"kind": "citizen"},
        "from": {"identities": people, "name": ""},
        "receivedAt": "2026-11-25T12:00:03Z",
        "sentAt": "2026-11-25T12:00:00Z",
        "media": [file | {"mimeType": "", "filename": ""}],
        "decision": {"rule": "afval", "reason": CONTAINER},
        "provisional": False,
        "task": True,
        "reopened": False,
        "sensitive": [],
        "windowUntil": "2026-11-26T12:00:00Z",
        "priority": "normal",
    }


def test_every_item_leaves_a_record_with_its_own_bytes_and_its_receipt() -> None:
    content = body(change(NUMBER, messages=[text("wamid.1", "één", **ANNA)]))
    came = receipt(content, second=1)
    said = Router().takes(came)
    [decision], (opening, record) = decisions(said), records_of(said)
    assert (opening.kind, opening.sequence, opening.message) == ("conversation", 0, None)
    assert (record.kind, record.sequence, record.message) == ("message", 1, decision.message)
    assert opening.raw == b"" and record.raw in content and record.id != record.message
    assert msgspec.json.decode(record.raw)["text"]["body"] == "één"
    assert data(record)["direction"] == "in"
    assert record.receipt == opening.receipt == came.id
    assert (record.item_index, opening.item_index) == (0, None)
    envelope = receipt_record(came, parse_items(came) or ())
    assert (envelope.id, envelope.kind) == (came.id, "receipt")
    assert envelope.raw == content.replace(record.raw, b"")


def test_citizens_municipalities_and_numbers_do_not_share_a_conversation() -> None:
    router = Router()
    router.takes(
        writes(1, "hallo"),
        writes(2, "hallo", **BERT),
        inbound(text("wamid.1", "mijn container", **ANNA), number=BORNE),
        inbound(text("wamid.1", "hallo", **ANNA), number=OTHER_NUMBER),
    )
    assert sorted((c.number, c.tenant, c.department) for c in router.conversations.values()) == [
        *[(NUMBER, "almelo", "klantcontact")] * 2,
        (OTHER_NUMBER, "almelo", "belastingen"),
        (BORNE, "borne", "klantcontact"),
    ]
    assert all(c.id.startswith(f"{c.number}-") for c in router.conversations.values())


def test_conversation_of_commands_messages_and_statuses_has_no_number_twice() -> None:
    router = Router()
    opening = router.takes(writes(0, "hallo"), writes(99, "mijn container"))
    conversation = decisions(opening)[0].conversation
    entries: list[Any] = []
    for n in range(5):
        order = command(str(n), second=n, conversation=conversation)
        entries += [
            order,
            statuses(status(f"wamid.ours.{n}", "sent", f"{order.id}.1"), second=n + 10),
            outcome(order.id, "sent", second=n + 10, wamid=f"wamid.ours.{n}"),
            writes(100 + n, "mijn woz" if n == 2 else "en?"),
            statuses(status(f"wamid.ours.{n}", "read"), second=n + 20),
            statuses(status(f"wamid.ours.{n}", "delivered"), second=n + 21),
        ]
    said = [*opening, *router.takes(*entries)]
    numbered = [d.sequence for d in decisions(said) if d.sequence]
    published = [e.sequence for e in events(said)]
    archived = [r.sequence for r in records_of(said) if r.sequence and r.kind != "conversation"]
    for numbers in (numbered, published):
        assert all(one < other for one, other in pairwise(numbers))
    assert len(set(archived)) == len(archived)
    # A command, a message and two statuses each; `delivered` after `read` is no event; one move,
    # before somebody answered and none after.
    assert router.conversations[conversation].sequence == 1 + 2 + 5 * 4


ECHO = text("wamid.1", "container")
HISTORY = [{"threads": [{"id": "316", "messages": [ECHO]}]}]
ECHOES = {
    "group": change(NUMBER, messages=[text("wamid.1", "container", **ANNA) | {"group_id": "g"}]),
    "echo": change(
        NUMBER, "smb_message_echoes", message_echoes=[ECHO | {"from": "31546541111", "to": "316"}]
    ),
    "history": change(NUMBER, "history", history=HISTORY),
}


@pytest.mark.parametrize("content", ECHOES.values(), ids=ECHOES)
def test_groups_echoes_and_history_are_archived_and_start_nothing(content: dict[str, Any]) -> None:
    router = Router()
    done = router.takes(receipt(body(content)))
    [decision], [record] = decisions(done), records_of(done)
    assert (decision.kind, decision.tenant) == ("archived", "almelo")
    assert (record.kind, record.tenant, record.conversation) == ("message", "almelo", "")
    assert data(record)["direction"] == "echo"
    assert events(done) == [] and router.conversations == {} and router.identities == {}


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
    done = Router().takes(receipt(content))
    [decision] = decisions(done)
    assert decision.kind == "quarantined" and reason in decision.reason
    [aside] = records_of(done)
    assert events(done) == [] and aside.kind == "quarantine"
    assert data(aside).items() >= {"reason": decision.reason, "refusal": ""}.items()


def test_bad_item_does_not_affect_the_others_of_its_body() -> None:
    messages = [text("wamid.1", "hallo", **ANNA), 7, text("wamid.2", "container", **ANNA)]
    done = Router().takes(receipt(body(change(NUMBER, messages=messages))))
    assert [d.kind for d in decisions(done)] == ["message", "quarantined", "message"]
    assert [e.type for e in events(done)] == [RECEIVED, TRANSFERRED, RECEIVED]


def test_conversation_of_a_removed_department_is_decided_again() -> None:
    """Its destination would be nowhere, and a batch that can go nowhere stops its partition."""
    router = Router()
    conversation = decisions(router.takes(writes(0, "mijn container")))[0].conversation
    order = command("a", second=1, conversation=conversation)
    router.takes(order)
    without = TOML.replace('id = "groen"', 'id = "buiten"').replace('"groen"', '"buiten"')
    later = Router(parse(without, "postkamer.toml"))
    later.inbox, later.outgoing = router.inbox, router.outgoing
    later.conversations, later.identities = router.conversations, router.identities
    sent = statuses(status("wamid.ours", "sent", f"{order.id}.1"), second=2)
    assert events(later.takes(sent)) == []
    transfer, message = events(later.takes(writes(3, "bent u er nog?")))
    assert (transfer.type, message.type) == (TRANSFERRED, RECEIVED)
    assert message.department == "klantcontact" and data(transfer)["from"] == "groen"
    [read] = events(later.takes(statuses(status("wamid.ours", "read"), second=4)))
    assert (read.type, read.department) == (STATUS_CHANGED, "klantcontact")


# Messages that come again: a repeat in another receipt is old, the same receipt is decided alike.


def every_kind_of_entry() -> list[Any]:
    order = command("a", second=1, to="31611111111")
    return [
        writes(0, "hallo"),
        order,
        writes(2, "mijn container"),
        statuses(status("wamid.ours", "delivered", f"{order.id}.1"), second=3),
        outcome(order.id, "sent", second=4, wamid="wamid.ours"),
        statuses(status("wamid.ours", "sent"), second=5),
        receipt(b"no JSON", second=6),
    ]


def test_every_event_has_a_destination_of_the_configuration() -> None:
    destinations = {each.id for each in CONFIG.destinations}
    said = decisions(Router().takes(*every_kind_of_entry(), writes(7, "woz")))
    assert {d.destination for d in said if d.event or d.transfer} <= destinations


def test_message_repeated_in_another_receipt_is_not_published_again() -> None:
    router = Router()
    message = text("wamid.1", "hallo", **ANNA)
    router.takes(inbound(message))
    assert router.takes(inbound(message, second=60)) == []
    assert router.takes(inbound(message, text("wamid.2", "container", **ANNA), second=70)) != []
    assert [c.sequence for c in router.conversations.values()] == [3]


def test_repeated_receipt_gives_the_same_bytes_again() -> None:
    router, entries = Router(), every_kind_of_entry()
    first = router.takes(*entries)
    before = (dict(router.conversations), dict(router.outgoing), dict(router.identities))
    assert records_of(first)
    for again in (router.takes(*entries), [d for e in entries for d in router.takes(e)]):
        assert encode(records_of(again)) == encode(records_of(first))
        assert encode(events(again)) == encode(events(first))
    assert before == (router.conversations, router.outgoing, router.identities)


def test_message_twice_in_one_body_or_batch_is_published_once() -> None:
    router = Router()
    message = text("wamid.1", "hallo", **ANNA)
    assert len(router.takes(inbound(message, message), inbound(message, second=1))) == 1
    assert len(router.takes(inbound(message, message))) == 1


def test_body_of_several_numbers_is_decided_once_for_each() -> None:
    content = body(
        *(
            change(number, messages=[text(f"wamid.{number}", "hallo", **ANNA)])
            for number in (NUMBER, OTHER_NUMBER, BORNE)
        ),
        {"field": "account_update", "value": {"event": "ACCOUNT_DELETED"}},
    )
    keys = [[NUMBER, ""], [OTHER_NUMBER, f"waba:{WABA}"], [BORNE]]
    all_keys = [key for own in keys for key in own]
    assert sorted(all_keys) == sorted([*routing_keys(content), ""])
    kinds = [[d.kind for d in decisions(Router().takes(receipt(content, keys=k)))] for k in keys]
    assert kinds == [["message"], ["message", "archived"], ["message"]]
    # All of them in one partition, in one copy or in three: the same again.
    together = Router().takes(receipt(content, keys=all_keys))
    apart = Router().takes(*(receipt(content, keys=own) for own in keys))
    assert len(together) == len(apart) == 4


# Items under a signature that does not prove their number.


def forged(content: bytes, *unproven: str, second: float = 0) -> Receipt:
    came = receipt(content, second=second, keys=[NUMBER, OTHER_NUMBER], name=f"forged {second}")
    return msgspec.structs.replace(came, unproven=list(unproven))


def test_unverified_item_is_quarantined_and_makes_nothing_a_repeat() -> None:
    router = Router()
    mine, other = (
        change(number, messages=[text("wamid.1", "hallo", **ANNA)])
        for number in (NUMBER, OTHER_NUMBER)
    )
    said = router.takes(forged(body(mine, other), OTHER_NUMBER))
    assert [d.kind for d in decisions(said)] == ["message", "quarantined"]
    assert decisions(said)[1].reason == UNPROVEN
    assert records_of(said)[-1].kind == "quarantine" and b"wamid.1" in records_of(said)[-1].raw
    assert {c.number for c in router.conversations.values()} == {NUMBER}
    # Published again for the same receipt, a repeat in another one, and the real one is news.
    assert len(router.takes(forged(body(mine, other), OTHER_NUMBER))) == 2
    assert router.takes(forged(body(other), OTHER_NUMBER, second=5)) == []
    real = router.takes(receipt(body(other), second=9))
    assert [d.kind for d in decisions(real)] == ["message"]


def test_two_forgeries_of_one_message_are_both_quarantined() -> None:
    router = Router()
    for n, words in enumerate(["een", "twee"]):
        message = text("wamid.1", words, **ANNA)
        said = router.takes(forged(body(change(NUMBER, messages=[message])), NUMBER, second=n))
        assert [d.kind for d in decisions(said)] == ["quarantined"]


def test_event_of_a_text_announces_no_file() -> None:
    [event] = events(Router().takes(inbound(text("wamid.1", "hallo", **ANNA))))
    assert data(event)["media"] == []
