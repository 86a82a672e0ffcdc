"""What the archiver's API answers, as its document describes it. Pure."""

import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.api.operations import Shown


class Decision(Shown):
    """Why it went where it went."""

    rule: str
    """Id of the rule; empty where no rule decided."""
    reason: str
    """In Dutch, for an official to read."""
    version: str | None
    """Of the rules and texts that it was decided by."""


class Author(Shown):
    """Who wrote an answer or a note."""

    kind: Literal["employee", "system", "automated"]
    id: str


class Step(Shown):
    """How far a message of ours had come at some moment."""

    status: str
    at: datetime.datetime
    reason: str


class Medium(Shown):
    """A file that came with a message."""

    id: UUID
    """Of the message: it has one at most."""
    link: str
    """Where it is, at this API."""
    mime_type: str
    filename: str
    """As its sender called it; empty where it has no name."""
    state: Literal["waiting", "available", "quarantined", "lost"]
    """On its way; there; kept from everybody; not to be got any more."""
    reason: str
    """Why it is kept from everybody, or was not got."""
    size: int | None
    """Bytes; null while it is on its way."""
    sha256: str | None
    """In hex."""
    scanned: bool
    """A malware scanner has looked at it."""


class Annotation(Shown):
    """A rectification (AVG, article 16): it stands beside the message, which stays as it was."""

    at: datetime.datetime
    by: str
    text: str


class Handover(Shown):
    """An event about the message, handed to a department's system."""

    destination: str
    event: str
    state: str
    attempts: int
    at: datetime.datetime


class Identity(Shown):
    """By what a citizen is known at Meta."""

    kind: Literal["phone", "bsuid", "parent_bsuid"]
    value: str


class Person(Shown):
    """A citizen, as Meta named them with a message."""

    identities: tuple[Identity, ...]
    name: str
    """Their own choice, and not checked."""


class Message(Shown):
    """A message on the record, with its decision, its fate and its original."""

    id: UUID
    wamid: str | None
    """Meta's id. Personal data: it holds a phone number."""
    conversation_id: str
    direction: Literal["in", "out", "echo"]
    """From the citizen; to the citizen; written in the WhatsApp Business app."""
    type: str
    """Meta's word."""
    text: str
    """The words in it."""
    from_person: Person | None = Field(alias="from")
    """Who wrote it; null for what went out."""
    department: str | None
    decision: Decision
    tags: tuple[str, ...]
    """Labels of the conversation: officieel, pers, raad, or a municipality's own."""
    priority: str | None
    """low, normal, high, urgent."""
    language: str | None
    """That it seems to be written in (ISO 639-1), or that the conversation is in."""
    due: datetime.date | None
    """By when the law wants it dealt with."""
    care: str | None
    """emergency, suicide, violence, threat: a rule of care fitted."""
    sensitive: tuple[str, ...]
    """Numbers in it that should not go this way: bsn, iban."""
    automatic: str | None
    """Id of the text that answered it by itself."""
    provisional: bool
    """Nobody could tell yet where it belonged."""
    held: bool
    """No department was told of it before somebody let the conversation go."""
    marks: tuple[str, ...]
    """Why each rule fits that gave it a label, a date, a text or its place."""
    author: Author | None
    """Of what went out."""
    status: str
    """The furthest that it came: received; accepted, sent, delivered, read, played, failed."""
    statuses: tuple[Step, ...]
    media: tuple[Medium, ...]
    annotations: tuple[Annotation, ...]
    """Oldest first."""
    deliveries: tuple[Handover, ...]
    sequence: int
    """Grows within a conversation, and may skip."""
    received_at: datetime.datetime
    sent_at: datetime.datetime | None
    """As Meta says; null for what went out."""
    raw: Any
    """As Meta sent it; null for what did not come from Meta."""


class Messages(Shown):
    """Messages of a conversation, oldest first."""

    messages: tuple[Message, ...]
    next: int | None
    """The `after` of the next page; null on the last."""


class Happened(Shown):
    """What happened to a conversation."""

    event: str
    """opened, transferred, closed, linked, read, confirmed, released, merged; by itself: decided,
    waiting, alarmed, unconfirmed, window."""
    department: str
    """That had the conversation from then on."""
    at: datetime.datetime
    from_department: str | None = Field(alias="from")
    """That had it before, where it moved."""
    reason: str | None
    """Of a transfer or a closing, as its author wrote it."""
    author: Author | None
    """Null where nobody is known to have done it, as where a rule did."""
    zaak: str | None
    """That the conversation belonged to then."""


class Note(Shown):
    """What a colleague wrote for colleagues; no citizen sees it."""

    id: UUID
    """That was given to whoever wrote it."""
    at: datetime.datetime
    author: Author | None
    text: str


class Conversation(Shown):
    """A conversation and how it came where it is."""

    id: str
    opened_at: datetime.datetime
    department: str | None
    """That has it now; null where that is one of which this token may know nothing."""
    decision: Decision
    zaak: str | None
    """That it belongs to, as far as this token may know."""
    history: tuple[Happened, ...]
    """Oldest first."""
    notes: tuple[Note, ...]
    """The newest 200, oldest first; of those alone that this token may see."""


class FoundNote(Note):
    """A note that was found."""

    conversation_id: str
    department: str


class Page(Shown):
    """What was found: messages and notes, each in the order that was asked for."""

    messages: tuple[Message, ...]
    notes: tuple[FoundNote, ...]
    gone: int
    """Hits of this page that were destroyed meanwhile: nobody can open them any more."""
    next: str | None
    """The `after` of the next page; null on the last."""
    total: int
    """Of all pages."""
    total_is_exact: bool
    """False where there are more than were counted."""
    as_of: str
    """Up to where in the record was looked; with it the same question finds the same."""
