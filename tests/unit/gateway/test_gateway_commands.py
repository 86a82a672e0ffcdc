"""An order meets its token and the configuration: a command for the router, or what stands against
it; and a key stands for the same order now and after any restart."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway import bodies, changes
from gateway.commands import (
    Given,
    change,
    faults,
    merge_faults,
    message,
    saying,
    saying_faults,
    time_faults,
)
from gateway.keys import command_id, fingerprint, is_key
from gateway.reading import read
from gateway.standing import Held
from services.access import Rights
from services.config import parse
from services.contract import Author, Command

NUMBER, NEIGHBOUR = "106540352242922", "206540352242923"
CONVERSATION = f"{NUMBER}-{'a2' * 13}"
OTHER_CONVERSATION = f"{NUMBER}-{'b3' * 13}"
CONFIG = parse(
    f"""
    [[tenants]]
    id = "almelo"
    name = "Almelo"
    disclosure = "Dit schreef een machine."
    [[tenants]]
    id = "hengelo"
    name = "Hengelo"
    [[numbers]]
    id = "{NUMBER}"
    tenant = "almelo"
    fallback = "kcc"
    [[numbers]]
    id = "{NEIGHBOUR}"
    tenant = "hengelo"
    fallback = "balie"
    [[departments]]
    id = "kcc"
    tenant = "almelo"
    name = "KCC"
    destination = "crm"
    [[departments]]
    id = "zorg"
    tenant = "almelo"
    name = "Zorg"
    destination = "crm"
    [[departments]]
    id = "balie"
    tenant = "hengelo"
    name = "Balie"
    destination = "crm"
    [[destinations]]
    id = "crm"
    kind = "cloudevents"
    url = "https://crm.example/"
    """,
    "postkamer.toml",
)
HELD = Held(CONVERSATION, "almelo", NUMBER, "kcc", ("kcc",))
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
OTHER = "01a21293-b603-7000-8000-000000000001"
TO_NUMBER: dict[str, Any] = {
    "number": NUMBER,
    "to": "+31611111111",
    "type": "text",
    "text": {"body": "Goedemiddag"},
}
IN_CONVERSATION: dict[str, Any] = {
    "conversationId": CONVERSATION,
    "type": "text",
    "text": {"body": "Goedemiddag"},
}


def rights(*departments: str, people: bool = False) -> Rights:
    return Rights(
        name="crm",
        tenant="almelo",
        roles=frozenset(["send"]),
        departments=frozenset(departments),
        people=people,
    )


def body(kind: TypeAdapter[Any], given: dict[str, Any]) -> Any:
    found = read(msgspec.json.encode(given), kind)
    assert not isinstance(found, list), found
    return found


def pointers(given: dict[str, Any], token: Rights) -> list[str]:
    return [fault.pointer for fault in faults(body(bodies.MESSAGE, given), token, CONFIG)]


def commanded(given: dict[str, Any], held: Held | None = None) -> Command:
    by = Given(rights=rights("kcc"), id=uuid.UUID(OTHER), at=AT)
    return message(body(bodies.MESSAGE, given), held, by, CONFIG)


def test_a_text_to_a_number_is_a_command_of_that_number() -> None:
    assert commanded(TO_NUMBER) == Command(
        id=uuid.UUID(OTHER),
        received_at=AT,
        token="crm",
        type="text",
        text="Goedemiddag",
        content=b'{"type":"text","text":{"body":"Goedemiddag","preview_url":false}}',
        number=NUMBER,
        to="31611111111",
        tenant="almelo",
        departments=["kcc"],
    )


def test_an_answer_is_a_command_of_its_conversation() -> None:
    said = commanded(IN_CONVERSATION | {"replyTo": OTHER, "department": "kcc"}, HELD)
    assert (said.conversation, said.number, said.to) == (CONVERSATION, NUMBER, "")
    assert (said.about, said.department) == (uuid.UUID(OTHER), "kcc")


def test_a_reaction_is_about_a_message_and_a_file_goes_along() -> None:
    reaction = {"type": "reaction", "reaction": {"messageId": OTHER, "emoji": "👍"}}
    said = commanded({"conversationId": CONVERSATION} | reaction, HELD)
    assert (said.type, said.about) == ("reaction", uuid.UUID(OTHER))
    photo = {"type": "media", "media": {"kind": "image", "id": OTHER, "caption": "Uw straat"}}
    said = commanded({"conversationId": CONVERSATION} | photo, HELD)
    assert (said.type, said.media, said.text) == ("image", uuid.UUID(OTHER), "Uw straat")


def test_under_what_a_machine_wrote_it_says_so() -> None:
    said = commanded(IN_CONVERSATION | {"author": {"kind": "automated", "id": "bot"}}, HELD)
    assert said.text == "Goedemiddag\n\nDit schreef een machine."
    assert msgspec.json.decode(said.content)["text"]["body"] == said.text
    assert said.author == Author(kind="automated", id="bot")
    for kind in ("employee", "system"):
        said = commanded(IN_CONVERSATION | {"author": {"kind": kind, "id": "x"}}, HELD)
        assert said.text == "Goedemiddag"


@pytest.mark.parametrize(
    ("kind", "caption", "expected"),
    [
        ("image", None, "Dit schreef een machine."),
        ("video", None, "Dit schreef een machine."),
        ("document", None, "Dit schreef een machine."),
        ("image", "Uw straat", "Uw straat\n\nDit schreef een machine."),
        ("audio", None, None),
        ("sticker", None, None),
    ],
)
def test_under_a_file_of_a_machine_it_says_so_where_words_can_stand(
    kind: str, caption: str | None, expected: str | None
) -> None:
    media = {"kind": kind, "id": OTHER} | ({"caption": caption} if caption else {})
    sent = {"conversationId": CONVERSATION, "type": "media", "media": media}
    said = commanded(sent | {"author": {"kind": "automated"}}, HELD)
    assert msgspec.json.decode(said.content)[kind].get("caption") == expected
    assert said.text == (expected or "")
    by_hand = commanded(sent | {"author": {"kind": "system"}}, HELD)
    assert msgspec.json.decode(by_hand.content)[kind].get("caption") == caption


def test_what_a_machine_wrote_leaves_room_to_say_so() -> None:
    longest = IN_CONVERSATION | {"text": {"body": "a" * 4096}}
    assert pointers(longest, rights()) == []
    automated = longest | {"author": {"kind": "automated"}}
    assert pointers(automated, rights()) == ["/text/body"]


@pytest.mark.parametrize(
    ("given", "token", "expected"),
    [
        (TO_NUMBER, rights(), []),
        (TO_NUMBER, rights("kcc"), []),
        (TO_NUMBER, rights("kcc", "zorg"), []),
        (TO_NUMBER, rights("zorg"), []),
        (TO_NUMBER, rights("zorg", "balie"), ["/department"]),
        (TO_NUMBER | {"department": "zorg"}, rights("zorg", "balie"), []),
        (TO_NUMBER | {"department": "zorg"}, rights("kcc"), ["/department"]),
        (TO_NUMBER | {"department": "niets"}, rights(), ["/department"]),
        (TO_NUMBER | {"department": "balie"}, rights(), ["/department"]),
        (TO_NUMBER | {"number": NEIGHBOUR}, rights(), ["/number"]),
        (TO_NUMBER | {"number": "1"}, rights(), ["/number"]),
        (IN_CONVERSATION, rights(people=True), ["/author"]),
        (IN_CONVERSATION | {"author": {"kind": "employee"}}, rights(people=True), ["/author/id"]),
        (IN_CONVERSATION | {"author": {"kind": "system"}}, rights(people=True), []),
        (IN_CONVERSATION | {"author": {"kind": "employee", "id": "s"}}, rights(people=True), []),
    ],
)
def test_what_stands_against_a_message(
    given: dict[str, Any], token: Rights, expected: list[str]
) -> None:
    assert pointers(given, token) == expected


CHANGES: list[tuple[TypeAdapter[Any], dict[str, Any], dict[str, Any]]] = [
    (
        changes.TRANSFER,
        {"department": "zorg", "reason": "Wmo", "from": "kcc"},
        {"type": "transfer", "to_department": "zorg", "reason": "Wmo", "department": "kcc"},
    ),
    (changes.TRANSFER, {"reason": "x"}, {"type": "transfer", "reason": "x"}),
    (
        changes.TRANSFER,
        {"reason": "x", "department": "zorg", "employee": "m.devries"},
        {"type": "transfer", "reason": "x", "to_department": "zorg", "employee": "m.devries"},
    ),
    (changes.CLOSE, {}, {"type": "close"}),
    (changes.CLOSE, {"reason": "klaar"}, {"type": "close", "reason": "klaar"}),
    (changes.NOTE, {"text": "Belde ook al"}, {"type": "note", "text": "Belde ook al"}),
    (changes.CLOSE, {"outcome": "handled"}, {"type": "close", "outcome": "handled"}),
    (changes.TIE, {"zaak": "ZAAK-12"}, {"type": "link", "zaak": "ZAAK-12"}),
    (changes.CONFIRM, {}, {"type": "confirm"}),
    (changes.RELEASE, {}, {"type": "release"}),
    (changes.MERGE, {"with": OTHER_CONVERSATION}, {"type": "merge", "other": OTHER_CONVERSATION}),
]


@pytest.mark.parametrize(("kind", "given", "expected"), CHANGES)
def test_a_change_is_a_command_of_its_conversation(
    kind: TypeAdapter[Any], given: dict[str, Any], expected: dict[str, Any]
) -> None:
    by = Given(rights=rights("kcc"), id=uuid.UUID(OTHER), at=AT)
    author = {"author": {"kind": "employee", "id": "sanne"}}
    said = change(body(kind, given | author), HELD, by)
    assert said == Command(
        id=by.id,
        received_at=AT,
        token="crm",
        conversation=CONVERSATION,
        number=NUMBER,
        tenant="almelo",
        departments=["kcc"],
        author=Author(kind="employee", id="sanne"),
        **expected,
    )


def test_nobody_transfers_to_a_department_of_another_municipality() -> None:
    away = body(changes.TRANSFER, {"department": "balie", "reason": "x"})
    assert [f.pointer for f in faults(away, rights(), CONFIG)] == ["/department"]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (OTHER_CONVERSATION, []),
        (CONVERSATION, ["must be another conversation"]),
        (f"{NEIGHBOUR}-{'b3' * 13}", ["must be a conversation of the same number"]),
        (f"{NUMBER}9-{'b3' * 13}", ["must be a conversation of the same number"]),
    ],
)
def test_conversations_of_one_number_are_put_together(other: str, expected: list[str]) -> None:
    found = merge_faults(body(changes.MERGE, {"with": other}), HELD)
    assert [(fault.pointer, fault.detail) for fault in found] == [("/with", it) for it in expected]


UNTIL = "2026-11-26T01:00:00+02:00"
SAYINGS: list[tuple[TypeAdapter[Any], dict[str, Any], dict[str, Any]]] = [
    (
        changes.NOTICE,
        {"text": "Het is druk.", "until": UNTIL},
        {"type": "notice", "text": "Het is druk.", "until": AT + timedelta(hours=11)},
    ),
    (changes.NO_NOTICE, {}, {"type": "notice"}),
    (
        changes.STATE,
        {"state": "closed", "text": "Wij zijn dicht.", "until": UNTIL},
        {
            "type": "state",
            "state": "closed",
            "text": "Wij zijn dicht.",
            "until": AT + timedelta(hours=11),
        },
    ),
    (changes.STATE, {"state": "receive-only"}, {"type": "state", "state": "receive-only"}),
    (changes.STATE, {"state": "open"}, {"type": "state", "state": "open"}),
]


@pytest.mark.parametrize(("kind", "given", "expected"), SAYINGS)
def test_what_is_said_of_a_number_is_a_command_of_it_and_of_no_conversation(
    kind: TypeAdapter[Any], given: dict[str, Any], expected: dict[str, Any]
) -> None:
    by = Given(rights=rights("kcc"), id=uuid.UUID(OTHER), at=AT)
    author = {"author": {"kind": "employee", "id": "sanne"}}
    said = saying(body(kind, given | author), NUMBER, by)
    assert said == Command(
        id=by.id,
        received_at=AT,
        token="crm",
        number=NUMBER,
        tenant="almelo",
        departments=["kcc"],
        author=Author(kind="employee", id="sanne"),
        **expected,
    )
    assert said.until is None or said.until.tzinfo is UTC


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (None, []),
        (AT, ["must lie in the future"]),
        (AT + timedelta(microseconds=1), []),
        (AT + timedelta(days=31), []),
        (AT + timedelta(days=31, microseconds=1), ["must lie within 31 days"]),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), ["must lie within 31 days"]),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), ["must lie in the future"]),
    ],
)
def test_what_is_said_for_a_while_ends_in_the_future_and_within_a_month(
    until: datetime | None, expected: list[str]
) -> None:
    assert [fault.detail for fault in time_faults(until, AT)] == expected


def test_people_who_order_say_who_they_are() -> None:
    woken, cleared = body(changes.CONFIRM, {}), body(changes.NO_NOTICE, {})
    found = faults(woken, rights(people=True), CONFIG)
    assert [fault.pointer for fault in found] == ["/author"]
    found = saying_faults(cleared, rights(people=True), AT)
    assert [fault.pointer for fault in found] == ["/author"]
    assert saying_faults(cleared, rights(), AT) == []


@given(st.text(max_size=300))
def test_a_key_is_what_a_header_can_hold(key: str) -> None:
    assert is_key(key) == (1 <= len(key) <= 255 and key.isascii() and key.isprintable())


def test_a_key_stands_for_one_id_of_one_token_and_for_one_body_at_one_place() -> None:
    id = command_id("almelo", "crm", "k")
    assert str(id) == "beca4a22-a5fe-53c2-9204-03cb3e5c0e06", (
        "an order of before a restart is the same one after it"
    )
    others = [("hengelo", "crm", "k"), ("almelo", "desk", "k"), ("almelo", "crm", "l")]
    assert len({id, *(command_id(*other) for other in others)}) == 4
    here, there = "/v1/conversations/a/_note", "/v1/conversations/b/_note"
    assert len({fingerprint(path, b"{}") for path in ("/v1/messages", here, there)}) == 3
