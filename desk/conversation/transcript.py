"""The transcript of a conversation: messages, notes and what happened beside them. Pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from desk.conversation.section import Section
from desk.postkamer.record import Dossier, File, LastAnswer, Message, Note, Step
from services.calendar.opening_hours import AMSTERDAM

INLINE_PICTURES = ("image/jpeg", "image/png", "image/webp")
INLINE_SOUND = ("audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac")
"""Not AMR, which WhatsApp takes too: no browser plays it."""
NO_ANSWERS = frozenset({"reaction"})
"""Types of messages that are no answer, as the gateway counts them."""
UNANSWERED = "none"
"""`ifLast` of a conversation in which no person answered."""
POSTKAMER = ("automated", "postkamer")
"""Kind and id of the author of automatic texts, which answer nobody and count for no `ifLast`."""
QUOTABLE = timedelta(days=30)
"""Age up to which a message can be quoted, unless a municipality chose otherwise."""
SHOWN_STEPS = frozenset({"transferred", "closed", "reopened", "linked", "care", "decided"})

Kind = Literal["message", "note", "step", "day"]


class Place(msgspec.Struct, frozen=True):
    latitude: float
    longitude: float
    name: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a transcript."""

    kind: Kind
    at: datetime
    is_ours: bool = False
    message: Message | None = None
    note: Note | None = None
    step: Step | None = None
    day: date | None = None
    place: Place | None = None
    quotes: Message | None = None
    """Message that this one quotes, if it was read."""
    is_quoting: bool = False
    reactions: tuple[str, ...] = ()
    own_reaction: str = ""
    """Emoji with which we reacted."""


def build_transcript(section: Section, dossier: Dossier) -> list[Entry]:
    """Return the rows of a section, oldest first, with a row for each new day."""
    references = _References(section.known)
    reactions = _reactions(section.known, references)
    rows = [
        *(
            _message_row(each, references, reactions.get(each.id, {}))
            for each in section.messages
            if each.type not in NO_ANSWERS
        ),
        *(
            Entry(kind="note", at=each.at, note=each, is_ours=True)
            for each in dossier.notes
            if section.covers(each.at)
        ),
        *(
            Entry(kind="step", at=each.at, step=each)
            for each in dossier.history
            if each.event in SHOWN_STEPS and section.covers(each.at)
        ),
    ]
    return list(_with_days(sorted(rows, key=lambda row: row.at)))


def earlier_notes(section: Section, dossier: Dossier) -> list[Note]:
    """Return the notes that are older than the section: of the newest one they are news all the
    same, since a colleague left them for whoever answers."""
    return [each for each in dossier.notes if section.is_newest and section.is_before(each.at)]


def has_all_quoted(section: Section) -> bool:
    """Return True if each message that is quoted in a section was read."""
    references = _References(section.known)
    quoting = (each for each in section.messages if _is_quoting(each))
    return all(references.quoted(each) for each in quoting)


def citizen_name(messages: Iterable[Message]) -> str:
    """Return the name that the citizen had last in WhatsApp; '' if they have none."""
    names = [each.citizen.name for each in messages if each.citizen and each.citizen.name]
    return names[-1] if names else ""


def last_answer(section: Section, named: LastAnswer | None, own: UUID | None = None) -> str:
    """Return the id of the newest answer that its reader knows of, as `ifLast` wants it; `none` if
    there is none. The archive names one that is not in the section; one that came after the
    section was read is not known. One that the reader just gave is newer than what the record has,
    until the record has it."""
    if own and all(each.id != own for each in section.known):
        return str(own)
    answers = [LastAnswer(each.id, each.sequence) for each in section.known if _is_answer(each)]
    if named and named.sequence <= section.end:
        answers.append(named)
    return str(max(answers, key=lambda each: each.sequence).id) if answers else UNANSWERED


def _is_answer(message: Message) -> bool:
    """Return True for a message that counts for `ifLast`, as the gateway and the archive count."""
    is_refused = message.status == "failed" and not message.statuses
    is_automatic = (message.author.kind, message.author.id) == POSTKAMER
    is_sent = message.direction == "out" and message.type not in NO_ANSWERS
    return is_sent and not is_automatic and not is_refused


