"""Reading an order: every fault at once, each where it stands, in words of ours alone."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.api_docs import examples
from gateway.requests import changes, messages
from services.api.field_types import OURS, OURS_OF_OBJECT
from services.api.json_body import (
    BODY_BYTES,
    DEPTH,
    OTHERWISE,
    SENTENCES,
    UNIONS,
    FieldError,
    parse_body,
)
from tests.support.example_count import example_count
from tests.support.gateway.commands import ORDERS, Json, at, changed, faults, paths

MARK = "GEHEIM"
"""Stands in everything that is sent; never in what is said."""
TEXT = examples.MESSAGES["text"]
CARD = {
    "name": {"formattedName": MARK, "firstName": MARK},
    "birthday": "1970-01-31",
    "emails": [{"email": "a@example.org"}],
    "addresses": [{"city": MARK, "countryCode": "nl"}],
    "org": {"company": MARK},
}
CURRENCY = {"fallbackValue": "€ 1", "code": "EUR", "amount1000": 1000}
PARAMETERS = [
    {"type": "currency", "currency": CURRENCY},
    {"type": "date_time", "dateTime": {"fallbackValue": "vandaag"}},
]
COMPONENTS = [
    {"type": "header", "parameters": [{"type": "image", "image": {"id": examples.UPLOAD}}]},
    {"type": "body", "parameters": PARAMETERS},
    {
        "type": "button",
        "subType": "flow",
        "index": 1,
        "parameters": [{"type": "action", "action": {"flowToken": MARK}}],
    },
]
RICH: list[tuple[str, TypeAdapter[Any], Json]] = [
    ("card", messages.MESSAGE, examples.MESSAGES["contacts"] | {"contacts": [CARD]}),
    (
        "components",
        messages.MESSAGE,
        examples.MESSAGES["template"]
        | {"template": {"name": "a", "language": "nl", "components": COMPONENTS}},
    ),
]
VALUES: list[Any] = [
    None,
    True,
    -1,
    10**17,
    1e300,
    "",
    MARK,
    MARK * 1000,
    "1970-01-31T12:00:00Z",
    "1970-02-31",
    [],
    [MARK],
    [MARK] * 60,
    {},
    {MARK: MARK},
]


def errors_of(body: Any, kind: TypeAdapter[Any]) -> list[str]:
    try:
        kind.validate_json(json.dumps(body))
    except ValidationError as error:
        return [one["type"] for one in error.errors()]
    return []


def spoiled(body: Json) -> list[Any]:
    """The body with each of its values made wrong in every way, or taken out."""
    made: list[Any] = [changed(body, path, value) for path in paths(body) for value in VALUES]
    for path in paths(body):
        if isinstance(value := at(body, path), list):
            made.append(changed(body, path, value * 60))
        if path and isinstance(path[-1], str):
            whole = changed(body, path, None)
            here = at(whole, path[:-1])
            del here[path[-1]]
            here[MARK] = MARK
            made.append(whole)
    return made


@pytest.mark.parametrize(("name", "kind", "body"), RICH, ids=[one[0] for one in RICH])
def test_examples_have_no_errors_before_they_are_spoiled(
    name: str, kind: TypeAdapter[Any], body: Json
) -> None:
    assert faults(body, kind) == {}
    day = changed(body, ("contacts", 0, "birthday"), "1970-02-31") if name == "card" else {}
    assert name != "card" or faults(day) == {"/contacts/0/birthday": "is no day of any calendar"}


@pytest.mark.slow
def test_every_validation_error_has_a_sentence_that_quotes_nothing() -> None:
    seen: set[str] = set()
    for _, kind, body in ORDERS + RICH:
        for wrong in spoiled(body):
            if not isinstance(wrong, dict):
                continue
            seen |= set(errors_of(wrong, kind))
            found = parse_body(json.dumps(wrong).encode(), kind)
            if isinstance(found, list):
                assert found == sorted(set(found))
                assert not [one for one in found if MARK in one.detail or one.detail == OTHERWISE]
    assert seen - {OURS, OURS_OF_OBJECT} == SENTENCES.keys()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind", "body"), ORDERS + RICH, ids=[o[0] for o in ORDERS + RICH])
def test_every_pointer_points_at_something_or_at_what_is_missing(
    name: str, kind: TypeAdapter[Any], body: Json
) -> None:
    for wrong in spoiled(body):
        for pointer in faults(wrong, kind):
            *before, _ = pointer.split("/")
            here: Any = wrong
            for step in before[1:]:
                here = here[int(step)] if isinstance(here, list) else here[step]
            assert isinstance(here, dict | list) or not before


def test_body_errors_are_all_reported_at_once() -> None:
    wrong = {"type": "text", "text": {"body": "", "colour": "red"}, "to": "x", "ifLate": 1}
    assert faults(wrong) == {
        "/ifLate": "is not known",
        "/number": "must be given, or conversationId",
        "/text/body": "must not be empty",
        "/text/colour": "is not known",
        "/to": "must be a phone number in international form, or a business-scoped user id",
    }


def test_a_stranger_that_is_called_as_the_type_of_its_object_is_pointed_at() -> None:
    wrong = TEXT | {"author": {"kind": "employee", "employee": 1}}
    assert faults(wrong) == {"/author/employee": "is not known"}
    media = examples.MESSAGES["photo"] | {"photo": 1}
    assert faults(media) == {"/photo": "is not known"}
    assert faults(media | {"type": "reaction"})["/reaction"] == "must be given"


@pytest.mark.parametrize("type", [None, 1, [], {}, "audio", MARK])
def test_a_wrong_type_is_said_at_the_type_with_the_choices(type: Any) -> None:
    said = faults(TEXT | {"type": type})
    assert list(said) == ["/type"]
    assert MARK not in said["/type"]
    assert faults({}) == {"/type": "must be given, as one of those in the documentation"}
    assert set(UNIONS) <= SENTENCES.keys()


def test_common_fields_are_checked_when_the_message_type_is_unknown() -> None:
    wrong = {"type": "fax", "to": "x", "author": {"kind": "x"}, "fax": {}}
    found = parse_body(json.dumps(wrong).encode(), messages.MESSAGE, messages.COMMON)
    assert isinstance(found, list)
    pointers = [fault.pointer for fault in found]
    assert pointers == ["/author/kind", "/number", "/to", "/type"]


SYNTAX: list[tuple[str, bytes, list[FieldError]]] = [
    ("nothing", b"", [FieldError("", "is no JSON")]),
    ("no JSON", b"{", [FieldError("", "is no JSON")]),
    ("a mark", b"\xef\xbb\xbf{}", [FieldError("", "is no JSON")]),
    ("no UTF-8", b'{"type": "\xff"}', [FieldError("", "is no UTF-8")]),
    ("UTF-16", '{"type":"text"}'.encode("utf-16"), [FieldError("", "is no UTF-8")]),
    ("a list", b"[]", [FieldError("", "must be an object")]),
    ("a number", b"1", [FieldError("", "must be an object")]),
    ("a large one", b" " * (BODY_BYTES + 1), [FieldError("", f"is over {BODY_BYTES} bytes")]),
    ("deep", b"[" * 60_000, [FieldError("", f"is nested over {DEPTH} deep")]),
    ("deep objects", b'{"a":' * 10_000, [FieldError("", f"is nested over {DEPTH} deep")]),
]


@pytest.mark.parametrize(("name", "body", "wanted"), SYNTAX, ids=[one[0] for one in SYNTAX])
def test_body_that_is_no_json_object_is_one_error(
    name: str, body: bytes, wanted: list[FieldError]
) -> None:
    assert parse_body(body, messages.MESSAGE) == wanted


def note(value: str) -> list[FieldError]:
    found = parse_body(b'{"text": "x", "extra": ' + value.encode() + b"}", changes.NOTE)
    assert isinstance(found, list)
    return found


NO_TEXT = "holds U+0000 or half a character (an unpaired surrogate), which cannot be stored"
NO_NUMBER = "is no number that JSON knows"
ODD: list[tuple[str, str, str]] = [
    ("NaN", "/extra", NO_NUMBER),
    ("-Infinity", "/extra", NO_NUMBER),
    ("1e999", "/extra", "is too large"),
    ("1" * 19, "/extra", "has over 18 digits"),
    ("1" * 5000, "/extra", "has over 18 digits"),
    (r'"\ud800"', "/extra", NO_TEXT),
    (r'"\u0000"', "/extra", NO_TEXT),
    (r'[1, {"a": "\udfff"}]', "/extra/1/a", NO_TEXT),
    (r'{"\ud800": 1}', "/extra", f"has a name that {NO_TEXT}"),
    ('{"a": 1, "a": 2}', "/extra", "has a name twice"),
    ("[" * 40 + "]" * 40, "/extra" + "/0" * 15, "is nested over 16 deep"),
]


@pytest.mark.parametrize(("value", "pointer", "detail"), ODD, ids=[one[0][:20] for one in ODD])
def test_unstorable_json_value_is_reported_where_it_is(
    value: str, pointer: str, detail: str
) -> None:
    assert FieldError(pointer, detail) in note(value)


def test_a_name_that_comes_twice_is_a_fault_even_when_both_say_the_same() -> None:
    assert parse_body(b'{"text": "x", "text": "x"}', changes.NOTE) == [
        FieldError("", "has a name twice")
    ]


def test_syntax_and_shape_are_said_together() -> None:
    assert parse_body(b'{"text": NaN, "author": {"kind": "x"}}', changes.NOTE) == [
        FieldError("/author/kind", "must be 'employee', 'system' or 'automated'"),
        FieldError("/text", NO_NUMBER),
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("31612345678", "+31612345678", "tel_0612345678", "Sanne de Vries", "wamid.HBgLMzE2MD"),
        *("NL.citizen", "sanne@example.org", "Zoë", "if/last~", "*", "", "a" * 50_000),
    ],
)
def test_a_name_that_may_be_somebody_s_is_not_repeated(name: str) -> None:
    found = parse_body(json.dumps({"text": "x", name: 1}).encode(), changes.NOTE)
    assert found == [FieldError("/*", "is not known")]
    within = json.dumps({"text": "x", "colour": {name: {"deep": float("inf")}}}).encode()
    assert FieldError("/colour/*/deep", NO_NUMBER) in parse_body(within, changes.NOTE)  # type: ignore[operator]


def test_reported_errors_of_a_body_are_bounded() -> None:
    many = parse_body(json.dumps({f"a{n}": 1 for n in range(1000)}).encode(), changes.NOTE)
    assert isinstance(many, list) and len(many) == 100


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None))
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.slow
@given(st.sampled_from(ORDERS + RICH), trees, st.data())
def test_parsing_never_raises_for_any_value_in_a_body(
    order: tuple[str, TypeAdapter[Any], Json], value: Any, data: st.DataObject
) -> None:
    _, kind, body = order
    path = data.draw(st.sampled_from(list(paths(body))))
    parse_body(json.dumps(changed(body, path, value)).encode(), kind)


@given(st.binary() | st.text().map(str.encode) | st.text('{}[]":,0e-\\utrfnal ').map(str.encode))
@settings(max_examples=example_count(500))
def test_parsing_never_raises_for_any_bytes(body: bytes) -> None:
    for kind in (messages.MESSAGE, changes.CLOSE):
        parse_body(body, kind)
