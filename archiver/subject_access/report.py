"""Everything about one person, as they get it when they ask (AVG, article 15). Pure.

This is the JSON; the PDF shows the same. Of employees it names the department, never who they are:
their names are data of other persons (AVG, article 15, fourth paragraph). Times are in UTC.
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

Direction = Literal["in", "out", "echo"]
"""From the citizen; to them; to them, and not by way of Postkamer (written on the phone itself)."""
AuthorKind = Literal["citizen", "employee", "system", "automated"]


class Municipality(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who answers. `contact`: where a citizen can ask more; `officer`: how to reach the officer for
    data protection (functionaris gegevensbescherming)."""

    name: str
    contact: str = ""
    officer: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was asked, and until when there is time to answer (one month: AVG, article 12)."""

    id: str
    received_on: date | None = None
    due_on: date | None = None


class Identifier(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """By which somebody is known: kind as in a message (`phone`, `bsuid`, ...). `asked`: it was in
    the request; `found`: there is something about it."""

    kind: str
    value: str
    asked: bool = True
    found: bool = True


class Period(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of which the report tells; open on a side where there is no date. Both days are in it."""

    since: date | None = None
    until: date | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a message, and when."""

    status: str
    at: datetime
    reason: str = ""


class File(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file of a message. `sha256`: of its bytes, so that whoever gets them can compare."""

    id: str
    name: str = ""
    type: str = ""
    size: int | None = None
    state: str = "available"
    reason: str = ""
    sha256: str = ""


class Annotation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rectification: it stands beside the message, which stays as it was. `by`: a department or a
    role."""

    at: datetime
    by: str
    text: str


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message. `department`: where it went, and `reason` why; both of the moment itself."""

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
    """What employees wrote for one another about a conversation: about this person, too."""

    id: str
    at: datetime
    department: str
    text: str


class Conversation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Messages in the order in which they came. `kept_until`: the day on which it may be destroyed,
    where that is known."""

    id: str
    opened_at: datetime
    closed_at: datetime | None = None
    departments: tuple[str, ...] = ()
    zaak: str = ""
    kept_until: date | None = None
    messages: tuple[Message, ...] = ()
    notes: tuple[Note, ...] = ()


class Consent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What somebody agreed to (`purpose`), where that was said (`source`), and whether it ended."""

    purpose: str
    given_at: datetime | None = None
    ended_at: datetime | None = None
    source: str = ""


class IdentityChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Another number, or another name for the same person."""

    at: datetime
    kind: str
    before: str = ""
    after: str = ""


class Delivered(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """To which system of the municipality it went, how much and between which times."""

    destination: str
    count: int
    first_at: datetime
    last_at: datetime
    state: str = "delivered"


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Somebody looked: an employee of a department, or a system with its token; and why."""

    at: datetime
    department: str = ""
    token: str = ""
    what: str = ""
    why: str = ""


class Copy(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Another place where the data is; `until`: when it ends there, where that is known."""

    place: str
    what: str = ""
    until: date | None = None


class Purpose(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the municipality has the data for, and the ground in the law."""

    text: str
    ground: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything about one person. `made_by`: a department or a role."""

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


def written(report: Report) -> bytes:
    """As JSON, to be read by people too."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def messages(report: Report) -> int:
    """How many messages it tells of."""
    return sum(len(conversation.messages) for conversation in report.conversations)
