"""Turn decrypted entries into the parts of a report to a citizen. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from archiver.api import presenter
from archiver.subject_access.report import (
    Annotation,
    AuthorKind,
    Conversation,
    Delivered,
    File,
    IdentityChange,
    Message,
    Note,
    Period,
    Step,
    View,
)
from services.calendar.opening_hours import AMSTERDAM

Row = Mapping[str, Any]
Called = Callable[[str], str]
"""Maps a department's id to its name."""
STATES = {"settled": "delivered"}
"""Delivery states that the report calls by another word than the record."""
FATES = ("send", "status", "delivery", "media", "annotation")


class ConversationPart(msgspec.Struct, frozen=True):
    """Entries of one conversation. `fates`: entries about its messages, in any conversation."""

    id: str
    rows: Sequence[Row]
    fates: Sequence[Row]

    def of(self, kind: str) -> list[Row]:
        return [row for row in self.rows if row["kind"] == kind]


def within(at: datetime, period: Period) -> bool:
    """Return True if the moment is on one of these days in Amsterdam."""
    day = at.astimezone(AMSTERDAM).date()
    return (period.since or date.min) <= day <= (period.until or date.max)


def conversation(part: ConversationPart, called: Called) -> Conversation:
    """Build a conversation; `part` holds at least one entry."""
    steps = [(row["at"], msgspec.json.decode(row["data"])) for row in part.of("conversation")]
    zaken = [step["zaak"] for _, step in steps if step.get("zaak")]
    theirs = dict.fromkeys(row["department"] for row in part.rows if row["department"])
    return Conversation(
        id=part.id,
        opened_at=min(row["at"] for row in part.rows),
        closed_at=_closed(steps, part.of("message")),
        departments=tuple(map(called, theirs)),
        zaak=zaken[-1] if zaken else "",
        messages=tuple(messages(part, called)),
        notes=tuple(_note(row, called) for row in part.of("note")),
    )


def _closed(
    steps: Sequence[tuple[datetime, dict[str, Any]]], said: Sequence[Row]
) -> datetime | None:
    """Return when the conversation was last closed; None if a message followed."""
    ends = [at for at, step in steps if step["event"] == "closed"]
    later = [row for row in said if ends and row["at"] > ends[-1]]
    return ends[-1] if ends and not later else None


def messages(part: ConversationPart, called: Called) -> Iterable[Message]:
    fates: dict[Any, list[Row]] = defaultdict(list)
    for row in part.fates:
        fates[row["message"]].append(row)
    rows = part.of("message")
    shown = presenter.messages_json(rows, [fate for row in rows for fate in fates[row["message"]]])
    for row, said in zip(rows, shown, strict=True):
        yield _message(row, said, fates[row["message"]], called)


def _message(row: Row, said: dict[str, Any], fates: Sequence[Row], called: Called) -> Message:
    return Message(
        id=str(said["id"]),
        at=row["at"],
        direction=said["direction"],
        type=said["type"],
        text=said["text"] or "",
        author=_author(said),
        department=called(said["department"] or ""),
        reason=said["decision"]["reason"],
        statuses=tuple(_step(each) for each in said["statuses"]),
        files=tuple(_file(each) for each in said["media"]),
        annotations=tuple(
            _annotation(fate, called) for fate in fates if fate["kind"] == "annotation"
        ),
    )


def _author(said: dict[str, Any]) -> AuthorKind:
    """Return the kind of author. A message without one, sent from the app on the business phone, is
    an employee's."""
    if said["direction"] == "in":
        return "citizen"
    kind: AuthorKind = (said["author"] or {}).get("kind", "employee")
    return kind


def _step(said: dict[str, Any]) -> Step:
    at = said["at"]
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return Step(status=said["status"], at=moment, reason=said["reason"] or "")


def _file(said: dict[str, Any]) -> File:
    return File(
        id=str(said["id"]),
        name=said["filename"],
        type=said["mimeType"],
        size=said["size"],
        state=said["state"],
        reason=said["reason"],
        sha256=said["sha256"] or "",
    )


def _annotation(row: Row, called: Called) -> Annotation:
    """Build an annotation, signed by a department: a citizen sees no names of employees."""
    data = msgspec.json.decode(row["data"])
    by = called(row["department"]) or "de gemeente"
    return Annotation(at=row["at"], by=by, text=data["text"])


def _note(row: Row, called: Called) -> Note:
    data = msgspec.json.decode(row["data"])
    department = called(row["department"])
    return Note(id=str(data["id"]), at=row["at"], department=department, text=data["text"])


def notes_by_subject(rows: Iterable[Row]) -> Iterable[str]:
    """Yield the names that the citizen used in WhatsApp with their messages."""
    for row in rows:
        if row["kind"] == "message":
            sender = msgspec.json.decode(row["data"]).get("from")
            if isinstance(sender, dict) and sender.get("name"):
                yield sender["name"]


def access_entries(rows: Iterable[Row], called: Called) -> Iterable[View]:
    """Yield the accesses to the data, without the names of employees."""
    for row in rows:
        if row["kind"] == "view":
            data = msgspec.json.decode(row["data"])
            yield View(
                at=row["at"],
                department=called(row["department"]),
                token=data.get("token") or "",
                what=data.get("what") or "",
                why=data.get("reason") or "",
            )


def identity_changes(rows: Iterable[Row]) -> Iterable[IdentityChange]:
    """Yield each ended name beside its successor. A number that moved from another person is shown
    without its former holder."""
    for row in rows:
        if row["kind"] != "identity":
            continue
        changes = msgspec.json.decode(row["data"])["changes"]
        for kind in dict.fromkeys(each["kind"] for each in changes):
            ours = [each for each in changes if each["kind"] == kind]
            ends = [each["value"] for each in ours if each["event"] == "ended"]
            begins = [each["value"] for each in ours if each["event"] != "ended"]
            for n in range(max(len(ends), len(begins))):
                yield IdentityChange(
                    at=row["at"],
                    kind=kind,
                    before="".join(ends[n : n + 1]),
                    after="".join(begins[n : n + 1]),
                )


class Deliveries:
    """Counts deliveries by system and state."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Delivered] = {}

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if row["kind"] == "delivery":
                data = msgspec.json.decode(row["data"])
                state = STATES.get(data["state"], data["state"])
                self._count(data["destination"], state, row["at"])

    def _count(self, destination: str, state: str, at: datetime) -> None:
        before = self._found.get((destination, state))
        self._found[destination, state] = Delivered(
            destination=destination,
            count=before.count + 1 if before else 1,
            first_at=min(before.first_at, at) if before else at,
            last_at=max(before.last_at, at) if before else at,
            state=state,
        )

    def all(self) -> tuple[Delivered, ...]:
        return tuple(self._found[key] for key in sorted(self._found))
