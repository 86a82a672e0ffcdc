"""What may stand in an order: Meta's limits, and what each member may be."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway import bodies, examples
from tests.unit.gateway.orders import ORDERS, Json, changed, faults, message, paths

TEXT, MEDIA, FLOW = (examples.MESSAGES[name] for name in ("text", "upload", "flow"))
BUTTONS, LIST, TEMPLATE = (examples.MESSAGES[name] for name in ("buttons", "list", "template"))
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
    assert list(faults(changed(MEDIA, ("media", "link"), link))) == ["/media/link"]


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
    assert faults(changed(body, ("reaction", "emoji"), emoji)) == {}


@pytest.mark.parametrize("emoji", ["ja", "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍", "1", " "])
def test_words_are_no_reaction(emoji: str) -> None:
    body = examples.MESSAGES["reaction"]
    assert list(faults(changed(body, ("reaction", "emoji"), emoji))) == ["/reaction/emoji"]


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
