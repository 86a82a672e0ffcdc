"""All APIs accept exactly the requests that their documents allow."""

import copy
import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any

import emoji
import jsonschema_rs
import pytest
from multidict import MultiDict
from pydantic import TypeAdapter

import gateway.api_docs.document
from archiver import openapi
from archiver.api.queries import PageRequest
from archiver.api.routes import (
    AFTER,
    AFTER_NEWEST,
    LIMIT,
    MAX_SEQUENCE,
    IntegerParameter,
    parse_integer,
    parse_page,
)
from archiver.api.viewer import find_faults
from archiver.openapi import SEARCH_MESSAGES, VIEWER_HEADERS
from gateway.api_docs.operations import CHANGES, CONSENTS, NUMBERS, SEND
from gateway.api_docs.parameters import DISPOSITION, KEY
from gateway.commands.idempotency import single_key
from gateway.media.filenames import HEADER_CHARACTERS
from gateway.requests.messages import EMOJI_PATTERN, EMOJI_STYLE
from router.api.openapi import EXPLAIN_MESSAGE
from router.api.openapi import document as rules
from services.api.json_body import parse_body
from services.api.operations import Operation
from services.http.rights import Rights
from tests.support.gateway.commands import at, changed, paths
from tests.unit.gateway.requests.test_combinations import WRONG

Json = dict[str, Any]

DOCUMENTS: dict[str, Json] = {
    "gateway": gateway.api_docs.document.document,
    "router": rules,
    "archiver": openapi.document,
}
VALUES: list[Any] = [
    None, True, -1, 1.5, 10**9, [], {}, [1], {"x": 1}, "", " ", "\t", "a\tb", "a\nb", "é", " a",
    "a ", "nl\n", "31600000011\n", "https://x/\n", "http://x", "https://x y", "x" * 5000, "x" * 256,
    "2026-12-01", "2026-12-01T17:00:00", "2026-12-01 17:00:00Z", "2026-13-01T00:00:00Z",
    "018FE5A4-52B7-7D7E-9A4E-0D2F0C6F3C11", "018fe5a452b77d7e9a4e0d2f0c6f3c11",
    "{018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11}", "urn:uuid:018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11",
]  # fmt: skip
NOT_IN_SCHEMAS = (
    "has no word",
    "names the telephone as the only way on",
    "must be one emoji",
    "must be in the years 2000 to 2099",
    "must be later than from",
    "must have at most 10 rows together",
    "must have at most one header and one body",
    "must have buttons with indexes that differ",
    "must have ids that differ",
    "must have names that differ",
    "must have rows with ids that differ",
    "must have titles that differ",
)
"""Refusals for which JSON Schema has no word; a description says each of them."""


