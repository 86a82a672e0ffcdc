"""A row of the processing log for each action with somebody's data (Logboek Dataverwerkingen 1.0).
Pure.

Whose data it is, is told by a pseudonym of the conversation, which is a person's within their
municipality; who worked on it is never told here: that is in the log itself.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from archiver.index.record_fields import RecordFields
from services.contract import Record

SUBJECT_TYPE = "postkamer-conversation"
TRACE_BYTES, SPAN_BYTES = 16, 8
SEARCH = "search"
"""What a view says of itself where somebody searched."""
RECEIVED, SENT, PASSED_ON = "bericht ontvangen", "bericht verstuurd", "bericht doorgegeven"
SHOWN, SEARCHED, ASKED = "gesprek ingezien", "gesprek gevonden", "verzoek over gegevens behandeld"
FAILED = frozenset(("failed", "parked"))
"""What a status, or a state, of something that was not done is called."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A row, but for what is the same in many."""

    trace: bytes
    span: bytes
    parent: bytes | None
    name: str
    status: str
    at: datetime
    tenant: str
    activity: str
    subject: bytes
    processor: str | None


class Activities(msgspec.Struct, frozen=True):
    """Municipality -> the URI of this processing activity in its register."""

    uris: Mapping[str, str] = {}

    def of_tenant(self, tenant: str) -> str:
        return self.uris.get(tenant) or default_activity(tenant)


def default_activity(tenant: str) -> str:
    """A name of ours, for a municipality that gave none."""
    return f"urn:postkamer:{tenant}:whatsapp"


def is_action(record: Record) -> bool:
    """Whether it is something that was done with somebody's data."""
    return record.kind in NAMES and bool(record.tenant and record.conversation)


def build_action(record: Record, fields: RecordFields, activity: str, subject: bytes) -> Action:
    """What was done; `subject` is the pseudonym of its conversation."""
    access = fields.done
    return Action(
        trace=_parse_hex(access.trace, TRACE_BYTES) or (record.message or record.id).bytes,
        span=span_of(record.id),
        parent=_parse_hex(access.parent_span, SPAN_BYTES),
        name=_action_name(record.kind, fields),
        status="Error" if fields.status in FAILED or access.state in FAILED else "Ok",
        at=record.at,
        tenant=record.tenant,
        activity=activity,
        subject=subject,
        # Their trace, so somebody's who has one: known by the token, which nobody can make up.
        processor=processor_uri(record.tenant, access.token) if access.parent_span else None,
    )


def span_of(record: UUID) -> bytes:
    """The half of its id that is chance."""
    return record.bytes[SPAN_BYTES:]


def processor_uri(tenant: str, token: str) -> str:
    return f"urn:postkamer:{tenant}:token:{token}"


def _action_name(kind: str, fields: RecordFields) -> str:
    if kind == "message" and fields.direction != "in":
        return SENT
    if kind == "view" and fields.done.what == SEARCH:
        return SEARCHED
    return NAMES[kind]


NAMES = {"message": RECEIVED, "delivery": PASSED_ON, "view": SHOWN, "request": ASKED}
"""Kinds of record that are an action, and what it is mostly called."""


def _parse_hex(text: str, length: int) -> bytes | None:
    if not text:
        return None
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    return raw if len(raw) == length else None
