"""Viewers of the record, and the records of their views. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.contract import Record
from services.http.rights import Rights
from services.ids import parse_uuid

EMPLOYEE, REASON, TRACE = "Postkamer-Employee", "Postkamer-Reason", "traceparent"
OPENING = "Postkamer-Opening"
MAX_CHARACTERS = {EMPLOYEE: 200, REASON: 500}
"""Maximum length of a header in characters."""
EMPLOYEE_MISSING = "employee_missing"
EMPLOYEE_REQUIRED = "must be given: people read with this token"
EMPLOYEE_NEEDED = "must be given: the record says who looked"
REASON_NEEDED = "must be given: the record says why somebody looked"
BOTH_NEEDED = frozenset({EMPLOYEE, REASON})
"""Headers without which nothing is shown that takes a reason."""
EMPLOYEE_EMPTY = "must name a person, or be left out"
EMPLOYEE_OTHER = "must be the person of this token, or be left out"
REASON_MISSING = "reason_missing"
REASON_REQUIRED = "must be given: a department of this content asks why it is read"
OPENING_INVALID = "must be a UUID"
TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
"""W3C Trace Context: version, trace, the caller's own span, flags; later versions may add
fields."""
NO_VERSION, FIRST_VERSION = "ff", "00"
Row = Mapping[str, Any]


class Viewer(msgspec.Struct, frozen=True):
    """Person or system that views the record, and why. `trace` and `span` are those of the caller's
    system, in hex. `opening` is the caller's id of one opening of a page, in hex."""

    rights: Rights
    employee: str = ""
    reason: str = ""
    trace: str = ""
    span: str = ""
    opening: str = ""


class Fault(msgspec.Struct, frozen=True):
    """Fault in a header."""

    parameter: str
    detail: str
    pointer: str = ""


class ShownRange(msgspec.Struct, frozen=True):
    """Messages shown of one conversation and one department. `message` is set if it was a single
    message. `listed` names the messages if they do not follow one another."""

    conversation: str
    department: str
    count: int
    first: int
    last: int
    message: UUID | None = None
    listed: tuple[UUID, ...] = ()


def find_faults(
    headers: Mapping[str, str], rights: Rights, needed: Collection[str] = ()
) -> list[Fault]:
    """Return the faults in the headers by which a viewer identifies. `needed` are those without
    which nothing is shown to anybody."""
    faults = [
        Fault(name, f"must be printable, and of at most {longest} characters")
        for name, longest in MAX_CHARACTERS.items()
        if len(value := headers.get(name, "")) > longest or not value.isprintable()
    ]
    if fault := _employee_fault(headers.get(EMPLOYEE), rights):
        faults.append(Fault(EMPLOYEE, fault))
    elif EMPLOYEE in needed and not read_viewer(headers, rights).employee:
        faults.append(Fault(EMPLOYEE, EMPLOYEE_NEEDED))
    if REASON in needed and not headers.get(REASON, "").strip():
        faults.append(Fault(REASON, REASON_NEEDED))
    if (opening := headers.get(OPENING)) is not None and parse_uuid(opening.strip()) is None:
        faults.append(Fault(OPENING, OPENING_INVALID))
    return faults


def _employee_fault(header: str | None, rights: Rights) -> str:
    employee = (header or "").strip()
    if rights.person:
        return "" if header is None or employee == rights.person else EMPLOYEE_OTHER
    if employee or (header is None and not rights.people):
        return ""
    return EMPLOYEE_REQUIRED if rights.people else EMPLOYEE_EMPTY


def read_viewer(headers: Mapping[str, str], rights: Rights) -> Viewer:
    """Read the viewer from headers without faults."""
    trace, span = parse_traceparent(headers.get(TRACE, ""))
    employee, reason = (headers.get(name, "").strip() for name in (EMPLOYEE, REASON))
    opening = parse_uuid(headers.get(OPENING, "").strip())
    return Viewer(
        rights, rights.person or employee, reason, trace, span, opening.hex if opening else ""
    )


def parse_traceparent(header: str) -> tuple[str, str]:
    """Return trace and span of the caller in hex; two empty strings for an invalid header, as the
    W3C asks."""
    match = TRACEPARENT.fullmatch(header.strip())
    if not match:
        return "", ""
    version, trace, span, extra = match.groups()
    if version == NO_VERSION or (version == FIRST_VERSION and extra):
        return "", ""
    return (trace, span) if int(trace, 16) and int(span, 16) else ("", "")


def shown_ranges(rows: Iterable[Row], *, listed: bool = False) -> Iterator[ShownRange]:
    """Group rows into one range per conversation and department. Rows outside any conversation are
    left out."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["conversation"]:
            groups.setdefault((row["conversation"], row["department"]), []).append(row)
    for (conversation, department), shown_rows in groups.items():
        sequences = [row["sequence"] for row in shown_rows]
        ids = tuple(row["message"] for row in shown_rows if row["message"])
        yield ShownRange(
            conversation=conversation,
            department=department,
            count=len(shown_rows),
            first=min(sequences),
            last=max(sequences),
            message=ids[0] if len(shown_rows) == 1 and ids else None,
            listed=ids if listed else (),
        )


def view_records(
    viewer: Viewer, kind: str, ranges: Sequence[ShownRange], ids: Iterable[UUID], at: datetime
) -> list[Record]:
    """Return one record per range. They share a trace: the caller's, or else a new one."""
    ids = list(ids)
    new_trace = "" if len(ranges) == 1 else ids[0].hex if ids else ""
    return [
        Record(
            id=id,
            kind="view",
            at=at,
            tenant=viewer.rights.tenant,
            conversation=shown_range.conversation,
            message=shown_range.message,
            data=msgspec.json.encode(
                _view_data(viewer, kind, shown_range, viewer.trace or new_trace)
            ),
        )
        for id, shown_range in zip(ids, ranges, strict=True)
    ]


def _view_data(viewer: Viewer, kind: str, shown_range: ShownRange, trace: str) -> dict[str, Any]:
    fields = {
        "department": shown_range.department,
        "token": viewer.rights.name,
        "employee": viewer.employee,
        "identified": viewer.rights.identified if viewer.employee else "",
        "reason": viewer.reason,
        "what": kind,
        "count": shown_range.count,
        "from": shown_range.first,
        "to": shown_range.last,
        "messages": shown_range.listed,
        "opening": viewer.opening,
        "trace": trace,
        "parentSpan": viewer.span,
    }
    return {name: value for name, value in fields.items() if value not in ("", ())}
