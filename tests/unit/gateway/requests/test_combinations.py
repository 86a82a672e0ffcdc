"""An order allows certain combinations; each fault is reported at its own place."""

from typing import Any

import pytest

from gateway.api_docs import examples
from tests.support.gateway.commands import Json, faults

TEXT, MEDIA, FLOW = (examples.MESSAGES[name] for name in ("text", "upload", "flow"))
BUTTONS, LIST, TEMPLATE = (examples.MESSAGES[name] for name in ("buttons", "list", "template"))
ONE_ROW = [{"id": "a", "title": "a"}]


def _members(body: Json, name: str, **members: Any) -> Json:
    return body | {name: body[name] | members}


def _row(n: int, title: str = "x") -> Json:
    return {"id": f"row-{n}", "title": title}


def _interactive(body: Json, **members: Any) -> Json:
    return _members(body, "interactive", **members)


def _template(*components: Json) -> Json:
    return _members(TEMPLATE, "template", components=list(components))


def _body(*parameters: Json) -> Json:
    return {"type": "body", "parameters": list(parameters)}


def _header(**parameter: Any) -> Json:
    return {"type": "header", "parameters": [parameter]}


NAMED = {"type": "text", "text": "x", "parameterName": "naam"}
UNNAMED = {"type": "text", "text": "x"}
BUTTON = TEMPLATE["template"]["components"][1]
LINKED = {"link": "https://example.org/a.png"}
NOBODY = {name: value for name, value in TEXT.items() if name not in ("conversationId", "ifLast")}
SOMEBODY = {"number": "106540352242922", "to": "+31600000011"}
WITHOUT = "goes with conversationId only"

WRONG: list[tuple[str, Json, dict[str, str]]] = [
    (
        "nobody",
        NOBODY,
        {
            "/number": "must be given, or conversationId",
            "/to": "must be given, or conversationId",
        },
    ),
    ("half", NOBODY | {"to": "31600000011"}, {"/number": "must be given, or conversationId"}),
    (
        "both",
        TEXT | SOMEBODY,
        {
            "/number": "does not go with conversationId",
            "/to": "does not go with conversationId",
        },
    ),
    ("last without", NOBODY | SOMEBODY | {"ifLast": "none"}, {"/ifLast": WITHOUT}),
    ("quote without", NOBODY | SOMEBODY | {"replyTo": examples.MESSAGE}, {"/replyTo": WITHOUT}),
    ("quote", TEMPLATE | {"replyTo": examples.MESSAGE}, {"/replyTo": "is not known"}),
    ("no file", _members(MEDIA, "media", id=None), {"/media/id": "must be a UUID"}),
    ("two files", _members(MEDIA, "media", **LINKED), {"/media/link": "does not go with id"}),
    (
        "a caption on a sticker",
        _members(MEDIA, "media", kind="sticker"),
        {
            "/media/caption": "does not go with audio or a sticker",
            "/media/filename": "goes with a document only",
        },
    ),
    (
        "a long caption on audio",
        _members(MEDIA, "media", kind="audio", caption="a" * 1025),
        {
            "/media/caption": "does not go with audio or a sticker",
            "/media/filename": "goes with a document only",
        },
    ),
    (
        "a path",
        _members(MEDIA, "media", filename="../a"),
        {"/media/filename": "must be a name without path or control characters"},
    ),
    (
        "buttons alike",
        _interactive(BUTTONS, buttons=[{"id": "1", "title": "Ja"}, {"id": "2", "title": "Ja"}]),
        {"/interactive/buttons": "must have titles that differ"},
    ),
    (
        "buttons of one id",
        _interactive(BUTTONS, buttons=[{"id": "1", "title": "Ja"}, {"id": "1", "title": "Nee"}]),
        {"/interactive/buttons": "must have ids that differ"},
    ),
    (
        "four buttons",
        _interactive(BUTTONS, buttons=[{"id": f"{n}", "title": f"{n}"} for n in range(4)]),
        {"/interactive/buttons": "must have at most 3"},
    ),
    (
        "a spaced id",
        _interactive(BUTTONS, buttons=[{"id": " 1", "title": "1"}]),
        {"/interactive/buttons/0/id": "must not begin or end with a space"},
    ),
    (
        "eleven rows",
        _interactive(
            LIST,
            sections=[
                {"title": "a", "rows": [_row(n) for n in range(6)]},
                {"title": "b", "rows": [_row(n) for n in range(6, 11)]},
            ],
        ),
        {"/interactive/sections": "must have at most 10 rows together"},
    ),
    (
        "rows of one id",
        _interactive(
            LIST, sections=[{"title": "a", "rows": ONE_ROW}, {"title": "b", "rows": ONE_ROW}]
        ),
        {"/interactive/sections": "must have rows with ids that differ"},
    ),
    (
        "a section without a title",
        _interactive(LIST, sections=[{"rows": [_row(1)]}, {"title": "b", "rows": [_row(2)]}]),
        {"/interactive/sections": "must each have a title when there are more than one"},
    ),
    (
        "a picture above a list",
        _interactive(LIST, header={"kind": "image"} | LINKED),
        {
            "/interactive/header/kind": "must be 'text'",
            "/interactive/header/link": "is not known",
            "/interactive/header/text": "must be given",
        },
    ),
    (
        "data without a screen",
        _members(
            FLOW,
            "interactive",
            **{"kind": "buttons", "screen": "X"},
        ),
        {
            "/interactive/buttons": "must be given",
            "/interactive/button": "is not known",
            "/interactive/data": "is not known",
            "/interactive/flowId": "is not known",
            "/interactive/screen": "is not known",
        },
    ),
    (
        "two bodies",
        _template(_body(UNNAMED), _body(UNNAMED)),
        {"/template/components": "must have at most one header and one body"},
    ),
    (
        "half named",
        _template(_body(UNNAMED, NAMED)),
        {"/template/components/0/parameters": "must all have a name, or none"},
    ),
    (
        "named alike",
        _template(_body(NAMED, NAMED)),
        {"/template/components/0/parameters": "must have names that differ"},
    ),
    (
        "buttons in one place",
        _template(BUTTON, BUTTON),
        {"/template/components": "must have buttons with indexes that differ"},
    ),
    (
        "a long header",
        _template(_header(type="text", text="x" * 61)),
        {"/template/components/0/parameters": "must have a text of at most 60 characters"},
    ),
    (
        "lines in a parameter",
        _template(_body({"type": "text", "text": "a\nb"})),
        {
            "/template/components/0/parameters/0/text": "must be one line, without tabs and without"
            " more than four spaces in a row"
        },
    ),
    (
        "a nameless card",
        examples.MESSAGES["contacts"] | {"contacts": [{"name": {"formattedName": "X"}}]},
        {"/contacts/0/name": "must have a part of the name, such as firstName"},
    ),
    (
        "an empty name alone",
        examples.MESSAGES["contacts"]
        | {"contacts": [{"name": {"formattedName": "", "type": "suffix"}}]},
        {
            "/contacts/0/name": "must have a part of the name, such as firstName",
            "/contacts/0/name/formattedName": "must not be empty",
            "/contacts/0/name/type": "is not known",
        },
    ),
]


@pytest.mark.parametrize(("name", "body", "wanted"), WRONG, ids=[one[0] for one in WRONG])
def test_conflicting_fields_are_reported_where_they_are(
    name: str, body: Json, wanted: dict[str, str]
) -> None:
    assert faults(body) == wanted
