"""Models of the answers of the archiver's API, as its OpenAPI document shows them. Pure."""

import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.api.operations import Shown
from services.contract import Identified


class Decision(Shown):
    """Reason why a message or conversation went to its department."""

    rule: str
    """Id of the rule; empty if no rule decided."""
    reason: str
    """Explanation in Dutch, for an official."""
    version: str | None
    """Version of the rules and texts that the decision was made with."""


class Author(Shown):
    """Author of an answer or a note."""

    kind: Literal["employee", "system", "automated"]
    id: str
    identified: Identified | None
    """Source of an employee's id: the municipality's identity provider (`proven`) or the CRM
    (`stated`). Null where no employee is named, and in older records."""


class MessageAuthor(Shown):
    """Author of a message. Only an `employee` has answered a citizen: a `system` is a machine of a
    CRM, `automated` is Postkamer."""

    kind: Literal["citizen", "employee", "system", "automated"]
    id: str
    """Id that the CRM gave; empty for a citizen, and where it gave none."""
    identified: Identified | None
    """Source of an employee's id: the municipality's identity provider (`proven`) or the CRM
    (`stated`). Null where no employee is named, and in older records."""


class Step(Shown):
    """Status of an outgoing message at a moment."""

    status: str
    at: datetime.datetime
    reason: str
    author: Author | None
    """Person who settled a message of which the result was unknown; null for Meta's statuses."""


class Medium(Shown):
    """File of a message."""

    id: UUID
    """Id of the message; a message has at most one file."""
    link: str
    """Path of the file at this API."""
    mime_type: str
    filename: str
    """Name that the sender gave the file; empty if it has none."""
    state: Literal["waiting", "available", "quarantined", "lost"]
    """waiting: being fetched; available; quarantined: withheld from everyone; lost: can no longer
    be fetched."""
    reason: str
    """Reason why the file is quarantined or lost."""
    size: int | None
    """Size in bytes; null until the file is fetched."""
    sha256: str | None
    """SHA-256 of the file, in hex."""
    scanned: bool
    """True if a malware scanner has inspected the file."""


class Annotation(Shown):
    """Rectification (AVG, article 16). It accompanies the message, which stays as it was."""

    at: datetime.datetime
    by: str
    identified: Identified | None
    """Source of the name in `by`, as of an author's id."""
    text: str


class Handover(Shown):
    """Event about the message, delivered to the system of a department."""

    destination: str
    event: str
    state: str
    attempts: int
    at: datetime.datetime


class Identity(Shown):
    """Identifier by which Meta knows a citizen."""

    kind: Literal["phone", "bsuid", "parent_bsuid"]
    value: str


class Person(Shown):
    """Citizen, as Meta named them with a message."""

    identities: tuple[Identity, ...]
    name: str
    """Name that the citizen chose; not verified."""


class Message(Shown):
    """Message on the record, with its decision, its outcomes and its original."""

    id: UUID
    wamid: str | None
    """Message id of Meta. Personal data: it contains a phone number."""
    conversation_id: str
    direction: Literal["in", "out", "echo"]
    """in: from the citizen; out: to the citizen; echo: written in the WhatsApp Business app."""
    type: str
    """Message type, in Meta's terms."""
    text: str
    """Text of the message."""
    from_person: Person | None = Field(alias="from")
    """Sender; null for an outgoing message."""
    department: str | None
    decision: Decision
    tags: tuple[str, ...]
    """Labels of the conversation: officieel, pers, raad, or labels of the municipality."""
    priority: str | None
    """Priority: low, normal, high, urgent."""
    priority_reason: str | None
    """Why it has this priority."""
    also_about: tuple[str, ...]
    """Other departments that a sentence of the citizen was about."""
    language: str | None
    """Language of the message as detected (ISO 639-1), or else of the conversation."""
    due: datetime.date | None
    """Statutory date by which the message must be dealt with."""
    care: str | None
    """Safety rule that matched: emergency, suicide, violence, threat."""
    sensitive: tuple[str, ...]
    """Kinds of personal number in the message that do not belong in WhatsApp: bsn, iban."""
    automatic: str | None
    """Id of the text that answered the message automatically."""
    provisional: bool
    """True if it was not clear yet which department the message belongs to."""
    held: bool
    """True if no department received the message before an official released the conversation."""
    marks: tuple[str, ...]
    """Reason of each rule that set a label, a date, a text or the department."""
    author: MessageAuthor
    """Author of the message."""
    status: str
    """Furthest status: received for incoming messages; accepted, sent, delivered, read, played or
    failed for outgoing messages."""
    statuses: tuple[Step, ...]
    media: tuple[Medium, ...]
    annotations: tuple[Annotation, ...]
    """Annotations, oldest first."""
    deliveries: tuple[Handover, ...]
    sequence: int
    """Number that increases within a conversation and may skip values."""
    received_at: datetime.datetime
    reply_to: UUID | None
    """Message that an outgoing message quotes or reacts to; null if there is none, and for an
    incoming message, whose `raw` has it."""
    sent_at: datetime.datetime | None
    """Time of sending according to Meta; null for an outgoing message."""
    raw: Any
    """Message as Meta sent it; null if it did not come from Meta."""


