"""Answers, reactions and reasons as they are given, and what was typed and not sent."""

from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import msgspec
import pytest
from pydantic import TypeAdapter

from archiver.privacy.lists.routes import PAGE
from desk.conversation.answers import GivenAnswer
from desk.conversation.reasons import COMMON, MAX_CHARACTERS, OTHER, reason_text
from desk.inbox.conversation import ANSWERS_NOTHING, Conversation
from desk.pages.answers import CAPTIONED, build_answer, build_reaction, kind_of, media_of
from desk.pages.conversation import read_before
from desk.pages.conversation_view import EMOJI
from desk.pages.forms import Form
from desk.pages.upload import Upload
from desk.web.unsent_form import MAX_FIELDS, unsent_fields
from desk.web.words import load_words
from gateway.media.media_types import MEDIA_TYPES
from gateway.requests.messages import MESSAGE
from services.api.json_body import parse_body
from services.files.filenames import shorten_filename

ID = "106540352242922-mfrggzdfmztwq2lknnwg23tpoa"
AT = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
CONVERSATION = Conversation(id=ID, source="urn:x", department="balie", last_at=AT)
KEY, ABOUT = uuid4(), uuid4()
SEEN = Form({"last_answer": "none", "covers": "7"})
KIND: TypeAdapter[Any] = MESSAGE


def given(body: dict[str, Any]) -> GivenAnswer:
    return GivenAnswer(KEY, ID, 1, body)


def is_taken(answer: GivenAnswer) -> bool:
    """True if the gateway takes this body."""
    return not isinstance(parse_body(msgspec.json.encode(answer.body), KIND), list)


@pytest.mark.parametrize("emoji", ["", *EMOJI.values()])
def test_reaction_is_one_that_the_gateway_takes_and_answers_nothing(emoji: str) -> None:
    reaction = build_reaction(CONVERSATION, KEY, ABOUT, emoji)
    assert is_taken(reaction)
    assert reaction.covers == ANSWERS_NOTHING
    assert reaction == build_reaction(CONVERSATION, KEY, ABOUT, emoji), "pressed twice it goes once"
    assert reaction.key != build_reaction(CONVERSATION, KEY, ABOUT, "x").key


def test_answer_quotes_and_says_what_its_writer_saw() -> None:
    form = Form({"last_answer": "none", "covers": "7"})
    content = {"type": "text", "text": {"body": "hallo"}, "replyTo": str(ABOUT)}
    answer = build_answer(CONVERSATION, form, KEY, content)
    assert is_taken(answer)
    assert (answer.covers, answer.text, answer.quotes) == (7, "hallo", ABOUT)
    assert given({"replyTo": "x"}).quotes is None


@pytest.mark.parametrize("mime_type", MEDIA_TYPES)
def test_file_of_each_type_is_sent_as_the_gateway_takes_it(mime_type: str) -> None:
    name = shorten_filename("م" * 300 + ".pdf")
    caption = "foto" if kind_of(mime_type) in CAPTIONED else ""
    media = media_of(Upload(Form({}), name, "", cast(Any, None)), KEY, mime_type, caption)
    assert is_taken(build_answer(CONVERSATION, SEEN, KEY, {"type": "media", "media": media}))
    assert media["kind"] in {MEDIA_TYPES[mime_type].kind, "document"}, "or it is refused"
    assert media.get("caption", "") == caption


def test_answer_is_known_again_by_its_words() -> None:
    media: dict[str, Any] = {"media": {"caption": "foto"}}
    bodies: list[dict[str, Any]] = [
        media,
        {"media": {}},
        {"reaction": {"emoji": "x"}},
        {"template": {"name": "afspraak"}},
    ]
    assert [given(each).words for each in bodies] == ["foto", "", "x", "afspraak"]
    assert [given(each).text for each in bodies] == [""] * 4
    assert given(media).caption == "foto"


def test_reason_is_one_line_that_the_archive_takes() -> None:
    assert reason_text("Ik behandel deze vraag", "") == "Ik behandel deze vraag"
    assert reason_text("", " klacht\r\n 2026-118\x00 ") == "klacht 2026-118"
    assert reason_text("Klacht", "x" * 600).isprintable()
    assert len(reason_text("Klacht", "x" * 600)) == MAX_CHARACTERS
    assert reason_text("", "\n") == ""
    assert {f"reason.{each}" for each in (*COMMON, OTHER)} <= load_words("nl").keys()
    assert {f"react.{each}" for each in EMOJI} <= load_words("nl").keys()


def test_typed_words_are_shown_again_without_the_token() -> None:
    fields = [("form_token", "t"), ("key", str(KEY)), ("text", "U kunt <langs>"), ("file", b"x")]
    assert [(name, is_typed) for name, _, is_typed in unsent_fields(fields)] == [
        ("key", False),
        ("text", True),
    ]
    assert unsent_fields([("value-0", "vrijdag")])[0].is_typed
    assert unsent_fields([("caption", "Zo ziet het eruit")])[0].is_typed
    assert unsent_fields([("text", "  "), ("assignee", "x")]) == []
    page_of_list = [("text", "x"), *[("conversation", ID)] * PAGE, ("reason", "woo")]
    assert len(unsent_fields(page_of_list)) == len(page_of_list)
    assert unsent_fields([("text", "x")] * (MAX_FIELDS + 1)) == []  # half an order is another one


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, None),
        ({"before": "12"}, 12),
        ({"before": "0"}, None),
        ({"before": "-1"}, None),
        ({"before": "x"}, None),
        ({"before": "\0"}, None),
        ({"before": "9" * 40}, None),
    ],
)
def test_section_before_no_number_is_the_newest_one(
    query: dict[str, str], expected: int | None
) -> None:
    assert read_before(query) == expected
