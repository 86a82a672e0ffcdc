"""A message meets its token and the configuration: a command for the router, or what stands against
it."""

import uuid
from typing import Any

import msgspec
import pytest

from gateway.commands.authorization import ConversationView
from gateway.commands.builder import CommandContext, build_message, message_faults
from gateway.requests import messages
from services.api.json_body import FieldError
from services.config.model import Configuration
from services.contract import Author, Command
from services.http.rights import Rights
from tests.support.gateway.contact_centre import (
    AT,
    CONFIG,
    CONVERSATION,
    HELD,
    NEIGHBOUR,
    NUMBER,
    OTHER,
    body,
    rights,
)
from tests.support.router.commands import build_command

TO_NUMBER: dict[str, Any] = {
    "number": NUMBER,
    "to": "+31611111111",
    "type": "text",
    "text": {"body": "Goedemiddag"},
}
IN_CONVERSATION: dict[str, Any] = {
    "conversationId": CONVERSATION,
    "type": "text",
    "text": {"body": "Goedemiddag"},
}


def faults(
    given: dict[str, Any], token: Rights, config: Configuration = CONFIG
) -> list[FieldError]:
    return message_faults(body(messages.MESSAGE, given), token, config, AT)


def pointers(given: dict[str, Any], token: Rights) -> list[str]:
    return [fault.pointer for fault in faults(given, token)]


def build(given: dict[str, Any], held: ConversationView | None = None) -> Command:
    by = CommandContext(rights=rights("kcc"), id=uuid.UUID(OTHER), at=AT)
    return build_message(body(messages.MESSAGE, given), held, by, CONFIG)


def test_a_text_to_a_number_is_a_command_of_that_number() -> None:
    assert build(TO_NUMBER) == build_command(
        "text",
        uuid.UUID(OTHER),
        AT,
        text="Goedemiddag",
        content=b'{"type":"text","text":{"body":"Goedemiddag","preview_url":false}}',
        number=NUMBER,
        to="31611111111",
        tenant="almelo",
        departments=["kcc"],
    )


def test_an_answer_is_a_command_of_its_conversation() -> None:
    said = build(IN_CONVERSATION | {"replyTo": OTHER, "department": "kcc"}, HELD)
    assert (said.conversation, said.number, said.to) == (CONVERSATION, NUMBER, "")
    assert (said.action.reply_to_message, said.department) == (uuid.UUID(OTHER), "kcc")


def test_a_reaction_is_about_a_message_and_a_file_goes_along() -> None:
    reaction = {"type": "reaction", "reaction": {"messageId": OTHER, "emoji": "👍"}}
    said = build({"conversationId": CONVERSATION} | reaction, HELD)
    assert (said.type, said.action.reply_to_message) == ("reaction", uuid.UUID(OTHER))
    photo = {"type": "media", "media": {"kind": "image", "id": OTHER, "caption": "Uw straat"}}
    said = build({"conversationId": CONVERSATION} | photo, HELD)
    assert (said.type, said.action.media, said.action.text) == (
        "image",
        uuid.UUID(OTHER),
        "Uw straat",
    )


def test_text_of_a_machine_ends_with_the_disclosure() -> None:
    said = build(IN_CONVERSATION | {"author": {"kind": "automated", "id": "bot"}}, HELD)
    assert said.action.text == "Goedemiddag\n\nDit schreef een machine."
    assert msgspec.json.decode(said.action.content)["text"]["body"] == said.action.text
    assert said.author == Author(kind="automated", id="bot")
    for kind in ("employee", "system"):
        said = build(IN_CONVERSATION | {"author": {"kind": kind, "id": "x"}}, HELD)
        assert said.action.text == "Goedemiddag"


@pytest.mark.parametrize(
    ("kind", "caption", "expected"),
    [
        ("image", None, "Dit schreef een machine."),
        ("video", None, "Dit schreef een machine."),
        ("document", None, "Dit schreef een machine."),
        ("image", "Uw straat", "Uw straat\n\nDit schreef een machine."),
        ("audio", None, None),
        ("sticker", None, None),
    ],
)
def test_file_of_a_machine_has_the_disclosure_where_it_takes_a_caption(
    kind: str, caption: str | None, expected: str | None
) -> None:
    media = {"kind": kind, "id": OTHER} | ({"caption": caption} if caption else {})
    sent = {"conversationId": CONVERSATION, "type": "media", "media": media}
    said = build(sent | {"author": {"kind": "automated"}}, HELD)
    assert msgspec.json.decode(said.action.content)[kind].get("caption") == expected
    assert said.action.text == (expected or "")
    by_hand = build(sent | {"author": {"kind": "system"}}, HELD)
    assert msgspec.json.decode(by_hand.action.content)[kind].get("caption") == caption


def test_automated_message_leaves_room_for_its_disclosure() -> None:
    longest = IN_CONVERSATION | {"text": {"body": "a" * 4096}}
    assert pointers(longest, rights()) == []
    automated = longest | {"author": {"kind": "automated"}}
    assert pointers(automated, rights()) == ["/text/body"]


@pytest.mark.parametrize(
    ("given", "token", "expected"),
    [
        (TO_NUMBER, rights(), []),
        (TO_NUMBER, rights("kcc"), []),
        (TO_NUMBER, rights("kcc", "zorg"), []),
        (TO_NUMBER, rights("zorg"), []),
        (TO_NUMBER, rights("zorg", "balie"), ["/department"]),
        (TO_NUMBER | {"department": "zorg"}, rights("zorg", "balie"), []),
        (TO_NUMBER | {"department": "zorg"}, rights("kcc"), ["/department"]),
        (TO_NUMBER | {"department": "niets"}, rights(), ["/department"]),
        (TO_NUMBER | {"department": "balie"}, rights(), ["/department"]),
        (TO_NUMBER | {"number": NEIGHBOUR}, rights(), ["/number"]),
        (TO_NUMBER | {"number": "1"}, rights(), ["/number"]),
        (IN_CONVERSATION, rights(people=True), ["/author"]),
        (IN_CONVERSATION | {"author": {"kind": "employee"}}, rights(people=True), ["/author/id"]),
        (IN_CONVERSATION | {"author": {"kind": "system"}}, rights(people=True), []),
        (IN_CONVERSATION | {"author": {"kind": "employee", "id": "s"}}, rights(people=True), []),
    ],
)
def test_message_errors_point_at_what_is_not_allowed(
    given: dict[str, Any], token: Rights, expected: list[str]
) -> None:
    assert pointers(given, token) == expected


def test_unscanned_link_is_refused_in_production() -> None:
    media = {"kind": "document", "link": "https://www.almelo.nl/a.pdf"}
    order = {name: value for name, value in IN_CONVERSATION.items() if name != "text"}
    given = order | {"type": "media", "media": media}
    production = CONFIG.model_copy(update={"environment": "production"})
    assert faults(given, rights("kcc")) == []
    [fault] = faults(given, rights("kcc"), production)
    assert (fault.pointer, "scanned" in fault.detail) == ("/media/link", True)
