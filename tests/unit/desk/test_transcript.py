"""The rows of a conversation, and their order."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from desk.conversation.section import Section
from desk.conversation.transcript import (
    QUOTABLE,
    Entry,
    build_transcript,
    can_be_quoted,
    citizen_name,
    earlier_notes,
    find_message,
    has_all_quoted,
    is_inline_picture,
    is_inline_sound,
    last_answer,
)
from desk.inbox.conversation import Conversation, with_labels
from desk.postkamer.record import Dossier, File, LastAnswer, Message

AT = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
DOSSIER = Dossier("c", AT)
ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)


def message(id: UUID = ONE, n: int = 1, direction: str = "in", **fields: Any) -> Message:
    at = AT + timedelta(minutes=n)
    given = {"id": id, "direction": direction, "type": "text", "sequence": n, "receivedAt": at}
    return msgspec.convert(given | fields, Message)


def kinds(rows: list[Entry]) -> list[str]:
    return [each.kind for each in rows]


def test_rows_are_in_order_with_each_new_day() -> None:
    note = {"id": uuid4(), "at": AT + timedelta(minutes=45), "text": "gebeld"}
    step = {"event": "transferred", "at": AT + timedelta(minutes=2), "department": "d"}
    hidden = {"event": "something-new", "at": AT}
    dossier = msgspec.convert(
        {"id": "c", "openedAt": AT, "notes": [note], "history": [hidden, step]}, Dossier
    )
    rows = build_transcript(Section(messages=[message(), message(TWO, 3)]), dossier)
    assert kinds(rows) == ["day", "message", "step", "message", "day", "note"]
    days = [each.day.day for each in rows if each.day]
    assert days == [30, 1]  # in the Netherlands, where it is an hour later


def test_reaction_is_shown_at_its_message_and_replaces_the_one_before() -> None:
    messages = [
        message(raw={"id": "wamid.1"}),
        message(TWO, 2, type="reaction", raw={"reaction": {"message_id": "wamid.1", "emoji": "x"}}),
        message(
            THREE, 3, type="reaction", raw={"reaction": {"message_id": "wamid.1", "emoji": "y"}}
        ),
    ]
    rows = build_transcript(Section(messages=messages), DOSSIER)
    assert kinds(rows) == ["day", "message"]
    assert rows[1].reactions == ("y",)


def test_quoted_message_is_shown() -> None:
    quoting = message(TWO, 2, raw={"id": "wamid.2", "context": {"id": "wamid.1"}})
    rows = build_transcript(Section(messages=[message(raw={"id": "wamid.1"}), quoting]), DOSSIER)
    assert rows[2].quotes and rows[2].quotes.id == ONE
    unknown = message(raw={"context": {"id": "wamid.9"}})
    assert build_transcript(Section(messages=[unknown]), DOSSIER)[1].quotes is None


def test_section_shows_what_happened_between_its_messages_and_the_next_one() -> None:
    notes = [{"id": uuid4(), "at": AT + timedelta(minutes=n), "text": f"{n}"} for n in (0, 2, 4, 9)]
    dossier = msgspec.convert({"id": "c", "openedAt": AT, "notes": notes}, Dossier)
    one, three, five = (message(UUID(int=n), n) for n in (1, 3, 5))

    def notes_in(section: Section) -> list[str]:
        return [row.note.text for row in build_transcript(section, dossier) if row.note]

    first = Section(messages=[one], newer=[three, five], is_newest=False)
    middle = Section(messages=[three], newer=[five], earlier=3, is_newest=False)
    newest = Section(messages=[five], older=[one], earlier=5)
    assert [notes_in(each) for each in (first, middle, newest)] == [["0", "2"], ["4"], ["9"]]
    assert [each.text for each in earlier_notes(newest, dossier)] == ["0", "2", "4"]
    assert earlier_notes(middle, dossier) == earlier_notes(Section(messages=[one]), dossier) == []
    assert notes_in(Section(messages=[one, three, five])) == notes_in(Section()) == list("0249")


def test_quote_of_a_message_that_was_not_read_is_shown_as_one() -> None:
    answer = message(THREE, 1, "out", raw={"id": "wamid.1"})
    quoting = message(TWO, 2, raw={"context": {"id": "wamid.1"}})
    quoting_ours = message(TWO, 2, "out", replyTo=THREE, author={"kind": "automated"})
    for each in (quoting, quoting_ours):
        known, unknown = Section(messages=[each], older=[answer]), Section(messages=[each])
        assert has_all_quoted(known) and not has_all_quoted(unknown)
        for section, quotes in ((known, answer), (unknown, None)):
            [_, row] = build_transcript(section, DOSSIER)
            assert (row.is_quoting, row.quotes) == (True, quotes)
    [_, row] = build_transcript(Section(messages=[message()]), DOSSIER)
    assert not row.is_quoting and has_all_quoted(Section(messages=[message()]))
    assert has_all_quoted(Section(messages=[message(TWO, 2, type="reaction", replyTo=THREE)]))


def test_section_shows_quoted_messages_and_reactions_of_around_it() -> None:
    quoting = message(TWO, 2, raw={"id": "wamid.2", "context": {"id": "wamid.1"}})
    reaction = message(
        THREE, 3, type="reaction", raw={"reaction": {"message_id": "wamid.2", "emoji": "x"}}
    )
    older = message(raw={"id": "wamid.1"})
    section = Section(messages=[quoting], older=[older], newer=[reaction], earlier=2)
    [_, row] = build_transcript(section, DOSSIER)
    assert (row.message, row.quotes, row.reactions) == (quoting, older, ("x",))


def test_our_quote_and_our_reaction_are_found_by_our_ids() -> None:
    ours = {"direction": "out", "wamid": "wamid.ours"}
    messages = [
        message(raw={"id": "wamid.1"}),
        message(TWO, 2, replyTo=ONE, **ours),
        message(THREE, 3, "out", type="reaction", replyTo=ONE, text="👍"),
        message(UUID(int=4), 4, raw={"context": {"id": "wamid.ours"}}),
    ]
    rows = [row for row in build_transcript(Section(messages=messages), DOSSIER) if row.message]
    assert [(row.quotes and row.quotes.id) for row in rows] == [None, ONE, TWO]
    assert (rows[0].reactions, rows[0].own_reaction) == (("👍",), "👍")
    removed = message(UUID(int=5), 5, "out", type="reaction", replyTo=ONE)
    failed = message(UUID(int=6), 6, "out", type="reaction", replyTo=ONE, text="x", status="failed")
    rows = build_transcript(Section(messages=[*messages, removed, failed]), DOSSIER)
    assert (rows[1].reactions, rows[1].own_reaction) == ((), "")


def test_message_of_the_citizen_can_be_quoted_while_the_gateway_knows_it() -> None:
    at = message().received_at
    assert can_be_quoted(message(), at + QUOTABLE - timedelta(seconds=1))
    assert not can_be_quoted(message(), at + QUOTABLE)
    assert not can_be_quoted(message(direction="out"), at)
    assert find_message([message()], ONE) == message()
    assert find_message([message()], TWO) is find_message([message()], None) is None


@pytest.mark.parametrize("raw", [None, [], {"location": 3, "context": 4, "id": 5}, {"reaction": 1}])
def test_odd_item_is_shown_without_its_extras(raw: Any) -> None:
    [_, row] = build_transcript(Section(messages=[message(raw=raw)]), DOSSIER)
    assert (row.place, row.quotes, row.reactions) == (None, None, ())


def test_place_is_shown() -> None:
    raw = {"location": {"latitude": 52.35, "longitude": 6.66, "name": "Stadhuis"}}
    [_, row] = build_transcript(Section(messages=[message(type="location", raw=raw)]), DOSSIER)
    assert row.place and (row.place.latitude, row.place.name) == (52.35, "Stadhuis")


def test_newest_answer_counts_and_no_automatic_text() -> None:
    automatic = {"author": {"kind": "automated", "id": "postkamer"}}
    employee = {"author": {"kind": "employee", "id": "s.jansen"}}

    def newest(*messages: Message, named: LastAnswer | None = None, own: UUID | None = None) -> str:
        return last_answer(Section(messages=messages, earlier=1), named, own)

    assert newest(message(), message(TWO, 2, "out", **automatic)) == "none"
    messages = [message(TWO, 2, "out", **employee), message(THREE, 3, "out", **automatic)]
    assert newest(*messages) == str(TWO)
    reaction = message(THREE, 4, "out", type="reaction", **employee)
    refused = message(THREE, 5, "out", status="failed", **employee)
    assert newest(*messages, reaction, refused) == str(TWO)
    failed = {"status": "failed", "statuses": [{"status": "failed", "at": AT}]}
    assert newest(*messages, message(ONE, 5, "out", **failed)) == str(ONE), "Meta refused it"
    assert newest(*messages, own=ONE) == str(ONE)


def test_answer_that_the_archive_names_counts_if_its_reader_knows_of_it() -> None:
    """An answer between the two looks was not seen: it must be refused, and not answered over."""
    older, later = LastAnswer(ONE, 1), LastAnswer(THREE, 3)
    question, answer = message(TWO, 2), message(TWO, 2, "out")
    assert last_answer(Section(messages=[question], earlier=2), older) == str(ONE)
    assert last_answer(Section(messages=[answer], earlier=2), older) == str(TWO)
    assert last_answer(Section(messages=[question], earlier=2), later) == "none"
    assert last_answer(Section(messages=[answer], earlier=2), later) == str(TWO)
    assert last_answer(Section(messages=[], earlier=2), older) == str(ONE)


def test_citizen_has_the_name_of_their_last_message() -> None:
    named = [message(**{"from": {"name": name}}) for name in ("Fatima", "Fatima B")]
    assert citizen_name([*named, message()]) == "Fatima B"
    assert citizen_name([message()]) == ""


@pytest.mark.parametrize(
    ("mime_type", "state", "picture", "sound"),
    [
        ("image/jpeg", "available", True, False),
        ("image/jpeg", "waiting", False, False),
        ("image/svg+xml", "available", False, False),
        ("text/html", "available", False, False),
        ("audio/ogg; codecs=opus", "available", False, True),
        ("audio/amr", "available", False, False),  # no browser plays it
        ("IMAGE/PNG", "available", True, False),
    ],
)
def test_only_harmless_types_are_shown(
    mime_type: str, state: str, picture: bool, sound: bool
) -> None:
    file = File(ONE, mime_type, "naam", state)
    assert (is_inline_picture(file), is_inline_sound(file)) == (picture, sound)


def test_labels_of_a_confidential_conversation_are_those_of_the_citizens_newest_message() -> None:
    known = Conversation(id="c", source="s", department="zorg", last_at=AT)
    assert with_labels(known, [message(direction="out")]) is known
    because = 'mogelijk gevaar: "buurvrouw"'
    marked = message(
        TWO,
        2,
        tags=["mogelijk-gevaar"],
        priority="high",
        priorityReason=because,
        alsoAbout=["groen"],
    )
    shown = with_labels(
        known, [message(priority="normal"), marked, message(THREE, 3, direction="out")]
    )
    assert (shown.tags, shown.priority, shown.also_about) == (
        ("mogelijk-gevaar",),
        "high",
        ("groen",),
    )
    assert shown.content.priority_reason == because
