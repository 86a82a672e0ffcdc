"""The page of an API's document: whole, and safe."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from gateway.api_docs.document import document
from services.api.docs_page import FOLDER, METHODS, curl, kind, limits, prose, render

STYLE = (FOLDER / "manual.css").read_text()
PAGE = render(document, STYLE)


class Outline(HTMLParser):
    """Headings, ids and links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        self.ids += filter(None, [given.get("id")])
        self.links += filter(None, [given.get("href"), given.get("src")])


def outline(page: str) -> Outline:
    made = Outline()
    made.feed(page)
    return made


def test_headings_descend_one_step_at_a_time() -> None:
    levels = outline(PAGE).levels
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_id_is_there_once_and_every_link_within_the_page_leads_to_one() -> None:
    seen = outline(PAGE)
    assert len(set(seen.ids)) == len(seen.ids)
    within = {link[1:] for link in seen.links if link.startswith("#")}
    assert within <= {*seen.ids}
    assert {name for name in document["components"]["schemas"]} <= {*seen.ids}


def test_it_needs_no_script_and_nothing_from_elsewhere() -> None:
    seen = outline(PAGE)
    assert not seen.tags & {"script", "link", "img", "iframe", "object"}
    assert "@import" not in STYLE and "url(" not in STYLE
    assert not re.search(r'\s(on[a-z]+|style)="', PAGE)


def test_every_operation_is_on_it_with_a_command() -> None:
    for item in document["paths"].values():
        for method in METHODS:
            if method in item:
                assert f'id="{item[method]["operationId"]}"' in PAGE
    assert PAGE.count("curl -X ") == sum(
        method in item for item in document["paths"].values() for method in METHODS
    )


def test_what_stands_in_a_document_is_never_read_as_html() -> None:
    hostile = "<script>alert(1)</script>"
    info = document["info"] | {"title": hostile, "description": f"`{hostile}` {hostile}"}
    page = render(document | {"info": info}, STYLE)
    assert hostile not in page
    assert str(prose("a `<b>`\n\nc")) == "<p>a <code>&lt;b&gt;</code></p>\n<p>c</p>"


def test_a_command_has_what_the_operation_needs_and_is_quoted_for_a_shell() -> None:
    send = document["paths"]["/messages"]["post"]
    told = curl(document, "/v1/messages", "post", send)
    assert told.startswith('curl -X POST \\\n  "$POSTKAMER/v1/messages" \\\n')
    assert '-H "Authorization: Bearer $TOKEN"' in told
    assert "-H 'Idempotency-Key: vraag-2026-118-antwoord-1'" in told
    example: dict[str, Any] = {"value": {"text": "foto's"}}
    body = {"content": {"application/json": {"examples": {"one": example}}}}
    assert "foto'\"'\"'s" in curl(document, "/x", "post", send | {"requestBody": body})
    upload = curl(document, "/v1/media", "post", document["paths"]["/media"]["post"])
    assert upload.endswith("-H 'Content-Type: application/pdf' \\\n  --data-binary @besluit.pdf")
    hook = document["paths"]["/webhooks/whatsapp"]
    assert "hub.challenge=1158201444" in curl(document, "/x", "get", hook["get"])
    assert '-H "X-Hub-Signature-256: sha256=$SIGNATURE"' in curl(
        document, "/x", "post", hook["post"]
    )


SCHEMAS: list[tuple[dict[str, Any], str, str]] = [
    ({"$ref": "#/components/schemas/Note"}, "Note", ""),
    ({"type": "string", "minLength": 1, "maxLength": 20}, "text", "at most 20 characters"),
    ({"type": "string", "format": "uuid"}, "UUID", ""),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "whole number or null", ""),
    ({"type": "array", "items": {"type": "string"}, "minItems": 2}, "list of text", "at least 2"),
    ({"enum": ["a", "b"], "type": "string"}, '"a" or "b"', ""),
    ({"const": "x", "type": "string"}, '"x"', ""),
    ({"type": "number", "minimum": -90, "maximum": 90}, "number", "from -90, to 90"),
    ({}, "anything", ""),
]


@pytest.mark.parametrize(("schema", "words", "bounds"), SCHEMAS, ids=[one[1] for one in SCHEMAS])
def test_a_schema_is_said_in_words(schema: dict[str, Any], words: str, bounds: str) -> None:
    assert "".join(word.text for word in kind(schema)) == words
    assert limits(schema) == bounds
