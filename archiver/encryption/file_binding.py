"""Keyed hash of a file's row: its state and verdict cannot be changed by hand unseen. Pure.

The table of files is a working table, and the record has only results. Until the first result is
there, this hash is what shows that a row says what the archive wrote.
"""

import hmac
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec

from archiver.encryption.sealing import derive_item_key

Row: TypeAlias = Mapping[str, Any] | Any
"""A row with columns by name: asyncpg's Record or a dict."""
ROW = b"file row"
"""Purpose of the key for the keyed hash of a row."""
BOUND = ("file_salt", "ciphertext_sha256", "mime_type", "size", "digest", "agrees", "scanned")
"""Columns of a file that came, which are bound together with its id and state."""


def bind(row: Row, conversation_key: bytes) -> bytes:
    """Return the keyed hash of what a row says of a file: its state, the salt and name of its
    content, and what was found in it. The columns of a file that waits are not decided yet."""
    columns = [row["about"].bytes, row["state"]]
    if row["state"] != "waiting":
        columns += [row[name] for name in BOUND]
    key = derive_item_key(conversation_key, row["about"].bytes, ROW)
    return blake2b(msgspec.msgpack.encode(columns), key=key, digest_size=32).digest()


def is_bound(row: Row, conversation_key: bytes, *, must: bool) -> bool:
    """Return if a row says what this archive wrote. Without a keyed hash it is of a version before
    it, unless its sealed columns say that it `must` have one."""
    mac: bytes | None = row["mac"]
    if mac is None:
        return not must
    return hmac.compare_digest(mac, bind(row, conversation_key))