class Messages(Shown):
    """Messages of a conversation, in the order of the request."""

    messages: tuple[Message, ...]
    next: int | None
    """Value of `after` for the next page; null on the last page."""


class Happened(Shown):
    """Event in a conversation."""

    event: str
    """Kind of event: opened, transferred, closed, reopened, linked, read, confirmed, released,
    merged; or, without a command, decided, waiting, alarmed, unconfirmed, window."""
    department: str
    """Department that owned the conversation from this event on."""
    at: datetime.datetime
    from_department: str | None = Field(alias="from")
    """Department that owned the conversation before a transfer."""
    reason: str | None
    """Reason of a transfer, a closing or a reopening, in its author's words."""
    author: Author | None
    """Author of the event; null if there is none, as when a rule caused it."""
    zaak: str | None
    """Zaak that the conversation was linked to at that time."""
    care: str | None
    """Danger for which a person was alarmed: emergency, suicide, violence, threat."""
    asked: str | None
    """Destination that was alarmed."""


class Note(Shown):
    """Note by an employee for colleagues; citizens do not see it."""

    id: UUID
    """Id that the author received for the note."""
    at: datetime.datetime
    author: Author | None
    text: str


class Holding(Shown):
    """Hold that covers a conversation: it is not destroyed while one stands."""

    id: str
    ground: Literal["objection", "limitation", "woo", "access", "dispute", "audit"]


class LastAnswer(Shown):
    """Answer that a command about the conversation is compared with."""

    id: UUID
    sequence: int


class Conversation(Shown):
    """Conversation and its history."""

    id: str
    opened_at: datetime.datetime
    department: str | None
    """Department that owns the conversation; null if the token may not see it."""
    decision: Decision
    zaak: str | None
    """Zaak that the conversation is linked to, as far as the token may see it."""
    retention_state: Literal["open", "unset", "waits", "destroy", "permanent"] | None
    """open. unset: closed, without a result. waits: for the result of its zaak, or for the day on
    which its term begins. destroy: after `keptUntil`. permanent: to the archival depot. Null where
    it is not known, and after it moved to a department that the token may not see."""
    retention_code: str | None
    """Result of the selection list 2020 by which it is kept."""
    kept_until: datetime.date | None
    """Last day on which it must be kept."""
    history: tuple[Happened, ...]
    """Events, oldest first."""
    notes: tuple[Note, ...]
    """Newest 200 notes that the token may see, oldest first."""
    is_held: bool
    """True while a hold keeps it from destruction, whatever its term."""
    holds: tuple[Holding, ...]
    last_answer: LastAnswer | None
    """Newest answer that the token may see, for `ifLast` at the gateway; null if there is none. A
    reaction, an automatic text and an answer that was refused before it was sent are none."""


class FoundNote(Note):
    """Note in a search result."""

    conversation_id: str
    department: str


class DestroyedConversation(Shown):
    """Conversation of which something on the page was destroyed."""

    conversation_id: str
    destroyed_at: datetime.datetime
    ground: Literal["term", "request", "other"]
    """term: the term of the selection list was over. request: an erasure was granted."""
    list: str | None
    """Destruction list; null without one."""
    approved_by: str | None
    """Person who approved the list; null unless the token has the role `archivist` or
    `privacy`."""


class Page(Shown):
    """Page of a search result: messages and notes, each in the requested order."""

    messages: tuple[Message, ...]
    notes: tuple[FoundNote, ...]
    gone: int
    """Number of hits on this page that were destroyed since and cannot be read any more."""
    destroyed: tuple[DestroyedConversation, ...]
    """Conversations of these hits."""
    next: str | None
    """Value of `after` for the next page; null on the last page."""
    total: int
    """Number of hits on all pages."""
    total_is_exact: bool
    """False if there are more hits than were counted."""
    as_of: str
    """Position in the record up to which was searched. The same search with this value gives the
    same hits."""