@cache
def validator(name: str, schema: str) -> Any:
    """Validator of a schema of a document, with the regular expressions of JavaScript."""
    whole = json.loads(schema) | {"components": DOCUMENTS[name]["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def allows(name: str, schema: Json, value: Any) -> bool:
    return bool(validator(name, json.dumps(schema)).is_valid(value))


def changes_of(body: Any) -> Iterator[Any]:
    """Yield the body with each value replaced, each member left out and each list doubled."""
    for path in paths(body):
        yield from (changed(body, path, value) for value in VALUES)
        if path and isinstance(path[-1], str):
            without = copy.deepcopy(body)
            del at(without, path[:-1])[path[-1]]
            yield without
        elif path:
            yield changed(body, path[:-1], at(body, path[:-1]) * 2)


def has_null_for_none(body: Any) -> bool:
    """True if `ifLast` is null, which is accepted as `none`; a schema that named it would make
    generated clients send it for an absent `ifLast`."""
    return body.get("ifLast", "") is None


def disagreement(name: str, schema: Json, kind: TypeAdapter[Any], body: Any) -> str:
    """Return the faults of an allowed body, or that a forbidden one is accepted; else ''."""
    read = parse_body(json.dumps(body).encode(), kind)
    is_allowed = allows(name, schema, body)
    if not isinstance(read, list):
        return "" if is_allowed or has_null_for_none(body) else "accepted"
    details = "; ".join(fault.detail for fault in read)
    return details if is_allowed and not details.startswith(NOT_IN_SCHEMAS) else ""


BODIES = [
    *(("gateway", each) for each in (SEND, *CHANGES, *CONSENTS, *NUMBERS) if each.content),
    ("router", EXPLAIN_MESSAGE),
    ("archiver", SEARCH_MESSAGES),
]


@pytest.mark.parametrize(("name", "operation"), BODIES, ids=[one.id for _, one in BODIES])
def test_body_is_accepted_exactly_if_its_schema_allows_it(name: str, operation: Operation) -> None:
    content = operation.content
    assert content and isinstance(content.model, TypeAdapter)
    described = DOCUMENTS[name]["paths"][operation.path][operation.method]["requestBody"]
    schema = described["content"]["application/json"]["schema"]
    for example in content.examples.values():
        for body in changes_of(example):
            assert not disagreement(name, schema, content.model, body), body


@pytest.mark.parametrize("body", [one[1] for one in WRONG], ids=[one[0] for one in WRONG])
def test_conflicting_members_are_in_the_schema(body: Json) -> None:
    assert SEND.content and isinstance(SEND.content.model, TypeAdapter)
    schema = {"$ref": "#/components/schemas/Message"}
    assert disagreement("gateway", schema, SEND.content.model, body) == ""


def test_every_emoji_has_the_form_in_the_schema() -> None:
    wide = [text.encode("utf-16-le")[::2].decode("latin-1") for text in emoji.EMOJI_DATA]
    assert max(map(len, wide)) <= 20, "JavaScript counts UTF-16"
    for text in ("", *emoji.EMOJI_DATA):
        assert re.search(EMOJI_PATTERN, text) and re.search(EMOJI_PATTERN, text + EMOJI_STYLE)


HEADERS: list[tuple[Json, str]] = [
    (header, value)
    for header in VIEWER_HEADERS
    for value in ("m.devries", "Zoë", "a b", "", "a\tb", "a\x7f", "a\xa0b", "x" * 200, "x" * 201,
                  "a\u2028b", "a\u200bb", "a\u202eb", "a\u3000b")
]  # fmt: skip
UNSAYABLE = ("Cn", "Cs")
"""Categories of characters of which the schema does not speak: those that Unicode has not assigned
yet, and halves of characters, which no header in UTF-8 can have."""
READER = Rights(name="crm", tenant="almelo", roles=frozenset({"read"}))


@pytest.mark.parametrize(("header", "value"), HEADERS)
def test_viewer_header_is_accepted_exactly_if_its_schema_allows_it(
    header: Json, value: str
) -> None:
    is_refused = bool(find_faults({header["name"]: value}, READER))
    assert is_refused != allows("archiver", header["schema"], value)


def test_every_character_of_a_viewer_header_is_accepted_exactly_if_its_schema_allows_it() -> None:
    pattern = re.compile(openapi.PRINTABLE)
    for character in map(chr, range(0x10000)):
        if unicodedata.category(character) not in UNSAYABLE:
            assert bool(pattern.fullmatch(character)) == character.isprintable(), ascii(character)


@pytest.mark.parametrize("text", ["0", "1", "1000", "1001", "-1", "9223372036854775807", "9" * 19])
@pytest.mark.parametrize(
    ("described", "parameter"),
    [(openapi.AFTER, AFTER), (openapi.AFTER, AFTER_NEWEST), (openapi.LIMIT, LIMIT)],
)
def test_number_in_a_query_is_accepted_exactly_if_its_schema_allows_it(
    described: Json, parameter: IntegerParameter, text: str
) -> None:
    assert (parse_integer([text], parameter) is not None) == allows(
        "archiver", described["schema"], int(text)
    )


def test_page_that_a_query_leaves_out_is_the_described_one() -> None:
    """A default of `after` would be wrong in one of the orders, and clients may send a default."""
    assert "default" not in openapi.AFTER["schema"]
    order, limit = (each["schema"]["default"] for each in (openapi.ORDER, openapi.LIMIT))
    assert parse_page(MultiDict()) == PageRequest(order, 0, limit)
    assert parse_page(MultiDict(order="newest")) == PageRequest("newest", MAX_SEQUENCE, limit)


@pytest.mark.parametrize("order", ["oldest", "newest", "", "Newest", "newest "])
def test_order_is_accepted_exactly_if_its_schema_allows_it(order: str) -> None:
    page = parse_page(MultiDict(order=order))
    assert isinstance(page, PageRequest) == allows("archiver", openapi.ORDER["schema"], order)


@pytest.mark.parametrize("texts", [["+5"], ["5.0"], ["x"], [""], ["1", "2"], ["٣"]])
def test_other_texts_in_a_query_are_no_number(texts: list[str]) -> None:
    assert parse_integer(texts, AFTER) is None


@pytest.mark.parametrize("key", ["a", "a b", "~", "", "é", "a\tb", "x" * 255, "x" * 256])
def test_key_is_accepted_exactly_if_its_schema_allows_it(key: str) -> None:
    assert bool(single_key([key])) == allows("gateway", KEY["schema"], key)


def test_the_bounds_of_an_upload_are_in_its_document() -> None:
    assert DISPOSITION["schema"]["maxLength"] == HEADER_CHARACTERS
    content = DOCUMENTS["gateway"]["paths"]["/media"]["post"]["requestBody"]["content"]
    assert all(not allows("gateway", each["schema"], "") for each in content.values())
