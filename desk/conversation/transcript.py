"""The transcript of a conversation: messages, notes and what happened beside them. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from desk.postkamer.record import Dossier, File, Message, Note, Step
from services.calendar.opening_hours import AMSTERDAM

INLINE_PICTURES = ("image/jpeg", "image/png", "image/webp")
INLINE_SOUND = ("audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr")
NO_ANSWERS = frozenset({"reaction"})
"""Types of messages that are no answer, as the gateway counts them."""
POSTKAMER = ("automated", "postkamer")
"""Kind and id of the author of automatic texts, which answer nobody and count for no `ifLast`."""
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
    """Message that this one quotes, if it is in this conversation."""
    reactions: tuple[str, ...] = ()


def build_transcript(messages: Sequence[Message], dossier: Dossier) -> list[Entry]:
    """Return the rows of a conversation, oldest first, with a row for each new day."""
    by_wamid = {wamid: each for each in messages if (wamid := _wamid(each))}
    reactions = _reactions(messages, by_wamid)
    rows = [
        *(
            _message_row(each, by_wamid, reactions.get(each.id, ()))
            for each in messages
            if each.type not in NO_ANSWERS
        ),
        *(Entry(kind="note", at=each.at, note=each, is_ours=True) for each in dossier.notes),
        *(
            Entry(kind="step", at=each.at, step=each)
            for each in dossier.history
            if each.event in SHOWN_STEPS
        ),
    ]
    return list(_with_days(sorted(rows, key=lambda row: row.at)))


def citizen_name(messages: Iterable[Message]) -> str:
    """Return the name that the citizen had last in WhatsApp; '' if they have none."""
    names = [each.citizen.name for each in messages if each.citizen and each.citizen.name]
    return names[-1] if names else ""


def last_answer(messages: Iterable[Message]) -> str:
    """Return the id of the newest answer, as `ifLast` wants it; `none` if there is none."""
    answers = [m for m in messages if m.direction == "out" and m.type not in NO_ANSWERS]
    counting = [m for m in answers if (m.author.kind, m.author.id) != POSTKAMER]
    return str(max(counting, key=lambda m: m.sequence).id) if counting else "none"


def last_sequence(messages: Iterable[Message]) -> int:
    return max((each.sequence for each in messages), default=0)


def is_inline_picture(file: File) -> bool:
    """Return True for a file that a browser may show as a picture: its type holds no script."""
    return file.state == "available" and _type_of(file) in INLINE_PICTURES


def is_inline_sound(file: File) -> bool:
    return file.state == "available" and _type_of(file) in INLINE_SOUND


def _type_of(file: File) -> str:
    return file.mime_type.partition(";")[0].strip().lower()


def _message_row(
    message: Message, by_wamid: dict[str, Message], reactions: tuple[str, ...]
) -> Entry:
    raw = message.raw if isinstance(message.raw, dict) else {}
    context = raw.get("context")
    quoted = context.get("id") if isinstance(context, dict) else None
    return Entry(
        kind="message",
        at=message.received_at,
        is_ours=message.direction == "out",
        message=message,
        place=_place_in(raw),
        quotes=by_wamid.get(quoted) if isinstance(quoted, str) else None,
        reactions=reactions,
    )


def _wamid(message: Message) -> str:
    raw = message.raw if isinstance(message.raw, dict) else {}
    id = raw.get("id")
    return id if isinstance(id, str) else ""


def _place_in(raw: dict[str, Any]) -> Place | None:
    place = raw.get("location")
    if not isinstance(place, dict):
        return None
    try:
        return msgspec.convert(place, Place, strict=False)
    except msgspec.ValidationError:
        return None


def _reactions(
    messages: Iterable[Message], by_wamid: dict[str, Message]
) -> dict[UUID, tuple[str, ...]]:
    """Return the reactions to each message; a later one of the same sender replaces theirs."""
    found: dict[UUID, dict[str, str]] = {}
    for each in messages:
        raw = each.raw if isinstance(each.raw, dict) else {}
        reaction = raw.get("reaction") if each.type in NO_ANSWERS else None
        if not isinstance(reaction, dict):
            continue
        target = by_wamid.get(str(reaction.get("message_id", "")))
        if target:
            found.setdefault(target.id, {})[each.direction] = str(reaction.get("emoji", ""))
    return {id: tuple(filter(None, each.values())) for id, each in found.items()}


def _with_days(rows: Iterable[Entry]) -> Iterable[Entry]:
    last = None
    for row in rows:
        day = row.at.astimezone(AMSTERDAM).date()
        if day != last:
            yield Entry(kind="day", at=row.at, day=day)
            last = day
        yield row
