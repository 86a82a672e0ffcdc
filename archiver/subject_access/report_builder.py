"""Turn decrypted entries into the parts of a report to a citizen. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from archiver.api import presenter
from archiver.subject_access.report import (
    Annotation,
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
DepartmentName = Callable[[str], str]
"""Maps a department's id to its name."""
STATES = {"settled": "delivered"}
"""Delivery states that the report calls by another word than the record."""
FATES = ("send", "status", "delivery", "media", "annotation")


class ConversationPart(msgspec.Struct, frozen=True):
    """Entries of one conversation. `fates`: entries about its messages, in any conversation."""

    id: str
    rows: Sequence[Row]
    fates: Sequence[Row]

    def of_kind(self, kind: str) -> list[Row]:
        return [row for row in self.rows if row["kind"] == kind]


def is_within(at: datetime, period: Period) -> bool:
    """Return True if the moment is on one of these days in Amsterdam."""
    day = at.astimezone(AMSTERDAM).date()
    return (period.since or date.min) <= day <= (period.until or date.max)


def build_conversation(part: ConversationPart, department_name: DepartmentName) -> Conversation:
    """Build a conversation; `part` holds at least one entry."""
    steps = [(row["at"], msgspec.json.decode(row["data"])) for row in part.of_kind("conversation")]
    zaken = [step["zaak"] for _, step in steps if step.get("zaak")]
    departments = dict.fromkeys(row["department"] for row in part.rows if row["department"])
    return Conversation(
        id=part.id,
        opened_at=min(row["at"] for row in part.rows),
        closed_at=_closing_time(steps, part.of_kind("message")),
        departments=tuple(map(department_name, departments)),
        zaak=zaken[-1] if zaken else "",
        messages=tuple(build_messages(part, department_name)),
        notes=tuple(_note(row, department_name) for row in part.of_kind("note")),
    )


def _closing_time(
    steps: Sequence[tuple[datetime, dict[str, Any]]], messages: Sequence[Row]
) -> datetime | None:
    """Return when the conversation was last closed; None if a message followed, or a person opened
    it again."""
    ends = [(at, step["event"]) for at, step in steps if step["event"] in ("closed", "reopened")]
    if not ends or ends[-1][1] == "reopened":
        return None
    closed_at = ends[-1][0]
    return None if any(row["at"] > closed_at for row in messages) else closed_at


def build_messages(part: ConversationPart, department_name: DepartmentName) -> Iterable[Message]:
    fates: dict[Any, list[Row]] = defaultdict(list)
    for row in part.fates:
        fates[row["message"]].append(row)
    rows = part.of_kind("message")
    json = presenter.messages_json(rows, [fate for row in rows for fate in fates[row["message"]]])
    for row, fields in zip(rows, json, strict=True):
        yield _message(row, fields, fates[row["message"]], department_name)


def _message(
    row: Row, fields: dict[str, Any], fates: Sequence[Row], department_name: DepartmentName
) -> Message:
    return Message(
        id=str(fields["id"]),
        at=row["at"],
        direction=fields["direction"],
        type=fields["type"],
        text=fields["text"] or "",
        author=fields["author"]["kind"],
        department=department_name(fields["department"] or ""),
        reason=fields["decision"]["reason"],
        statuses=tuple(_step(each) for each in fields["statuses"]),
        files=tuple(_file(each) for each in fields["media"]),
        annotations=tuple(
            _annotation(fate, department_name) for fate in fates if fate["kind"] == "annotation"
        ),
    )


def _step(fields: dict[str, Any]) -> Step:
    at = fields["at"]
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return Step(status=fields["status"], at=moment, reason=fields["reason"] or "")


def _file(fields: dict[str, Any]) -> File:
    return File(
        id=str(fields["id"]),
        name=fields["filename"],
        type=fields["mimeType"],
        size=fields["size"],
        state=fields["state"],
        reason=fields["reason"],
        sha256=fields["sha256"] or "",
    )


def _annotation(row: Row, department_name: DepartmentName) -> Annotation:
    """Build an annotation, signed by a department: a citizen sees no names of employees."""
    data = msgspec.json.decode(row["data"])
    by = department_name(row["department"]) or "de gemeente"
    return Annotation(at=row["at"], by=by, text=data["text"])


def _note(row: Row, department_name: DepartmentName) -> Note:
    data = msgspec.json.decode(row["data"])
    department = department_name(row["department"])
    return Note(id=str(data["id"]), at=row["at"], department=department, text=data["text"])


def names_used(rows: Iterable[Row]) -> Iterable[str]:
    """Yield the names that the citizen used in WhatsApp with their messages."""
    for row in rows:
        if row["kind"] == "message":
            sender = msgspec.json.decode(row["data"]).get("from")
            if isinstance(sender, dict) and sender.get("name"):
                yield sender["name"]


def access_entries(rows: Iterable[Row], department_name: DepartmentName) -> Iterable[View]:
    """Yield the accesses to the data, without the names of employees."""
    for row in rows:
        if row["kind"] == "view":
            data = msgspec.json.decode(row["data"])
            yield View(
                at=row["at"],
                department=department_name(row["department"]),
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
            of_kind = [each for each in changes if each["kind"] == kind]
            ends = [each["value"] for each in of_kind if each["event"] == "ended"]
            begins = [each["value"] for each in of_kind if each["event"] != "ended"]
            for n in range(max(len(ends), len(begins))):
                yield IdentityChange(
                    at=row["at"],
                    kind=kind,
                    before="".join(ends[n : n + 1]),
                    after="".join(begins[n : n + 1]),
                )


class DeliveryCounter:
    """Counts deliveries by system and state."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Delivered] = {}

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if row["kind"] == "delivery":
                data = msgspec.json.decode(row["data"])
                state = STATES.get(data["state"], data["state"])
                self._count(data["destination"], state, row["at"])

    def _count(self, destination: str, state: str, at: datetime) -> None:
        previous = self._counts.get((destination, state))
        self._counts[destination, state] = Delivered(
            destination=destination,
            count=previous.count + 1 if previous else 1,
            first_at=min(previous.first_at, at) if previous else at,
            last_at=max(previous.last_at, at) if previous else at,
            state=state,
        )

    def counts(self) -> tuple[Delivered, ...]:
        return tuple(self._counts[key] for key in sorted(self._counts))
