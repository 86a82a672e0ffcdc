"""The redacted transcript of a conversation with everything in it."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from archiver.disclosure.disclosure import Kind
from archiver.disclosure.proposals import propose_spans
from archiver.disclosure.redaction import Box, Redactions, Span, TextChanged, bind
from archiver.disclosure.redactor import Redacted, Rules, find_people, find_texts, redact
from archiver.transcript.layout import lay_out
from archiver.transcript.page import render_page
from archiver.transcript.phrases import CARE
from archiver.transcript.transcript import Message, Step, Transcript, encode_transcript
from tests.support.archiver.transcripts import PHOTO, contents_of, ordinary, transcript_of

replace = msgspec.structs.replace
SECRET = [
    "Fatima", "31600000011", "l.hendriks", "m.yilmaz", "W. Dekker", "ZAAK-2026-0012345",
    "De Weezeboom", "242120", "de stoep ligt open sinds maandag", "6c1b29ad", "Henk",
]  # fmt: skip
"""Left out by itself, but for the neighbour, whom a person finds."""
PICTURE = b"\xff\xd8 made anew"


def whole() -> Transcript:
    story = ordinary()
    return transcript_of(story, contents_of(story.records, PHOTO.read_bytes(), "image/png"))


def message_with(transcript: Transcript, words: str) -> Message:
    rows = (row for row in transcript.rows if isinstance(row, Message))
    return next(row for row in rows if words in row.text)


def spans_on(transcript: Transcript, words: str, ground: str = "5.1.2e") -> Iterator[Span]:
    for id, text in find_texts(transcript).items():
        if words in text:
            at = text.index(words)
            yield Span(id, at, at + len(words), ground)


def salts_of(transcript: Transcript) -> dict[str, bytes]:
    return {id: id.encode()[:16] for id in find_texts(transcript)}


def redacted(transcript: Transcript, kind: Kind = "woo", **more: Any) -> Redacted:
    named, pictures = more.pop("named", frozenset()), more.pop("shown", {})
    redactions = bind(Redactions(**more), find_texts(transcript), salts_of(transcript))
    rules = Rules(kind, named, redactions, salts_of(transcript))
    return redact(transcript, rules, pictures)


def reasons(transcript: Transcript) -> set[str]:
    messages = [row for row in transcript.rows if isinstance(row, Message)]
    steps = {row.reason for row in transcript.rows if isinstance(row, Step)}
    return steps | {row.decision.reason for row in messages if row.decision}


def page(done: Redacted) -> str:
    return render_page(done.transcript).decode()


def test_nothing_of_what_is_left_out_is_in_what_is_handed_over() -> None:
    transcript = whole()
    before = render_page(transcript).decode()
    assert [each for each in SECRET if each not in before and each != "242120"] == []
    spans = tuple(spans_on(transcript, "Henk"))
    assert spans
    done = redacted(transcript, spans=spans)
    assert [each for each in SECRET if each in page(done)] == []
    encoded = msgspec.msgpack.encode(done.transcript)
    assert [each for each in SECRET if each.encode() in encoded] == []
    # Not even an id, by which the record would lead to it.
    ids = {row.id for row in transcript.rows if isinstance(row, Message)}
    assert not any(id.encode() in encoded for id in ids)
    assert done.grounds == ("5.1.2e",) and "persoonlijke levenssfeer" in page(done)


def test_quote_has_the_words_as_they_are_shown() -> None:
    transcript = whole()
    edited = message_with(transcript, "Henk")
    done = redacted(transcript, spans=tuple(spans_on(transcript, "Henk")))
    quotes = [row.quote or row.about for row in done.transcript.rows if isinstance(row, Message)]
    of_it = [each.words for each in quotes if each and each.number == edited.number]
    assert of_it and all("[5.1.2e]" in words for words in of_it)


def test_reason_of_a_rule_does_not_quote_what_is_left_out() -> None:
    transcript = whole()
    by_rule = '"stoep" staat erin (regel stoep)'
    done = redacted(transcript, spans=tuple(spans_on(transcript, "stoep"))).transcript
    assert by_rule in reasons(transcript) and by_rule in reasons(redacted(transcript).transcript)
    assert by_rule not in reasons(done)


def test_employee_who_is_named_is_shown() -> None:
    done = page(redacted(whole(), named=frozenset({"l.hendriks"})))
    assert "l.hendriks" in done and "m.yilmaz" not in done


def test_picture_is_shown_if_somebody_let_it_through() -> None:
    transcript = whole()
    id = message_with(transcript, "Kijk, hier").id
    box = Box(id, 0, 0, 500, 1000, "5.1.1d")
    done = redacted(transcript, boxes=(box,), pictures=(id,), shown={id: PICTURE})
    files = [each for row in done.transcript.rows if isinstance(row, Message) for each in row.files]
    assert [(each.content, each.sha256, each.original) for each in files] == [(PICTURE, "", b"")]
    assert done.grounds == ("5.1.1d", "5.1.2e")
    hidden = redacted(transcript).transcript
    files = [each for row in hidden.rows if isinstance(row, Message) for each in row.files]
    assert [(each.content, each.shown, each.name) for each in files] == [(b"", "", "[5.1.2e]")]


def test_citizen_sees_their_own_and_no_employee() -> None:
    done = page(redacted(whole(), "access"))
    shown = ["Fatima", "31600000011", "De Weezeboom", "ZAAK-2026-0012345"]
    assert [each for each in shown if each not in done] == []
    assert [each for each in ("l.hendriks", "m.yilmaz", "W. Dekker") if each in done] == []


@pytest.mark.parametrize(("kind", "is_shown"), [("woo", False), ("access", True)])
def test_kind_of_a_danger_is_shown_to_who_asked_for_access_alone(
    kind: Kind, is_shown: bool
) -> None:
    transcript = whole()
    at = transcript.rows[0].at
    alarm = Step(event="alarmed", at=at, department="Klantcontact", care="suicide")
    done = redacted(replace(transcript, rows=(*transcript.rows, alarm)), kind)
    of_pdf = msgspec.json.encode(lay_out(done.transcript)).decode()
    printed = encode_transcript(done.transcript).decode(errors="replace")
    for form in (page(done), of_pdf):
        assert "Melding van mogelijk gevaar" in form
        assert (CARE["suicide"] in form) == is_shown
    assert ("suicide" in printed) == is_shown
    assert (reasons_of(done.transcript) == reasons_of(transcript)) == is_shown, "it names the rule"


def reasons_of(transcript: Transcript) -> set[str]:
    """Return why departments got messages."""
    rows = [row for row in transcript.rows if isinstance(row, Message) and row.decision]
    return {row.decision.reason for row in rows if row.decision}


def test_text_that_is_not_the_one_that_was_redacted_is_refused() -> None:
    transcript = whole()
    texts, salts = find_texts(transcript), salts_of(transcript)
    spans = Redactions(spans=tuple(spans_on(transcript, "Henk")))
    redact(transcript, Rules("woo", redactions=bind(spans, texts, salts), salts=salts), {})
    longer = {id: f"{text} " for id, text in texts.items()}
    others = dict.fromkeys(salts, b"other")
    for altered in (bind(spans, longer, salts), bind(spans, texts, others)):
        with pytest.raises(TextChanged):
            redact(transcript, Rules("woo", redactions=altered, salts=salts), {})


def test_people_of_the_record_are_proposed() -> None:
    transcript = whole()
    people = find_people(transcript, frozenset({"m.yilmaz"}))
    assert people.citizens == ("Fatima", "31600000011") and people.employees == ("l.hendriks",)
    texts = {"x": "Fatima belde met l.hendriks en m.yilmaz"}
    assert len(propose_spans(texts, people, "woo")) == 2
