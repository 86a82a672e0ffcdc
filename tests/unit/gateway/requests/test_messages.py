"""An order keeps to Meta's limits, and to the values that each member allows."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway.api_docs import examples
from gateway.requests import changes
from tests.support.gateway.commands import ORDERS, Json, changed, faults, message, paths

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


def test_if_last_none_differs_from_an_absent_guard() -> None:
    for none in ("none", None):
        guarded = message("text", ifLast=none)
        assert guarded.has_if_last and guarded.if_last is None
    assert faults(TEXT | {"ifLast": "None"}) == {"/ifLast": "must be a UUID, or none"}
    assert not message("photo").has_if_last
    assert str(message("quote").if_last) == examples.MESSAGE


EMOJIS = [
    "👍",
    "👍🏽",
    "👨‍👩‍👧‍👦",
    "👩🏽‍❤️‍💋‍👨🏿",
    "❤️",
    "❤",
    "❤️‍🔥",
    "1️⃣",
    "#️⃣",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "🇳🇱",
    "ℹ️",
    "©",
    "☺️",
    "🏳️‍🌈",
    "🪿",
    "⭐️",
    "👍️",
    "1⃣",
]
NONE = [
    "ja", "1", " ", "!", "!!!!", "$$$", "\u202e", "\u200b", "👍👍", "👍" * 8, "👍\n", "👍 ",
    "\ufe0f", "\u200d", "👍\u200d", "🇳", "🇳🇱🇧🇪", "👍\u202e", "a\ufe0f", "\u20e3",
    "🏴\U000e0067", "👍\u200d" * 9 + "👍",
    "👍\ufe0f\ufe0f", "👍\u200d👎", "🚗🏽", "❤\ufe0e",
]  # fmt: skip


@pytest.mark.parametrize("emoji", ["", *EMOJIS])
def test_a_reaction_is_an_emoji_or_takes_it_away(emoji: str) -> None:
    body = examples.MESSAGES["reaction"]
    assert faults(changed(body, ("reaction", "emoji"), emoji)) == {}


@pytest.mark.parametrize("emoji", NONE)
def test_reaction_must_be_exactly_one_emoji(emoji: str) -> None:
    body = examples.MESSAGES["reaction"]
    assert list(faults(changed(body, ("reaction", "emoji"), emoji))) == ["/reaction/emoji"]


@pytest.mark.parametrize("phone", ["(0546) 54 11 11", "+(31) 546-541111", "+31 546 541 111", "112"])
def test_a_card_has_a_phone_number_as_people_write_it(phone: str) -> None:
    body = examples.MESSAGES["contacts"]
    assert faults(changed(body, ("contacts", 0, "phones", 0, "phone"), phone)) == {}


@pytest.mark.parametrize("phone", ["(((", "(", "bel mij", "+", "((0546) 541111"])
def test_a_phone_number_of_a_card_begins_with_a_digit_or_one_bracket(phone: str) -> None:
    pointer = ("contacts", 0, "phones", 0, "phone")
    body = examples.MESSAGES["contacts"]
    assert list(faults(changed(body, pointer, phone))) == ["/contacts/0/phones/0/phone"]


@pytest.mark.parametrize("name", ["../a.pdf", "a\\b.pdf", "a\n.pdf", "a" * 241, " "])
def test_a_document_in_a_template_has_a_name_as_any_other(name: str) -> None:
    file = {"link": "https://example.org/a.pdf", "filename": name}
    parameter = {"type": "document", "document": file}
    header = {"type": "header", "parameters": [parameter]}
    body = changed(TEMPLATE, ("template", "components"), [header])
    where = "/template/components/0/parameters/0/document/filename"
    assert list(faults(body)) == [where]
    assert (
        faults(
            changed(
                body,
                ("template", "components", 0, "parameters", 0, "document", "filename"),
                "a.pdf",
            )
        )
        == {}
    )


@pytest.mark.parametrize(
    ("text", "fits"), [("a" * 60, True), (EMOJI * 30, True), (EMOJI * 31, False), ("a" * 61, False)]
)
def test_a_header_of_a_template_is_counted_as_all_else(text: str, fits: bool) -> None:
    header = {"type": "header", "parameters": [{"type": "text", "text": text}]}
    assert (faults(changed(TEMPLATE, ("template", "components"), [header])) == {}) == fits


@pytest.mark.parametrize(
    "zaak", ["ZAAK-2026-1", "https://zaken.example.nl/api/v1/zaken/1", "a" * 40]
)
def test_a_zaak_has_an_identification_or_an_address(zaak: str) -> None:
    assert faults({"zaak": zaak}, changes.LINK_CASE) == {}


@pytest.mark.parametrize("zaak", ["", "a" * 41, "http://zaken.example.nl/1", "https://u@x/1"])
def test_malformed_zaak_is_refused(zaak: str) -> None:
    assert list(faults({"zaak": zaak}, changes.LINK_CASE)) == ["/zaak"]


@pytest.mark.parametrize(("name", "kind", "body"), ORDERS, ids=[one[0] for one in ORDERS])
def test_null_is_refused_for_all_but_the_last_answer(
    name: str, kind: TypeAdapter[Any], body: Json
) -> None:
    for path in paths(body):
        if path and path[0] != "ifLast" and "data" not in path:
            pointer = "".join(f"/{step}" for step in path)
            assert pointer in faults(changed(body, path, None), kind)


def test_parsed_message_is_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        message("text").type = "x"  # type: ignore[misc,assignment]
