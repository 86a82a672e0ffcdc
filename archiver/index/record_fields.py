"""Fields that the archive reads of a record before sealing: department, persons, words. Pure."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.contract import Record


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Identifier by which Meta knows a person."""

    kind: str
    value: str


class Person(msgspec.Struct, frozen=True, gc=False):
    identities: tuple[Identity, ...] = ()
    name: str = ""


class AccessFields(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="camel"):
    """Fields of a delivery or a view record."""

    department: str | None = None
    state: str | None = None
    """Outcome of a delivery."""
    what: str = ""
    """Object of a view: message, messages, file, search ..."""
    token: str = ""
    employee: str = ""
    """Employee who viewed."""
    trace: str = ""
    parent_span: str = ""
    """Trace of the request and, if the caller has one, the caller's span; both in hex."""


class Destruction(msgspec.Struct, frozen=True):
    """Sealed data of a destruction record. It repeats the plain columns, so that a destruction
    cannot be forged from another record. With `entry` it concerns one entry, without a conversation
    the whole municipality."""

    ground: str
    tenant: str
    conversation: str
    entry: UUID | None
    list: str = ""
    """Destruction list that it was on, and who approved that."""
    by: str = ""
    order: int | None = None
    """Number of the order of destruction outside the database."""
    first_at: datetime | None = None
    """Time of the first order, if that was carried out again after a restore, also for what came
    late after that."""


GROUNDS = {"term": "the term of the selection list is over", "request": "an erasure was granted"}
"""Kind of list -> ground, as the record of a destruction has it."""


class RecordFields(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="camel"):
    """Fields of a record that the archive reads; the others may hold anything."""

    department: str | None = None
    type: str | None = None
    direction: str | None = None
    text: str | None = None
    from_: Person | None = msgspec.field(name="from", default=None)
    to: str | None = None
    number: str | None = None
    sent_at: datetime | None = None
    medium: dict[str, Any] | None = None
    content: Any = None
    """Outgoing message in Meta's format."""
    changes: tuple[Identity, ...] = ()
    """Identifiers that an identity change adds and removes."""
    status: str | None = None
    """Status of an outgoing message when it was accepted."""
    access: AccessFields = AccessFields()
    """Fields of a delivery or a view."""


_read = msgspec.json.Decoder(RecordFields).decode
_read_access = msgspec.json.Decoder(AccessFields).decode
_read_department = msgspec.json.Decoder(
    msgspec.defstruct("Department", [("department", str | None, None)], frozen=True)
).decode
CONTENT_KINDS = frozenset(("message", "note", "consent", "identity", "request"))
"""Kinds of record with content or persons, whose fields are all read."""
INDEXED_KINDS = sorted(CONTENT_KINDS | {"view"})
"""Kinds of record of which words or persons are indexed."""
ACCESS_KINDS = frozenset(("delivery", "view"))
"""Kinds of record about an access to content: passing it on or viewing it."""
PHONE, EMPLOYEE = "phone", "employee"


def read_fields(record: Record) -> RecordFields:
    """Read the fields of a record. msgspec.DecodeError if its data is not a JSON object of its
    kind."""
    if record.kind in CONTENT_KINDS:
        return _read(record.data)
    if record.kind in ACCESS_KINDS:
        access = _read_access(record.data)
        return RecordFields(department=access.department, access=access)
    return RecordFields(department=_read_department(record.data).department)  # type: ignore[attr-defined]


def subject_identities(fields: RecordFields) -> list[Identity]:
    """Return the identifiers of the persons a record is about."""
    if not (fields.from_ or fields.to or fields.changes or fields.access.employee):
        return []  # most records
    identities = [*(fields.from_.identities if fields.from_ else ()), *fields.changes]
    if fields.to:
        identities.append(Identity(PHONE, fields.to))
    if fields.access.employee:
        identities.append(Identity(EMPLOYEE, fields.access.employee))
    return [
        Identity(identity.kind, normalise(identity)) for identity in identities if identity.value
    ]


def normalise(identity: Identity) -> str:
    """Return the value of an identifier, the same for a phone number with and without its +."""
    return identity.value.removeprefix("+") if identity.kind == PHONE else identity.value
