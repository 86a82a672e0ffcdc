"""An entry of the log as a package carries it, and how it becomes an entry of another log. Pure,
but for the salt of what is sealed anew.

Nearly all entries go as they are: what they say stays sealed under the key of their conversation,
which comes along. What lies under a key of the whole installation (the remainder of a body, the
record of a destruction) is sealed anew. It keeps its leaf and its sealed content of before.
"""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from archiver.encryption.key_store import Row
from archiver.encryption.sealing import (
    FORMER_KEY,
    PLAIN,
    derive_item_key,
    encode_columns,
    nonce,
    seal,
    unseal_bound,
)
from archiver.log.append import Entry
from archiver.log.entry import PlainColumns, entry_leaf_hash
from cli.tenant.transport_key import TransportKey
from services.sealing.wrapping import NONCE_BYTES

SHARED_KINDS = ("receipt", "destruction")
"""Kinds of entries that are sealed under a key of the whole installation."""


class PackedEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An entry. Bytes are in base64."""

    columns: PlainColumns
    position: int
    written_at: datetime
    salt: bytes | None
    """None: it was destroyed."""
    sealed: bytes
    leaf: bytes
    key: bytes | None = None
    """The key of what it says, sealed under the transport key; only of SHARED_KINDS."""


class FormerEntry(NamedTuple):
    """Row of archiver.former_entry, but for its municipality and log."""

    entry: Any
    position: int
    written_at: datetime
    leaf: bytes
    sealed: bytes | None
    key: bytes | None


class Faulty(Exception):
    """An entry of the package is not what it was in its log. The message says what is wrong."""


def pack_entry(row: Row, conversation_key: bytes | None, transport: TransportKey) -> PackedEntry:
    """Return an entry from its row. `conversation_key`: that of SHARED_KINDS, if it opens."""
    key = None
    if row["kind"] in SHARED_KINDS and row["salt"] is not None and conversation_key:
        item_key = derive_item_key(conversation_key, row["salt"])
        key = transport.seal(item_key, key_name(row["id"]))
    return PackedEntry(
        columns=PlainColumns(**{name: row[name] for name in PLAIN}),
        position=row["position"],
        written_at=row["written_at"],
        salt=row["salt"],
        sealed=row["sealed"],
        leaf=row["leaf"],
        key=key,
    )


def key_name(id: Any) -> str:
    """Return the name to which the key of an entry is bound."""
    return f"entry {id}"


def check_entry(packed: PackedEntry, tenant: str, leaf: bytes) -> None:
    """Raise Faulty unless an entry is of this municipality, and the one of which the log has this
    leaf."""
    columns = packed.columns
    if columns.tenant != tenant and not (columns.kind == "receipt" and columns.tenant == ""):
        raise Faulty(f"the entry at {packed.position} is of another municipality")
    if packed.leaf != leaf or entry_leaf_hash(columns, packed.sealed) != leaf:
        raise Faulty(f"the entry at {packed.position} is not the one that the log has there")
    if packed.salt is not None and nonce(packed.salt) != packed.sealed[:NONCE_BYTES]:
        raise Faulty(f"the salt of the entry at {packed.position} is not the one of then")


def is_sealed_anew(packed: PackedEntry) -> bool:
    return packed.columns.kind in SHARED_KINDS and packed.key is not None


def take_entry(packed: PackedEntry) -> tuple[Entry, FormerEntry]:
    """Return an entry as it goes into another log, and where it stood."""
    entry = Entry(
        columns=packed.columns,
        salt=packed.salt,
        sealed=packed.sealed,
        leaf=packed.leaf,
        destructions=0,
    )
    return entry, _former(packed, None)


def reseal_entry(
    packed: PackedEntry, transport: TransportKey, conversation_key: bytes, salt: bytes
) -> tuple[Entry, FormerEntry]:
    """Return an entry of SHARED_KINDS as it is sealed here. Raises CannotDecrypt."""
    assert packed.key is not None
    item_key = transport.open(packed.key, key_name(packed.columns.id))
    plain = msgspec.structs.astuple(packed.columns)
    content, columns = unseal_bound(item_key, packed.sealed, plain), encode_columns(plain)
    sealed = seal(conversation_key, salt, content, columns)
    key = seal(conversation_key, salt, item_key, columns, FORMER_KEY)
    entry = Entry(
        columns=packed.columns,
        salt=salt,
        sealed=sealed,
        leaf=entry_leaf_hash(packed.columns, sealed),
        destructions=0,
    )
    return entry, _former(packed, key)


def _former(packed: PackedEntry, key: bytes | None) -> FormerEntry:
    was = packed.sealed if key is not None else None
    return FormerEntry(packed.columns.id, packed.position, packed.written_at, packed.leaf, was, key)
