"""The transcript of a conversation, as the record has it. Pure.

Both forms, the page and the PDF, show the same. Employees appear by the id that the record has:
a transcript is for officials and not for the citizen.
"""

from datetime import date, datetime
from typing import Literal

import msgspec

from services.contract import Identified

Direction = Literal["in", "out", "echo"]
"""From the citizen; to the citizen; to the citizen outside Postkamer, from the business phone."""
AuthorKind = Literal["citizen", "employee", "system", "automated"]
Shown = Literal["", "picture", "sound"]


class Person(msgspec.Struct, frozen=True):
    """A citizen, by the name that they chose, and their identifiers by kind and value."""

    name: str = ""
    identifiers: tuple[tuple[str, str], ...] = ()


class Author(msgspec.Struct, frozen=True):
    """Author of a message or a step. `identified`: the source of an employee's id."""

    kind: AuthorKind
    id: str = ""
    identified: Identified | None = None


class Stay(msgspec.Struct, frozen=True):
    """A department that had the conversation, and since when."""

    department: str
    since: datetime


class Status(msgspec.Struct, frozen=True):
    """Status of a message, and when it was reached. `author` settled it, if a person did."""

    status: str
    at: datetime
    reason: str = ""
    author: Author | None = None


class Decision(msgspec.Struct, frozen=True):
    """Department of a message, and the reason, by a version of the rules."""

    department: str
    reason: str
    version: str = ""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """The file of a message. `sha256` is the hash of the original. `content` is what is shown of
    it, if anything is: the original, or a smaller picture (`is_scaled`)."""

    id: str
    name: str = ""
    type: str = ""
    size: int | None = None
    state: str = "available"
    reason: str = ""
    sha256: str = ""
    shown: Shown = ""
    content: bytes = b""
    content_type: str = ""
    is_scaled: bool = False
    original: bytes = b""
    """The whole file, where it is attached."""


class Place(msgspec.Struct, frozen=True):
    """A place in degrees of WGS84, with the name and the address that its sender gave."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


class Quote(msgspec.Struct, frozen=True):
    """The message that another one quotes: its number and its first words. Number 0: it is not in
    this transcript."""

    number: int
    words: str = ""


class Reaction(msgspec.Struct, frozen=True):
    """A reaction to a message. No emoji: one that was taken back."""

    emoji: str
    at: datetime
    direction: Direction


class Change(msgspec.Struct, frozen=True):
    """A later change of a message by its author. `number`: the message that has the new text."""

    kind: Literal["edited", "withdrawn"]
    at: datetime
    number: int


class Annotation(msgspec.Struct, frozen=True):
    """A rectification beside the message, which stays as it was."""

    at: datetime
    by: str
    identified: Identified | None
    text: str


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="row", tag="message"):
    """One message. `decision` is set where it differs from that of the message before."""

    number: int
    id: str
    at: datetime
    direction: Direction
    type: str
    text: str = ""
    author: Author
    person: Person = Person()
    decision: Decision | None = None
    statuses: tuple[Status, ...] = ()
    files: tuple[File, ...] = ()
    place: Place | None = None
    quote: Quote | None = None
    about: Quote | None = None
    """Message that this one edits, withdraws or reacts to."""
    reactions: tuple[Reaction, ...] = ()
    changes: tuple[Change, ...] = ()
    annotations: tuple[Annotation, ...] = ()


class Destroyed(msgspec.Struct, frozen=True, kw_only=True, tag_field="row", tag="destroyed"):
    """A message that was destroyed by itself: only its place is left."""

    number: int
    at: datetime
    department: str
    destroyed_at: datetime | None = None


class Note(msgspec.Struct, frozen=True, kw_only=True, tag_field="row", tag="note"):
    """Internal note of employees, which the citizen does not see."""

    id: str = ""
    at: datetime
    department: str
    author: Author | None
    text: str


class Step(msgspec.Struct, frozen=True, kw_only=True, tag_field="row", tag="step"):
    """Something that happened to the conversation."""

    id: str = ""
    event: str
    at: datetime
    department: str
    former: str = ""
    reason: str = ""
    author: Author | None = None
    zaak: str = ""
    care: str = ""
    asked: str = ""
    outcome: str = ""
    code: str = ""


Row = Message | Destroyed | Note | Step


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """The whole transcript, its rows in order of time."""

    municipality: str
    number: str
    """Id of the municipality's number."""
    id: str
    opened_at: datetime
    closed_at: datetime | None = None
    last_at: datetime
    """Time of the last entry: the time that the transcript has, whenever it is made."""
    stays: tuple[Stay, ...] = ()
    people: tuple[Person, ...] = ()
    zaak: str = ""
    code: str = ""
    """Result of the selection list by which it is kept."""
    kept_until: date | None = None
    is_permanent: bool = False
    holds: tuple[str, ...] = ()
    """Grounds of the holds that keep it from destruction."""
    is_partial: bool = False
    """True if parts of other departments are left out."""
    unreadable: int = 0
    """Entries that do not open, though nobody destroyed them."""
    remarks: tuple[str, ...] = ()
    """Sentences before everything else."""
    rows: tuple[Row, ...] = ()


def encode_transcript(transcript: Transcript) -> bytes:
    return msgspec.msgpack.encode(transcript)


def decode_transcript(encoded: bytes) -> Transcript:
    return msgspec.msgpack.decode(encoded, type=Transcript)
