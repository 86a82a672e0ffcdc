"""A CRM's body: an order, or all that is wrong with it; never an exception, never a lost fault."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.orders import (
    TEXT_CHARACTERS,
    Fault,
    Order,
    fingerprint,
    is_key,
    message_id,
    read_order,
)
from services.config import parse
from services.contract import Author

NUMBER = "106540352242922"
CONVERSATION = f"{NUMBER}-{'a2' * 13}"
CONFIG = parse(
    f"""
    [[tenants]]
    id = "almelo"
    name = "Almelo"
    [[numbers]]
    id = "{NUMBER}"
    tenant = "almelo"
    fallback = "kcc"
    [[departments]]
    id = "kcc"
    tenant = "almelo"
    name = "KCC"
    destination = "crm"
    [[destinations]]
    id = "crm"
    kind = "cloudevents"
    url = "https://crm.example/"
    """,
    "postkamer.toml",
)
GOOD: dict[str, Any] = {
    "number": NUMBER,
    "to": "+31611111111",
    "type": "text",
    "text": {"body": "Goedemiddag"},
}


def read(**changed: Any) -> Order | list[Fault]:
    """The good body with some members changed; None takes one out."""
    given = {name: value for name, value in (GOOD | changed).items() if value is not None}
    return read_order(msgspec.json.encode(given), CONFIG)


def pointers(**changed: Any) -> list[str]:
    found = read(**changed)
    assert isinstance(found, list), found
    return [fault.pointer for fault in found]


def test_a_text_to_a_number_is_an_order() -> None:
    assert read() == Order(text="Goedemiddag", number=NUMBER, to="31611111111")
    assert read(to="31611111111") == read()


def test_a_text_in_a_conversation_is_an_order_of_its_number() -> None:
    order = read(number=None, to=None, conversationId=CONVERSATION)
    assert order == Order(text="Goedemiddag", number=NUMBER, conversation=CONVERSATION)


def test_who_wrote_it_goes_along() -> None:
    order = read(author={"kind": "employee", "id": "sanne"})
    assert isinstance(order, Order)
    assert order.author == Author(kind="employee", id="sanne")
    assert isinstance(read(author={"kind": "system"}), Order)


def test_all_faults_are_told_at_once() -> None:
    assert pointers(
        type="image",
        text={"body": "a\0" * TEXT_CHARACTERS, "preview_url": True},
        author={"kind": "robot"},
        number="1",
        to="tante",
        ifLast=None,
        extra=1,
    ) == [
        "/extra",
        "/type",
        "/text/preview_url",
        "/text/body",
        "/text/body",
        "/author",
        "/number",
        "/to",
    ]


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"type": None}, "/type"),
        ({"type": "template"}, "/type"),
        ({"text": None}, "/text/body"),
        ({"text": "hallo"}, "/text/body"),
        ({"text": {}}, "/text/body"),
        ({"text": {"body": 7}}, "/text/body"),
        ({"text": {"body": " \n\u3000"}}, "/text/body"),
        ({"text": {"body": "nul\0"}}, "/text/body"),
        ({"author": "sanne"}, "/author"),
        ({"author": {}}, "/author"),
        ({"author": {"kind": "employee", "id": 7}}, "/author"),
        ({"author": {"kind": "employee", "name": "Sanne"}}, "/author/name"),
        ({"author": {"kind": "employee", "id": "nul\0"}}, "/author"),
        ({"author": {"kind": "employee", "id": "x" * 256}}, "/author"),
        ({"number": None}, "/number"),
        ({"number": int(NUMBER)}, "/number"),
        ({"number": "10654035224292"}, "/number"),
        ({"to": None}, "/to"),
        ({"to": 31611111111}, "/to"),
        ({"to": "0611111111"}, "/to"),
        ({"to": "+31 6 11111111"}, "/to"),
        ({"to": "+316"}, "/to"),
        ({"to": "+3161111111111111"}, "/to"),
        ({"to": "+31611111111\n"}, "/to"),
        ({"to": "+3161111111١"}, "/to"),
        ({"conversationId": CONVERSATION}, "/conversationId"),
        ({"conversationId": CONVERSATION, "number": None}, "/conversationId"),
        ({"a/b~c": 1}, "/a~1b~0c"),
        ({"": 1}, "/"),
    ],
)
def test_one_fault_is_pointed_at(changed: dict[str, Any], pointer: str) -> None:
    assert pointers(**changed) == [pointer]


@pytest.mark.parametrize(
    "conversation",
    [
        "",
        7,
        NUMBER,
        f"{NUMBER}-",
        f"{NUMBER}-{'a2' * 12}",
        f"{NUMBER}-{'a1' * 13}",
        f"{NUMBER}-{'A2' * 13}",
        f"106540352242923-{'a2' * 13}",
        CONVERSATION + "\n",
    ],
)
def test_what_is_no_conversation_of_ours_is_pointed_at(conversation: Any) -> None:
    changed = {"number": None, "to": None, "conversationId": conversation}
    assert pointers(**changed) == ["/conversationId"]


@pytest.mark.parametrize("character", ["a", "é", "字", "🚲"])
def test_characters_are_counted_in_utf_16(character: str) -> None:
    """An emoji counts for two, as in the programs of the CRMs and in Meta's stricter reading."""
    most = TEXT_CHARACTERS // (len(character.encode("utf-16-le")) // 2)
    assert isinstance(read(text={"body": character * most}), Order)
    assert pointers(text={"body": character * most + "a"}) == ["/text/body"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nul",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b'{"text": "\xff"}',
        b'{"text": "\\ud800"}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"type": 1e999}',
    ],
)
def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    assert read_order(body, CONFIG) == [Fault("", "the body is no JSON")]


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"text"'])
def test_what_is_no_object_is_said_to_be_none(body: bytes) -> None:
    assert read_order(body, CONFIG) == [Fault("", "the body is no JSON object")]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["type", "text", "author", "number", "to", "conversationId", "extra"])


