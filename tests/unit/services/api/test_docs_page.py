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


OUTLINE = Outline()
OUTLINE.feed(PAGE)


def test_docs_page_headings_descend_one_step_at_a_time() -> None:
    levels = OUTLINE.levels
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_docs_page_ids_are_unique_and_links_lead_to_them() -> None:
    ids = {*OUTLINE.ids}
    assert len(ids) == len(OUTLINE.ids)
    assert {link[1:] for link in OUTLINE.links if link.startswith("#")} <= ids
    assert document["components"]["schemas"].keys() <= ids


def test_docs_page_needs_no_script_and_nothing_from_elsewhere() -> None:
    assert not OUTLINE.tags & {"script", "link", "img", "iframe", "object"}
    assert "@import" not in STYLE and "url(" not in STYLE
    assert not re.search(r'\s(on[a-z]+|style)="', PAGE)


def test_docs_page_shows_every_operation_with_a_command() -> None:
    items = document["paths"].values()
    ids = [item[method]["operationId"] for item in items for method in METHODS if method in item]
    assert all(f'id="{id}"' in PAGE for id in ids)
    assert PAGE.count("curl -X ") == len(ids)


def test_docs_page_contents_lead_to_every_operation_and_schema() -> None:
    contents = Outline()
    contents.feed(PAGE[PAGE.index("<nav") : PAGE.index("</nav>")])
    items = document["paths"].values()
    ids = {item[method]["operationId"] for item in items for method in METHODS if method in item}
    named = {link[1:] for link in contents.links}
    assert ids | document["components"]["schemas"].keys() | {"schemas"} <= named


def test_docs_page_names_every_example() -> None:
    titles = re.findall("<summary>(Example.*?)</summary>", PAGE)
    assert "Example: Business initiated" in titles and len(titles) > 100
    assert "{" not in "".join(titles)
    assert not [title for title in titles if re.fullmatch(r"Example(: Example\d*)?", title)]


def test_docs_page_escapes_the_document() -> None:
    hostile = "<script>alert(1)</script>"
    info = document["info"] | {"title": hostile, "description": f"`{hostile}` {hostile}"}
    page = render(document | {"info": info}, STYLE)
    assert hostile not in page
    assert str(prose("a `<b>`\n\nc")) == "<p>a <code>&lt;b&gt;</code></p>\n<p>c</p>"


def test_curl_command_is_complete_and_quoted_for_a_shell() -> None:
    send = document["paths"]["/messages"]["post"]
    command = curl(document, "/v1/messages", "post", send)
    assert command.startswith('curl -X POST \\\n  "$POSTKAMER/v1/messages" \\\n')
    assert '-H "Authorization: Bearer $TOKEN"' in command
    assert "-H 'Idempotency-Key: vraag-2026-118-antwoord-1'" in command
    example: dict[str, Any] = {"value": {"text": "foto's"}}
    body = {"content": {"application/json": {"examples": {"one": example}}}}
    assert "foto'\"'\"'s" in curl(document, "/x", "post", send | {"requestBody": body})
    upload = curl(document, "/v1/media", "post", document["paths"]["/media"]["post"])
    assert upload.endswith("-H 'Content-Type: application/pdf' \\\n  --data-binary @besluit.pdf")
    hook = document["paths"]["/webhooks/whatsapp"]
    assert "hub.challenge=1158201444" in curl(document, "/x", "get", hook["get"])
    signed = curl(document, "/x", "post", hook["post"])
    assert '-H "X-Hub-Signature-256: sha256=$SIGNATURE"' in signed


SCHEMAS: list[tuple[dict[str, Any], str, str]] = [
    ({"$ref": "#/components/schemas/Note"}, "Note", ""),
    ({"type": "string", "minLength": 1, "maxLength": 20}, "text", "at most 20 characters"),
    ({"type": "string", "format": "uuid"}, "UUID", ""),
    ({"type": "string", "pattern": r"\S"}, "text", "not blank"),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "whole number or null", ""),
    ({"type": "array", "items": {"type": "string"}, "minItems": 2}, "list of text", "at least 2"),
    ({"enum": ["a", "b"], "type": "string"}, '"a" or "b"', ""),
    ({"const": "x", "type": "string"}, '"x"', ""),
    ({"type": "number", "minimum": -90, "maximum": 90}, "number", "from -90, to 90"),
    ({}, "anything", ""),
]


@pytest.mark.parametrize(("schema", "words", "bounds"), SCHEMAS, ids=[one[1] for one in SCHEMAS])
def test_schema_is_described_in_words(schema: dict[str, Any], words: str, bounds: str) -> None:
    assert "".join(word.text for word in kind(schema)) == words
    assert limits(schema) == bounds
