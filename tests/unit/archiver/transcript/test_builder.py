"""A transcript from entries: what quotes, edits, withdraws and reacts; steps, statuses, places."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from archiver.transcript.references import first_words
from archiver.transcript.transcript import (
    Change,
    Decision,
    Destroyed,
    Message,
    Note,
    Place,
    Quote,
    Reaction,
    Step,
    Transcript,
    decode_transcript,
    encode_transcript,
)
from tests.support.archiver.transcripts import (
    BY_RULE,
    FATIMA,
    LOTTE,
    MORNING,
    Story,
    entries_of,
    ordinary,
    rows_of,
    transcript_of,
    wamid_of,
)

NAME = "mfrggzdfmztwq2lknnwg23tpoa"


def messages_of(transcript: Transcript) -> list[Message]:
    return [row for row in transcript.rows if isinstance(row, Message)]


def test_transcript_survives_its_way_to_the_printer() -> None:
    transcript = transcript_of(ordinary())
    assert decode_transcript(encode_transcript(transcript)) == transcript


def test_rows_are_in_order_of_time_and_messages_are_numbered() -> None:
    transcript = transcript_of(ordinary())
    assert [row.at for row in transcript.rows] == sorted(row.at for row in transcript.rows)
    numbers = [each.number for each in messages_of(transcript)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert transcript.opened_at == MORNING == transcript.rows[0].at
    assert transcript.closed_at == transcript.last_at
    assert [stay.department for stay in transcript.stays] == [
        "Klantcontactcentrum", "Openbare ruimte",
    ]  # fmt: skip
    assert (transcript.zaak, transcript.code) == ("ZAAK-2026-0012345", "6.1.3")


def test_order_in_which_entries_are_read_changes_nothing() -> None:
    story = ordinary()
    entries = entries_of(story.records)
    turned = {
        name: list(reversed(getattr(entries, name))) for name in ("messages", "steps", "notes")
    }
    steps = sorted(turned["steps"], key=lambda row: row["sequence"])
    assert transcript_of(story, **turned | {"steps": steps}) == transcript_of(story)


def test_edit_withdrawal_quote_and_reaction_point_to_their_messages() -> None:
    shown = {each.text: each for each in messages_of(transcript_of(ordinary()))}
    wrong, right = shown["Het zijn drie tegels"], shown["Het zijn twee tegels en een rand"]
    assert wrong.changes == (Change("edited", right.at, right.number),)
    assert right.about == Quote(wrong.number, "Het zijn drie tegels")
    accused = shown["Mijn buurman Henk van nummer 14 heeft het gedaan"]
    [withdrawn] = accused.changes
    assert withdrawn.kind == "withdrawn" and withdrawn.number == accused.number + 1
    answer, photo = shown["Dank u wel! Woensdag maken wij de stoep."], shown["Kijk, hier is het 😕"]
    assert answer.quote == Quote(photo.number, photo.text)
    assert [(each.emoji, each.direction) for each in answer.reactions] == [("👍", "in")]
    assert shown["Fijn, dank u wel"].quote == Quote(answer.number, answer.text)
    assert "👍" not in shown


@pytest.mark.parametrize(
    ("type", "item", "text"),
    [
        ("text", {"context": {"id": "wamid.weg"}}, "en dit?"),
        ("edit", {"edit": {"original_message_id": "wamid.weg"}}, "nieuw"),
        ("revoke", {"revoke": {"original_message_id": "wamid.weg"}}, ""),
        ("reaction", {"reaction": {"message_id": "wamid.weg", "emoji": "👍"}}, "👍"),
    ],
)
def test_message_about_one_that_is_not_here_says_so(
    type: str, item: dict[str, Any], text: str
) -> None:
    story = Story(NAME, FATIMA)
    story.hears(type, item, text)
    [message] = messages_of(transcript_of(story))
    assert Quote(0) in (message.quote, message.about)


def test_reaction_that_was_taken_back_is_shown_as_such_and_one_that_failed_by_itself() -> None:
    story = Story(NAME, FATIMA)
    answer = story.says("Komt goed")
    story.hears("reaction", {"reaction": {"message_id": wamid_of(answer), "emoji": "👍"}}, "👍")
    story.hears("reaction", {"reaction": {"message_id": wamid_of(answer)}})
    heard = story.hears("text", {}, "Dank")
    story.says("❤️", type="reaction", quoted=heard.message, status="failed")
    shown, dank, failed = messages_of(transcript_of(story))
    assert [each.emoji for each in shown.reactions] == ["👍", ""]
    assert dank.reactions == () and failed.type == "reaction"
    assert failed.about == Quote(dank.number, "Dank")
    assert isinstance(shown.reactions[0], Reaction)


def test_decision_is_shown_where_it_changed() -> None:
    story = Story(NAME, FATIMA)
    story.hears("text", {}, "een", decision=BY_RULE)
    story.hears("text", {}, "twee", decision=BY_RULE)
    story.department = "burgerzaken"
    story.hears("text", {}, "drie", decision=BY_RULE)
    reason, version = BY_RULE["reason"], BY_RULE["version"]
    assert [each.decision for each in messages_of(transcript_of(story))] == [
        Decision("Klantcontactcentrum", reason, version),
        None,
        Decision("burgerzaken", reason, version),
    ]


def test_message_that_was_refused_has_failed_with_the_reason() -> None:
    story = Story(NAME, FATIMA)
    why = "window_closed: de inwoner schreef langer dan 24 uur geleden"
    record = story.says("Te laat", status="failed", decision=BY_RULE | {"reason": why})
    entries = entries_of([record])
    [message] = messages_of(transcript_of(story, fates=[]))
    assert entries.messages and [(each.status, each.reason) for each in message.statuses] == [
        ("failed", why)
    ]


@pytest.mark.parametrize(
    ("event", "is_shown"),
    [("transferred", True), ("confirmed", True), ("iets nieuws", True), ("read", False),
     ("window", False), ("refused", False)],
)  # fmt: skip
def test_steps_are_shown_but_those_that_changed_nothing(event: str, is_shown: bool) -> None:
    story = Story(NAME, FATIMA)
    story.hears("text", {}, "hallo")
    story.step(event, LOTTE)
    steps = [row.event for row in transcript_of(story).rows if isinstance(row, Step)]
    assert steps == [event] * is_shown


def test_former_department_that_the_reader_may_not_know_is_left_out() -> None:
    from archiver.transcript.builder import build_transcript

    story = Story(NAME, FATIMA)
    story.step("transferred", LOTTE, **{"from": "jeugd", "reason": "Gaat over een kind"})
    entries = entries_of(story.records)
    [step] = build_transcript(entries, str, {}, lambda id: id != "jeugd").rows
    assert isinstance(step, Step)
    assert (step.former, step.reason, step.author) == ("", "", None)
    [step] = build_transcript(entries, str, {}).rows
    assert isinstance(step, Step) and step.former == "jeugd" and step.author


def test_destroyed_message_keeps_its_number_and_its_place() -> None:
    story = ordinary()
    whole = messages_of(transcript_of(story))
    gone = [each for each in story.records if b"buurman" in each.data]
    left = [each for each in story.records if each not in gone]
    at = MORNING + timedelta(days=9)
    plain = rows_of(gone)
    transcript = transcript_of(
        story, **vars_of(left), gone=plain, destructions={plain[0]["id"]: at}
    )
    [place] = [row for row in transcript.rows if isinstance(row, Destroyed)]
    assert place.destroyed_at == at
    numbers = {each.id: each.number for each in whole}
    assert all(numbers[each.id] == each.number for each in messages_of(transcript))
    assert place.number == next(each.number for each in whole if "buurman" in each.text)


def vars_of(records: list[Any]) -> dict[str, Any]:
    entries = entries_of(records)
    return {name: getattr(entries, name) for name in ("messages", "steps", "notes", "fates")}


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ({"latitude": 52.1, "longitude": 5.2}, Place(52.1, 5.2)),
        ({"latitude": "52.1", "longitude": "5.2", "name": "Plein"}, Place(52.1, 5.2, "Plein")),
        ({"latitude": "hier", "longitude": 5.2}, None),
        ({"name": "Plein"}, None),
        ("Plein", None),
    ],
)
def test_place_is_read_as_meta_gives_it(location: Any, place: Place | None) -> None:
    story = Story(NAME, FATIMA)
    story.hears("location", {"location": location})
    content = {"type": "location", "location": location}
    story.says("Plein", type="location", content=content)
    assert [each.place for each in messages_of(transcript_of(story))] == [place, place]


def test_contact_cards_have_their_numbers() -> None:
    story = Story(NAME, FATIMA)
    card = {"name": {"formatted_name": "Gemeentewerf"}, "phones": [{"phone": "14 0546"}, {}]}
    story.hears("contacts", {"contacts": [card, "x"]}, "Gemeentewerf")
    assert messages_of(transcript_of(story))[0].text == "Gemeentewerf 14 0546"


def test_note_and_correction_have_their_authors() -> None:
    transcript = transcript_of(ordinary())
    [note] = [row for row in transcript.rows if isinstance(row, Note)]
    assert note.author and (note.author.id, note.author.identified) == ("l.hendriks", "proven")
    [correction] = messages_of(transcript)[0].annotations
    assert (correction.by, correction.identified) == ("W. Dekker", "stated")


def test_raw_bytes_that_are_no_json_are_no_fault() -> None:
    story = Story(NAME, FATIMA)
    record = msgspec.structs.replace(story.hears("text", {}, "hallo"), raw=b"\xff{")
    story.records = [record]
    assert messages_of(transcript_of(story))[0].text == "hallo"


@pytest.mark.parametrize(
    ("text", "words"),
    [("kort", "kort"), ("een twee drie", "een twee…"), ("aaaaaaaaaaaaa", "aaaaaaaaaa…"),
     ("a\n b", "a b")],
)  # fmt: skip
def test_first_words_are_cut_between_words(text: str, words: str) -> None:
    assert first_words(text, 10) == words
