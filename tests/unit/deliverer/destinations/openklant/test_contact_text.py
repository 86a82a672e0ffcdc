"""Text of a contact: all that a citizen sent, within Open Klant's limits, or where the rest is."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.destinations.citizen_text import shorten
from deliverer.destinations.openklant.contact_text import (
    MAX_SUBJECT,
    MAX_TEXT,
    TRUNCATED,
    describe_message,
    describe_outgoing,
    describe_subject,
    extend_text,
    truncate,
)
from deliverer.destinations.openklant.events import PayloadOptions, parse_event
from services.contract import Delivery
from tests.support.integration.destination_harness import NOON

OPTIONS = PayloadOptions(
    "WhatsApp", "https://archief.example", "https://kcc.example/{conversation}"
)
URL = "https://kcc.example/10000001-c1"
MESSAGE = f"https://archief.example/v1/messages/{UUID(int=8)}"
FILE = {"link": "/v1/media/1", "filename": "put.jpg"}
PLACE = {"latitude": 52.3567, "longitude": 6.6625123}


def event(data: dict[str, Any], **fields: Any) -> Delivery:
    fixed: dict[str, Any] = {
        "id": UUID(int=7),
        "type": "nl.postkamer.message-received.v1",
        "tenant": "almelo",
        "conversation": "10000001-c1",
        "department": "afval",
        "sequence": 1,
        "time": NOON,
        "received_at": NOON,
        "data": msgspec.json.encode(data),
        "message": UUID(int=8),
    }
    return Delivery(**fixed | fields)


def describe(data: dict[str, Any], **fields: Any) -> str:
    delivery = event(data, **fields)
    return describe_message(delivery, parse_event(delivery), OPTIONS)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"type": "text", "text": " Dag \0"}, "Dag"),
        ({"type": "location", "place": PLACE}, "Plaats: 52.35670, 6.66251\n[locatie]"),
        (
            {"type": "location", "place": PLACE, "text": "Plein\nAlmelo"},
            "Plaats: 52.35670, 6.66251\n[locatie] Plein\nAlmelo",
        ),
        (
            {"type": "image", "text": "Kijk", "media": [FILE]},
            "[bestand put.jpg] https://archief.example/v1/media/1\n[foto] Kijk",
        ),
        (
            {"type": "document", "media": [FILE | {"filename": "a\nb  c.pdf\0"}]},
            "[bestand a b c.pdf] https://archief.example/v1/media/1\n[document]",
        ),
        ({"type": "contacts", "text": "Bo"}, "[contactgegevens] Bo"),
        ({"type": "unsupported"}, ""),
    ],
)
def test_text_of_a_message_has_its_words_its_files_and_its_place(
    data: dict[str, Any], text: str
) -> None:
    assert describe(data) == text


def test_files_and_place_come_before_a_text_that_is_too_long() -> None:
    text = describe({"type": "image", "text": "x" * 4096, "media": [FILE], "place": PLACE})
    first, second, rest = text.split("\n")
    assert first == "[bestand put.jpg] https://archief.example/v1/media/1"
    assert second == "Plaats: 52.35670, 6.66251"
    assert rest.endswith(f"x… [ingekort; het geheel: {MESSAGE}]")
    assert len(text) == MAX_TEXT


@pytest.mark.parametrize(
    ("data", "fields", "url"),
    [
        (
            {"text": "Geheim"},
            {"dataref": "/v1/messages/x"},
            "https://archief.example/v1/messages/x",
        ),
        ({"text": "Doorgezet"}, {"message": None}, URL),
        ({"status": "failed"}, {}, URL),
    ],
    ids=["confidential", "a transfer", "a status"],
)
def test_text_that_is_not_in_the_event_is_in_the_archive(
    data: dict[str, Any], fields: dict[str, Any], url: str
) -> None:
    assert describe(data, **fields) == f"De inhoud staat in het archief: {url}"


@given(st.text(max_size=2100), st.text(min_size=1, max_size=2100))
def test_text_is_whole_or_says_where_the_whole_is(previous: str, addition: str) -> None:
    for whole, given_text in (
        (extend_text(previous, addition, URL), f"{previous}\n\n{addition}".strip()),
        (truncate(addition, URL), addition),
    ):
        assert len(whole) <= MAX_TEXT
        assert whole == given_text or whole.endswith(f"{TRUNCATED}{URL}]")


def test_text_that_is_full_says_that_more_came_and_where_all_of_it_is() -> None:
    full = truncate("x" * 1001, URL)
    more = extend_text(full, "Nog iets", "https://elsewhere.example")
    assert more.endswith("x… [ingekort; er kwam meer; het geheel: https://elsewhere.example]")
    assert len(more) == MAX_TEXT
    assert extend_text(more, "En meer", "https://elsewhere.example") == more
    typed = "… [ingekort; het geheel: nergens]"
    assert extend_text(typed, "Nog iets", URL) == f"{typed}\n\nNog iets"


@given(st.text(max_size=300), st.integers(1, 250))
def test_shortened_text_shows_that_it_was_longer(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit and (short == text or short.endswith("…"))


@pytest.mark.parametrize(
    ("data", "subject"),
    [
        ({"text": "\0 De put is vol \nen stinkt"}, "De put is vol"),
        ({"type": "image"}, "Foto via WhatsApp"),
        ({"type": "unsupported", "text": " \n"}, "Bericht via WhatsApp"),
        ({"text": "x" * 201}, "x" * 199 + "…"),
        ({"text": "x" * 200}, "x" * 200),
    ],
)
def test_subject_is_the_first_line_or_a_description(data: dict[str, Any], subject: str) -> None:
    assert describe_subject(parse_event(event(data))) == subject


@given(st.text(max_size=250))
def test_subject_is_never_blank_nor_too_long(text: str) -> None:
    subject = describe_subject(parse_event(event({"text": text})))
    assert subject.strip() and len(subject) <= MAX_SUBJECT


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"type": "text", "text": {"body": "Morgen."}}, "Morgen."),
        ({"type": "image", "image": {"id": "1", "caption": "Zo"}}, "[foto] Zo"),
        ({"type": "document", "document": {"id": "1"}}, "[document]"),
        ({"type": "template", "template": {"name": "afspraak"}}, "[template] sjabloon afspraak"),
        ({"type": "interactive", "interactive": {"body": {"text": "Kies"}}}, "Kies"),
        ({"type": "interactive", "interactive": {}}, "Antwoord via WhatsApp"),
        ({}, "Antwoord via WhatsApp"),
    ],
)
def test_answer_is_described_by_its_kind_and_words(content: dict[str, Any], text: str) -> None:
    assert describe_outgoing(content) == text
