"""An entry of the log: what of a record stands open, and the leaf that it is in the tree. Pure."""

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import msgspec

from archiver.log.merkle import leaf_hash
from services.contract import Record

VERSION = 1
"""Of how a leaf is written."""


class PlainColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What is not sealed. Nothing of it tells who somebody is or what was said."""

    id: UUID
    kind: str
    at: datetime
    tenant: str
    conversation: str
    department: str
    message: UUID | None
    receipt: UUID | None
    item: int | None
    sequence: int


def plain_columns(record: Record, department: str) -> PlainColumns:
    return PlainColumns(
        id=record.id,
        kind=record.kind,
        at=record.at.astimezone(UTC),
        tenant=record.tenant,
        conversation=record.conversation,
        department=department,
        message=record.message,
        receipt=record.receipt,
        item=record.item_index,
        sequence=record.sequence,
    )


_json = msgspec.json.Encoder().encode


def encode_leaf(entry: PlainColumns, sealed: bytes) -> bytes:
    """What is hashed, a JSON array: the version, what stands open in this order, and the SHA-256 of
    what is sealed, in hex."""
    return _json(
        (
            VERSION,
            entry.id,
            entry.kind,
            entry.at,
            entry.tenant,
            entry.conversation,
            entry.department,
            entry.message,
            entry.receipt,
            entry.item,
            entry.sequence,
            sha256(sealed).hexdigest(),
        )
    )


def entry_leaf_hash(entry: PlainColumns, sealed: bytes) -> bytes:
    """Its leaf in the tree."""
    return leaf_hash(encode_leaf(entry, sealed))
