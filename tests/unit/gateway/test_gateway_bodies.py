"""What an order may hold: Meta's limits, and what goes with what."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway import bodies, examples
from tests.unit.gateway.orders import ORDERS, Json, changed, faults, message, paths

TEXT, MEDIA, FLOW = (examples.MESSAGES[name] for name in ("text", "upload", "flow"))
BUTTONS, LIST, TEMPLATE = (examples.MESSAGES[name] for name in ("buttons", "list", "template"))
ONE_ROW = [{"id": "a", "title": "a"}]
EMOJI = "\N{GRINNING FACE}"
"""One code point, two UTF-16 units."""


@pytest.mark.parametrize(("name", "kind", "body"), ORDERS, ids=[one[0] for one in ORDERS])
def test_every_example_is_taken(name: str, kind: TypeAdapter[Any], body: Json) -> None:
    assert faults(body, kind) == {}


LONGEST: list[tuple[Json, tuple[str | int, ...], int]] = [
    (TEXT, ("text", "body"), 4096),
    (TEXT, ("author", "id"), 255),
    (MEDIA, ("media", "caption"), 1024),
    (MEDIA, ("media", "filename"), 240),
    (BUTTONS, ("interactive", "body"), 1024),
    (BUTTONS, ("interactive", "footer"), 60),
    (BUTTONS, ("interactive", "buttons", 0, "title"), 20),
    (BUTTONS, ("interactive", "buttons", 0, "id"), 256),
    (LIST, ("interactive", "button"), 20),
    (LIST, ("interactive", "sections", 0, "title"), 24),
    (LIST, ("interactive", "sections", 0, "rows", 0, "id"), 200),
    (LIST, ("interactive", "sections", 0, "rows", 0, "title"), 24),
    (LIST, ("interactive", "sections", 0, "rows", 0, "description"), 72),
    (FLOW, ("interactive", "button"), 30),
    (TEMPLATE, ("template", "components", 0, "parameters", 0, "text"), 1024),
    (TEMPLATE, ("template", "components", 1, "parameters", 0, "payload"), 128),
]


@pytest.mark.parametrize(("body", "path", "most"), LONGEST, ids=[str(one[1]) for one in LONGEST])
def test_a_text_is_as_long_as_meta_takes_in_both_ways_of_counting(
    body: Json, path: tuple[str | int, ...], most: int
) -> None:
    pointer = "".join(f"/{step}" for step in path)
    for character, size in (("a", 1), (EMOJI, 2)):
        assert faults(changed(body, path, character * (most // size))) == {}
        too_long = faults(changed(body, path, character * (most // size) + "aa"))
        assert too_long == {pointer: f"is over {most} characters"}
    assert faults(changed(body, path, " ")) == {pointer: "must not be empty"}


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
    ("last without", NOBODY | SOMEBODY | {"ifLast": None}, {"/ifLast": WITHOUT}),
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
        {"/contacts/0/name/suffix": "must be given, or another part of the name"},
    ),
]


@pytest.mark.parametrize(("name", "body", "wanted"), WRONG, ids=[one[0] for one in WRONG])
def test_what_does_not_go_together_is_said_where_it_stands(
    name: str, body: Json, wanted: dict[str, str]
) -> None:
    assert faults(body) == wanted


@pytest.mark.parametrize(
    "link",
    [
        "http://example.org/a",
        "https://user:secret@example.org/a",
        "https:///a",
        "https://example.org\\a",
        "https://example.org/a b",
        "javascript:alert(1)",
        "https://" + "a" * 2000,
    ],
)
def test_a_link_is_https_without_a_password_and_of_bounded_length(link: str) -> None:
    assert list(faults(_members(MEDIA, "media", link=link))) == ["/media/link"]


@pytest.mark.parametrize(
    ("to", "kept"),
    [
        ("+31600000011", "31600000011"),
        ("31600000011", "31600000011"),
        ("NL.abc123", "NL.abc123"),
        ("NL.ENT.abc123", "NL.ENT.abc123"),
    ],
)
def test_a_citizen_is_a_phone_number_or_an_id_of_metas(to: str, kept: str) -> None:
    assert message("template", to=to).to == kept


@pytest.mark.parametrize("to", ["0600000011", "+31", "nl.abc", "NL.", "+316000000111234567"])
def test_anything_else_is_nobody(to: str) -> None:
    assert list(faults(TEMPLATE | {"to": to})) == ["/to"]


def test_no_last_answer_is_something_else_than_not_looking() -> None:
    assert message("text").guarded and message("text").if_last is None
    assert not message("photo").guarded
    assert str(message("quote").if_last) == examples.MESSAGE


@pytest.mark.parametrize("emoji", ["👍", "", "👨‍👩‍👧‍👦", "❤️", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_a_reaction_is_an_emoji_or_takes_it_away(emoji: str) -> None:
    body = examples.MESSAGES["reaction"]
    assert faults(_members(body, "reaction", emoji=emoji)) == {}


@pytest.mark.parametrize("emoji", ["ja", "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍", "1", " "])
def test_words_are_no_reaction(emoji: str) -> None:
    body = examples.MESSAGES["reaction"]
    assert list(faults(_members(body, "reaction", emoji=emoji))) == ["/reaction/emoji"]


@pytest.mark.parametrize(
    "zaak", ["ZAAK-2026-1", "https://zaken.example.nl/api/v1/zaken/1", "a" * 40]
)
def test_a_zaak_has_an_identification_or_an_address(zaak: str) -> None:
    assert faults({"zaak": zaak}, bodies.TIE) == {}


@pytest.mark.parametrize("zaak", ["", "a" * 41, "http://zaken.example.nl/1", "https://u@x/1"])
def test_nothing_else_is_a_zaak(zaak: str) -> None:
    assert list(faults({"zaak": zaak}, bodies.TIE)) == ["/zaak"]


@pytest.mark.parametrize(("name", "kind", "body"), ORDERS, ids=[one[0] for one in ORDERS])
def test_nothing_but_the_last_answer_may_be_null(
    name: str, kind: TypeAdapter[Any], body: Json
) -> None:
    for path in paths(body):
        if path and path[0] != "ifLast" and "data" not in path:
            pointer = "".join(f"/{step}" for step in path)
            assert pointer in faults(changed(body, path, None), kind)


def test_what_was_read_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        message("text").type = "x"  # type: ignore[misc,assignment]
