"""A conversation on the record, as the archiver shows it. Pure."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class Author(msgspec.Struct, frozen=True):
    kind: str = "employee"
    id: str = ""
    identified: str | None = None


class File(msgspec.Struct, frozen=True, rename="camel"):
    """File of a message. `state` is waiting, available, quarantined or lost."""

    id: UUID
    mime_type: str = ""
    filename: str = ""
    state: str = "waiting"
    reason: str = ""
    size: int | None = None


class Status(msgspec.Struct, frozen=True):
    status: str
    at: datetime
    reason: str = ""


class Decision(msgspec.Struct, frozen=True):
    rule: str = ""
    reason: str = ""


class Citizen(msgspec.Struct, frozen=True):
    name: str = ""
    identities: tuple[dict[str, str], ...] = ()


class Annotation(msgspec.Struct, frozen=True):
    at: datetime
    by: str = ""
    text: str = ""


class Message(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    direction: str
    type: str
    sequence: int
    received_at: datetime
    text: str = ""
    citizen: Citizen | None = msgspec.field(default=None, name="from")
    department: str = ""
    decision: Decision = Decision()
    author: Author = Author()
    status: str = ""
    statuses: tuple[Status, ...] = ()
    media: tuple[File, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    care: str | None = None
    tags: tuple[str, ...] = ()
    """Labels of its conversation then, as the three below are."""
    priority: str | None = None
    priority_reason: str | None = None
    also_about: tuple[str, ...] = ()
    sent_at: datetime | None = None
    wamid: str | None = None
    reply_to: UUID | None = None
    """Message that an outgoing message quotes or reacts to."""
    raw: Any = None


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """A step of a conversation beside its messages, such as a transfer."""

    event: str
    at: datetime
    department: str | None = None
    former: str | None = msgspec.field(default=None, name="from")
    reason: str | None = None
    author: Author | None = None
    zaak: str | None = None


class Note(msgspec.Struct, frozen=True):
    id: UUID
    at: datetime
    text: str
    author: Author | None = None


class Holding(msgspec.Struct, frozen=True):
    """Hold that keeps a conversation from being destroyed."""

    id: str
    ground: str


class LastAnswer(msgspec.Struct, frozen=True):
    id: UUID
    sequence: int


class Dossier(msgspec.Struct, frozen=True, rename="camel"):
    """A conversation on the record, without its messages."""

    id: str
    opened_at: datetime
    department: str | None = None
    decision: Decision = Decision()
    zaak: str | None = None
    history: tuple[Step, ...] = ()
    notes: tuple[Note, ...] = ()
    holds: tuple[Holding, ...] = ()
    last_answer: LastAnswer | None = None
