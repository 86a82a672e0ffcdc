"""What is read of a record's data before it is sealed: whose it is, whom it is about, its words.
Pure."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.contract import Record


class Identity(msgspec.Struct, frozen=True):
    """By what Meta knows somebody."""

    kind: str
    value: str


class Person(msgspec.Struct, frozen=True):
    identities: tuple[Identity, ...] = ()
    name: str = ""


class AccessFields(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """As much as is read of a delivery, and of a view."""

    department: str | None = None
    state: str | None = None
    """Of a delivery."""
    what: str = ""
    """Of a view: message, messages, file, search ..."""
    token: str = ""
    employee: str = ""
    """Of a view: who looked."""
    trace: str = ""
    parent_span: str = ""
    """In hex: the trace in which it was asked for, and the span of whoever has one themselves."""


class Destruction(msgspec.Struct, frozen=True):
    """What is said of a destruction, sealed: that nobody makes one out of another, or of something
    else. `entry`: of one entry; without a conversation, of the whole municipality."""

    ground: str
    tenant: str
    conversation: str
    entry: UUID | None


class RecordFields(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """As much of it as is read here; the rest may be anything."""

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
    """Of what went out, as Meta takes it."""
    changes: tuple[Identity, ...] = ()
    """Of an identity: what somebody is called from now on, and no longer."""
    status: str | None = None
    """Of a message of ours, when it was accepted."""
    done: AccessFields = AccessFields()
    """Of a delivery, and of a view."""


_read = msgspec.json.Decoder(RecordFields).decode
_read_access = msgspec.json.Decoder(AccessFields).decode
_read_department = msgspec.json.Decoder(
    msgspec.defstruct("Department", [("department", str | None, None)], frozen=True)
).decode
CONTENT_KINDS = frozenset(("message", "note", "consent", "identity", "request"))
"""Kinds of record that tell more than whose they are."""
ACCESS_KINDS = frozenset(("delivery", "view"))
"""Kinds of what was done with what was told."""
PHONE, EMPLOYEE = "phone", "employee"


def read_fields(record: Record) -> RecordFields:
    """msgspec.DecodeError where its data is no JSON object, or not what its kind says."""
    if record.kind in CONTENT_KINDS:
        return _read(record.data)
    if record.kind in ACCESS_KINDS:
        access = _read_access(record.data)
        return RecordFields(department=access.department, done=access)
    return RecordFields(department=_read_department(record.data).department)  # type: ignore[attr-defined]


def subject_identities(fields: RecordFields) -> list[Identity]:
    """By what whoever it is about is known."""
    if not (fields.from_ or fields.to or fields.changes or fields.done.employee):
        return []  # as of most
    identities = [*(fields.from_.identities if fields.from_ else ()), *fields.changes]
    if fields.to:
        identities.append(Identity(PHONE, fields.to))
    if fields.done.employee:
        identities.append(Identity(EMPLOYEE, fields.done.employee))
    return [Identity(one.kind, normalise(one)) for one in identities if one.value]


def normalise(identity: Identity) -> str:
    """The same number is the same, with its + or without."""
    return identity.value.removeprefix("+") if identity.kind == PHONE else identity.value