@given(st.binary(max_size=50))
def test_any_bytes_are_answered(body: bytes) -> None:
    assert isinstance(read_order(body, CONFIG), list)


@given(st.dictionaries(MEMBERS, ANY_JSON))
@example({"conversationId": CONVERSATION, "number": None, "to": None})
def test_any_members_are_answered_and_never_quoted(changed: dict[str, Any]) -> None:
    found = read_order(msgspec.json.encode(GOOD | changed), CONFIG)
    if isinstance(found, list):
        assert found
        for fault in found:
            assert fault.pointer.split("/")[1] in {*GOOD, *changed}
        plain = [str(v) for v in changed.values() if isinstance(v, str) and len(v) > 3]
        assert not [v for v in plain for fault in found if v in fault.detail]
    else:
        # What is accepted can be stored: PostgreSQL keeps no U+0000.
        assert "\0" not in f"{found.text}{found.author}"


def test_the_same_key_of_the_same_token_is_the_same_message_and_no_other() -> None:
    ids = {message_id(*pair) for pair in [("a", "k"), ("a", "l"), ("b", "k"), ("ak", "")]}
    assert len(ids) == 4
    assert message_id("crm", "1") == message_id("crm", "1")
    # What a key stands for may never change: a CRM asks with it again after weeks.
    assert str(message_id("crm", "1")) == "3a14e2f4-b107-5878-8769-05bd829f7d22"


@pytest.mark.parametrize(
    ("key", "good"),
    [
        ("a", True),
        ("x" * 255, True),
        ("a b:~!", True),
        ("", False),
        ("x" * 256, False),
        ("é", False),
        ("\udcff", False),
        ("a\nb", False),
        ("a\x7f", False),
    ],
)
def test_a_key_is_a_short_line_of_printable_ascii(key: str, good: bool) -> None:
    assert is_key(key) is good


def test_two_bodies_are_the_same_only_byte_for_byte() -> None:
    assert fingerprint(b"{}") == fingerprint(b"{}") != fingerprint(b"{ }")
