"""The example receivers are short, and name only what an event has."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from deliverer.destinations import cloudevents
from tests.support.deliverer.delivery_jobs import NOON, delivery

DOCS = Path(__file__).parents[3] / "docs" / "integrators"
EXAMPLES = {
    "python": ["python/signature.py", "python/receiver.py"],
    "dotnet": ["dotnet/Signature.cs", "dotnet/Program.cs"],
    "java": [f"java/src/main/java/receiver/{name}.java" for name in ("Signature", "Receiver")],
}
LONGEST = 80
"""Lines of code of an example: what a developer reads before lunch."""
NO_CODE = re.compile(
    r"\s*(#.*|//.*|/\*\*.*\*/|(from .* )?import .*|using [A-Z].*|package .*|[][(){};,]*|\"{3};?)$"
)
"""Line that is blank, a comment, an import, or nothing but brackets."""
READ = re.compile(
    r"""(?:\b(?:get|required|path|getHeader|Header|(?:Try)?GetProperty)\(|[\w\]]\[)["']([\w-]+)["']"""
)
"""Name of a header or field, where an example reads it."""
ANSWER = re.compile(r"(?:return |StatusCode\(|answer\()(\d{3})\b")
OWN = {"Content-Length", "PORT", "CRM_DATABASE"}
"""Names that are not Postkamer's: HTTP's, and settings of an example."""


def source(language: str) -> str:
    return "\n".join((DOCS / "receivers" / name).read_text() for name in EXAMPLES[language])


def lines_of_code(source: str) -> int:
    return sum(not NO_CODE.match(line) for line in source.splitlines())


def known() -> set[str]:
    """Headers of a request, attributes of an event, and the fields of `data` in the docs."""
    page = (DOCS / "events.md").read_text()
    [shown] = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    states = page.split("\n## The state of a destination\n")[1].split("\n## ")[0]
    headers = cloudevents.headers(delivery(1), b"", [b"key"], NOON)
    attributes = {field.name for field in msgspec.structs.fields(cloudevents.Event)}
    of_states = re.findall(r"^\| `(\w+)` \|", states, re.MULTILINE)
    return {*headers, *attributes, *json.loads(shown)["data"], *of_states}


@pytest.mark.parametrize("language", EXAMPLES)
def test_example_is_short(language: str) -> None:
    assert LONGEST // 2 < lines_of_code(source(language)) <= LONGEST


def test_line_of_code_is_no_comment_import_or_bracket() -> None:
    code = "return id\n} catch (Exception e) {\nx = 1 // one\n"
    assert lines_of_code(code) == 3
    assert lines_of_code('\n# a\n// b\n/** c */\nimport d\nusing System.E;\n  });\n"""\n') == 0


@pytest.mark.parametrize("language", EXAMPLES)
def test_example_names_only_headers_and_fields_of_an_event(language: str) -> None:
    read = {*READ.findall(source(language))} - OWN
    assert read - known() == set()
    headers = {f"webhook-{name}" for name in ("id", "timestamp", "signature")}
    assert read == headers | {"id", "sequence", "data", "conversationId", "destination"}


@pytest.mark.parametrize(
    "line",
    [
        'headers.get("webhook-sig", "")',
        "event['number']",
        'root.GetProperty("seq")',
        'Header("x-signature")',
        'data.path("conversation")',
        'request.getHeader("webhook-Signature")',
    ],
)
def test_name_that_no_event_has_is_found(line: str) -> None:
    assert {*READ.findall(line)} - known() - OWN


@pytest.mark.parametrize("language", EXAMPLES)
def test_example_gives_the_answers_of_the_page(language: str) -> None:
    page = (DOCS / "receivers.md").read_text()
    listed = {*re.findall(r"^\| (\d{3}) \|", page, re.MULTILINE)}
    given = {*ANSWER.findall(source(language))} | {"500"}  # the frameworks answer it, unasked
    assert given == listed


@pytest.mark.parametrize("language", EXAMPLES)
def test_page_shows_where_each_file_is(language: str) -> None:
    page = (DOCS / "receivers.md").read_text()
    assert [name for name in EXAMPLES[language] if f"(receivers/{name})" not in page] == []


def test_page_leads_the_example_town_to_where_a_receiver_listens() -> None:
    page = (DOCS / "receivers.md").read_text()
    changed = re.search(r"sed -i 's\|(.*?)\|(.*?)\|' my-town/(\S+)", page)
    assert changed
    before, after, file = changed.groups()
    town = DOCS.parents[1] / "deploy" / "examples" / "voorbeeldstad" / file
    assert f'url = "{before}"' in town.read_text()
    properties = DOCS / "receivers/java/src/main/resources/application.properties"
    for text in (source("python"), source("dotnet"), properties.read_text()):
        port = re.search(r"\bPORT\W+(\d+)", text)
        assert port and after == f"http://127.0.0.1:{port[1]}/events"
