"""An entry of the log: the columns in plain text, and its leaf in the tree. Pure."""

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import msgspec

from archiver.encryption.sealing import encode_columns
from services.contract import Record
from services.transparency.merkle import leaf_hash


class PlainColumns(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """PLAIN columns, which are not sealed. None of them tells who a person is or what was said."""

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


def encode_plain(entry: PlainColumns) -> bytes:
    """Encode the plain columns as the leaf begins, and as the sealed content is bound to them."""
    return encode_columns(msgspec.structs.astuple(entry))


def encode_leaf(entry: PlainColumns, sealed: bytes) -> bytes:
    """Encode the leaf that is hashed, a JSON array: the version, the plain columns, and the SHA-256
    of the sealed content in hex."""
    return _end_leaf(encode_plain(entry), sealed)


def entry_leaf_hash(entry: PlainColumns, sealed: bytes) -> bytes:
    """Return the hash of the entry's leaf in the tree."""
    return leaf_hash(encode_leaf(entry, sealed))


def encoded_leaf_hash(plain: bytes, sealed: bytes) -> bytes:
    """Return the same from plain columns that are encoded."""
    return leaf_hash(_end_leaf(plain, sealed))


def _end_leaf(plain: bytes, sealed: bytes) -> bytes:
    return plain + b',"' + sha256(sealed).hexdigest().encode() + b'"]'