def last_sequence(messages: Iterable[Message]) -> int:
    return max((each.sequence for each in messages), default=0)


def find_message(messages: Iterable[Message], id: UUID | None) -> Message | None:
    return next((each for each in messages if each.id == id), None)


def can_be_quoted(message: Message, now: datetime) -> bool:
    """Return True for a message of the citizen that the gateway still knows."""
    return message.direction == "in" and now - message.received_at < QUOTABLE


def is_inline_picture(file: File) -> bool:
    """Return True for a file that a browser may show as a picture: its type holds no script."""
    return file.state == "available" and _type_of(file) in INLINE_PICTURES


def is_inline_sound(file: File) -> bool:
    return file.state == "available" and _type_of(file) in INLINE_SOUND


def _type_of(file: File) -> str:
    return file.mime_type.partition(";")[0].strip().lower()


class _References:
    """Messages of a conversation, by what others name them with: a citizen's message by the wamid,
    ours by our id."""

    def __init__(self, messages: Iterable[Message]) -> None:
        messages = list(messages)
        self._by_id = {each.id: each for each in messages}
        self._by_wamid = {wamid: each for each in messages if (wamid := _wamid(each))}

    def find(self, message: Message, member: str, name: str) -> Message | None:
        """Return the message that this one names in `member` of Meta's item, or by our id."""
        if message.reply_to:
            return self._by_id.get(message.reply_to)
        named = _raw_member(message, member).get(name)
        return self._by_wamid.get(named) if isinstance(named, str) else None

    def quoted(self, message: Message) -> Message | None:
        return self.find(message, "context", "id")


def _is_quoting(message: Message) -> bool:
    named = message.reply_to or _raw_member(message, "context").get("id")
    return bool(named) and message.type not in NO_ANSWERS


def _message_row(message: Message, references: _References, reactions: dict[str, str]) -> Entry:
    return Entry(
        kind="message",
        at=message.received_at,
        is_ours=message.direction == "out",
        message=message,
        place=_place_in(message.raw if isinstance(message.raw, dict) else {}),
        quotes=references.quoted(message),
        is_quoting=_is_quoting(message),
        reactions=tuple(filter(None, reactions.values())),
        own_reaction=reactions.get("out", ""),
    )


def _raw_member(message: Message, name: str) -> dict[str, Any]:
    """Return a member of Meta's item; an empty one if it has none of that form."""
    raw = message.raw if isinstance(message.raw, dict) else {}
    member = raw.get(name)
    return member if isinstance(member, dict) else {}


def _wamid(message: Message) -> str:
    raw = message.raw if isinstance(message.raw, dict) else {}
    id = message.wamid or raw.get("id")
    return id if isinstance(id, str) else ""


def _place_in(raw: dict[str, Any]) -> Place | None:
    place = raw.get("location")
    if not isinstance(place, dict):
        return None
    try:
        return msgspec.convert(place, Place, strict=False)
    except msgspec.ValidationError:
        return None


def _reactions(messages: Iterable[Message], references: _References) -> dict[UUID, dict[str, str]]:
    """Return the reactions to each message, by direction; a later one of the same side replaces
    theirs. One that did not go is none."""
    found: dict[UUID, dict[str, str]] = {}
    for each in messages:
        if each.type not in NO_ANSWERS or each.status == "failed":
            continue
        emoji = each.text if each.reply_to else _raw_member(each, "reaction").get("emoji", "")
        if target := references.find(each, "reaction", "message_id"):
            found.setdefault(target.id, {})[each.direction] = str(emoji)
    return found


def _with_days(rows: Iterable[Entry]) -> Iterable[Entry]:
    last = None
    for row in rows:
        day = row.at.astimezone(AMSTERDAM).date()
        if day != last:
            yield Entry(kind="day", at=row.at, day=day)
            last = day
        yield row
