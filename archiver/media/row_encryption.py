"""What of a file's row only opens with the key of its conversation. Pure."""

from contextlib import suppress
from typing import Any, TypeAlias

import msgspec

from archiver.encryption.sealing import CannotDecrypt, derive_item_key, seal, unseal
from archiver.encryption.stream_sealing import StreamKey
from archiver.media.fetch_policy import Announced

Row: TypeAlias = Any
"""By name: asyncpg's, or a dict."""
PURPOSE = b"file"
"""Of the key of what is in one; what was announced of it lies under another."""
DIGEST = b"digest"
"""In the place of a salt: the key above it is one file's alone."""


def announced(row: Row, key: bytes | None) -> Announced:
    plain = b'{"id":""}'
    if key and row["salt"]:
        with suppress(CannotDecrypt):
            plain = unseal(key, row["salt"], row["sealed"], row["about"].bytes)
    return msgspec.json.decode(plain, type=Announced)


def lock_of(row: Row, key: bytes | None) -> StreamKey | None:
    """Of what is in it."""
    if not (key and row["file_salt"]):
        return None
    return StreamKey(derive_item_key(key, row["file_salt"], PURPOSE), row["about"].bytes)


def digest(lock: StreamKey, sha256: str) -> bytes:
    return seal(lock.key, DIGEST, bytes.fromhex(sha256), lock.context)


def sha256(row: Row, key: bytes | None) -> str:
    """In hex, of its content; '' until it was fetched, and once its key is gone."""
    lock = lock_of(row, key)
    if row["digest"] is None or lock is None:
        return ""
    with suppress(CannotDecrypt):
        return unseal(lock.key, DIGEST, row["digest"], lock.context).hex()
    return ""


def place(row: Row) -> tuple[str, str]:
    """Municipality and conversation."""
    return row["tenant"], row["conversation"]
