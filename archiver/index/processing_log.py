"""Rows of the processing log: one per action with personal data (Logboek Dataverwerkingen 1.0).
Pure.

The data subject is a pseudonym of the conversation, which belongs to one person within their
municipality. The employee is never in the processing log, only in the log itself.

Each row has a keyed hash of its columns, under the municipality's key of proofs: whoever has the
database and not that key can change no row unseen.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from archiver.index.record_fields import RecordFields
from services.contract import Record

SUBJECT_TYPE = "postkamer-conversation"
CONVERSATION = "conversation"
"""Kind of the subject, whose hash is the pseudonym."""
TRACE_BYTES, SPAN_BYTES = 16, 8
PROOF_BYTES, PROOF_USE = 16, b"processing"
"""Length of the hash of a row, and the use that sets it apart from hashes of words and persons."""
SEARCH = "search"
"""Value of `what` in a view record of a search."""
RECEIVED, SENT, PASSED_ON = "bericht ontvangen", "bericht verstuurd", "bericht doorgegeven"
SHOWN, SEARCHED, ASKED = "gesprek ingezien", "gesprek gevonden", "verzoek over gegevens behandeld"
FAILED = frozenset(("failed", "parked"))
"""Statuses and states of an action that failed."""


class Action(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Row of the processing log, without the columns that are the same in every row."""

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


COLUMNS = (
    "trace_id", "span_id", "parent_span_id", "name", "status", "start_time", "end_time", "resource",
    "tenant", "activity", "subject", "subject_type", "foreign_processor",
)  # fmt: skip
"""Columns of a row but its hash."""
ActionRow = tuple[Any, ...]
"""Row of the processing log: COLUMNS, and the hash of them."""
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def action_row(action: Action, resource: str, key: bytes) -> ActionRow:
    """Return the row of an action, of which `resource` is the program. Start and end are the same
    time, since the action is complete when it is recorded."""
    row = (
        action.trace, action.span, action.parent, action.name, action.status, action.at, action.at,
        resource, action.tenant, action.activity, action.subject, SUBJECT_TYPE, action.processor,
    )  # fmt: skip
    return (*row, row_proof(row, key))


def row_proof(row: Sequence[Any], key: bytes) -> bytes:
    """Return the hash of the COLUMNS of a row. `key` is the municipality's key of proofs."""
    return blake2b(_encode(row), key=key, digest_size=PROOF_BYTES, person=PROOF_USE).digest()


def is_genuine(row: Sequence[Any], proof: bytes, key: bytes) -> bool:
    """Return True if the COLUMNS of a row have this hash."""
    return hmac.compare_digest(proof, row_proof(row, key))


class Activities(msgspec.Struct, frozen=True):
    """URI of this processing activity in the register of each municipality."""

    uris: Mapping[str, str] = {}

    def of_tenant(self, tenant: str) -> str:
        return self.uris.get(tenant) or default_activity(tenant)


def default_activity(tenant: str) -> str:
    """Return an activity URI for a municipality that configured none."""
    return f"urn:postkamer:{tenant}:whatsapp"


def is_action(record: Record) -> bool:
    """Return whether a record is an action with personal data."""
    return record.kind in NAMES and bool(record.tenant and record.conversation)


def build_action(record: Record, fields: RecordFields, activity: str, subject: bytes) -> Action:
    """Return the row of a record. `subject` is the pseudonym of its conversation."""
    access = fields.access
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
        # A caller with a span of its own is a foreign processor. It is named by its token, which
        # cannot be forged.
        processor=processor_uri(record.tenant, access.token) if access.parent_span else None,
    )


def span_of(record: UUID) -> bytes:
    """Return the random half of a record's id."""
    return record.bytes[SPAN_BYTES:]


def processor_uri(tenant: str, token: str) -> str:
    return f"urn:postkamer:{tenant}:token:{token}"


def _action_name(kind: str, fields: RecordFields) -> str:
    if kind == "message" and fields.direction != "in":
        return SENT
    if kind == "view" and fields.access.what == SEARCH:
        return SEARCHED
    return NAMES[kind]


NAMES = {"message": RECEIVED, "delivery": PASSED_ON, "view": SHOWN, "request": ASKED}
"""Kinds of record that are an action, and the default name of each action."""
POSSIBLE_NAMES = {
    "message": (RECEIVED, SENT),
    "delivery": (PASSED_ON,),
    "view": (SHOWN, SEARCHED),
    "request": (ASKED,),
}
"""All names that an action of a kind may have."""


def _parse_hex(text: str, length: int) -> bytes | None:
    if not text:
        return None
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    return raw if len(raw) == length else None
