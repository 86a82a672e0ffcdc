"""Encrypted columns of a file's row, under the key of its conversation. Pure."""

from contextlib import suppress
from typing import Any, TypeAlias

import msgspec

from archiver.encryption.sealing import derive_item_key, seal, unseal
from archiver.media.fetch_policy import AnnouncedFile
from services.sealing.stream_sealing import StreamKey
from services.sealing.wrapping import CannotDecrypt

Row: TypeAlias = Any
"""A row with columns by name: asyncpg's Record or a dict."""
PURPOSE = b"file"
"""Purpose of the key for a file's content; the announced fields are under another key."""
DIGEST = b"digest"
"""Constant salt for the digest: the key it is derived from belongs to one file only."""


def decrypt_announced(row: Row, key: bytes | None) -> AnnouncedFile:
    plain = b'{"id":""}'
    if key and row["salt"]:
        with suppress(CannotDecrypt):
            plain = unseal(key, row["salt"], row["sealed"], row["about"].bytes)
    return msgspec.json.decode(plain, type=AnnouncedFile)


def derive_stream_key(row: Row, key: bytes | None) -> StreamKey | None:
    """Return the key of the file's content; None without the conversation's key or a salt."""
    if not (key and row["file_salt"]):
        return None
    return StreamKey(derive_item_key(key, row["file_salt"], PURPOSE), row["about"].bytes)


def seal_digest(stream_key: StreamKey, sha256: str) -> bytes:
    return seal(stream_key.key, DIGEST, bytes.fromhex(sha256), stream_key.context)


def open_digest(row: Row, key: bytes | None) -> str:
    """Return the SHA-256 of the content in hex; '' before the fetch and after its key is gone."""
    stream_key = derive_stream_key(row, key)
    if row["digest"] is None or stream_key is None:
        return ""
    with suppress(CannotDecrypt):
        return unseal(stream_key.key, DIGEST, row["digest"], stream_key.context).hex()
    return ""


def key_place(row: Row) -> tuple[str, str]:
    """Return the municipality and the conversation, which identify the key."""
    return row["tenant"], row["conversation"]
