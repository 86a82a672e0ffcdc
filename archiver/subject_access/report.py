"""The subject access report: everything about one person (AVG, article 15). Pure.

This is the JSON; the PDF shows the same. An employee appears as their department, never by name:
names of employees are data of other persons (AVG, article 15, fourth paragraph). Times are in UTC.
"""

from datetime import date, datetime
from typing import Literal

import msgspec

from archiver.subject_access.legal_notice import (
    AUTHORITY,
    AUTOMATED,
    COMPLAINT,
    RIGHTS,
    SOURCE,
    Right,
)

MADE_BY = "Gemeente"
"""Department or role that answers, if nobody says another."""
Direction = Literal["in", "out", "echo"]
"""From the citizen; to the citizen; to the citizen outside Postkamer, from the business phone."""
AuthorKind = Literal["citizen", "employee", "system", "automated"]


class Municipality(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Municipality that answers. `contact`: where a citizen can ask more. `officer`: how to reach
    the data protection officer (functionaris gegevensbescherming)."""

    name: str
    contact: str = ""
    officer: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The citizen's request, and the last day to answer it (one month: AVG, article 12)."""

    id: str
    received_on: date | None = None
    due_on: date | None = None


class Identifier(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Name of the person, of a kind as in a message (`phone`, `bsuid`, ...). `asked`: the request
    has it. `found`: the archive has something about it."""

    kind: str
    value: str
    asked: bool = True
    found: bool = True


class Period(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Days that the report covers, both included; a missing date leaves that side open."""

    since: date | None = None
    until: date | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Status of a message, and when it was reached."""

    status: str
    at: datetime
    reason: str = ""


class File(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file of a message. `sha256`: hash of its bytes, so that the recipient can compare."""

    id: str
    name: str = ""
    type: str = ""
    size: int | None = None
    state: str = "available"
    reason: str = ""
    sha256: str = ""


class Annotation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rectification, shown beside the message, which stays as it was. `by`: a department or a
    role."""

    at: datetime
    by: str
    text: str


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message. `department` and `reason`: where it went and why, as decided at the time."""

    id: str
    at: datetime
    direction: Direction
    type: str
    text: str = ""
    author: AuthorKind = "citizen"
    department: str = ""
    reason: str = ""
    statuses: tuple[Step, ...] = ()
    files: tuple[File, ...] = ()
    annotations: tuple[Annotation, ...] = ()


class Note(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Internal note of employees about a conversation, and so about this person too."""

    id: str
    at: datetime
    department: str
    text: str


class Conversation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A conversation, its messages in order of arrival. `kept_until`: the last day on which it must
    be kept; None while it is open or its term is not known, and if it is kept for ever."""

    id: str
    opened_at: datetime
    closed_at: datetime | None = None
    departments: tuple[str, ...] = ()
    zaak: str = ""
    kept_until: date | None = None
    messages: tuple[Message, ...] = ()
    notes: tuple[Note, ...] = ()


class Consent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Consent for a `purpose`, where it was given (`source`), and when it ended."""

    purpose: str
    given_at: datetime | None = None
    ended_at: datetime | None = None
    source: str = ""


class IdentityChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A number or another name of the person that changed."""

    at: datetime
    kind: str
    before: str = ""
    after: str = ""


class Delivered(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Deliveries to one system of the municipality: their number, and the first and last time."""

    destination: str
    count: int
    first_at: datetime
    last_at: datetime
    state: str = "delivered"


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One access to the data, by an employee of a department or by a system; and the reason."""

    at: datetime
    department: str = ""
    token: str = ""
    what: str = ""
    why: str = ""


class Copy(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A copy of the data elsewhere. `until`: the day on which that copy ends, if known."""

    place: str
    what: str = ""
    until: date | None = None


class Purpose(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Purpose for which the municipality has the data, and its legal ground."""

    text: str
    ground: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The whole report. `made_by`: a department or a role."""

    municipality: Municipality
    about: tuple[Identifier, ...]
    made_at: datetime
    made_by: str
    request: Request | None = None
    period: Period = Period()
    purposes: tuple[Purpose, ...] = ()
    retention: tuple[str, ...] = ()
    conversations: tuple[Conversation, ...] = ()
    consents: tuple[Consent, ...] = ()
    identity_changes: tuple[IdentityChange, ...] = ()
    deliveries: tuple[Delivered, ...] = ()
    views: tuple[View, ...] = ()
    copies: tuple[Copy, ...] = ()
    source: str = SOURCE
    automated: str = AUTOMATED
    rights: tuple[Right, ...] = RIGHTS
    complaint: str = COMPLAINT
    authority: str = AUTHORITY


def encode_report(report: Report) -> bytes:
    """Encode the report as indented JSON, which people can read too."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def count_messages(report: Report) -> int:
    """Count the messages in the report."""
    return sum(len(conversation.messages) for conversation in report.conversations)
