"""Seal a file in chunks while it streams, without holding the whole file. Pure.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, 2015), as in age. The nonce of a
chunk contains its number and whether it is the last. Chunks that were altered, moved, duplicated,
removed or added do not open, and neither does a truncated file. A key must seal one file only.
"""

from collections.abc import AsyncIterator
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.sealing.wrapping import CannotDecrypt

CHUNK_BYTES = 64 * 1024
"""Plain bytes in one chunk, as in age. A reader waits for one chunk before it has a byte, and the
tags make the file 0.02 % larger."""
TAG_BYTES = 16
COUNTER_BYTES = 11


class StreamKey(msgspec.Struct, frozen=True):
    """Key of one file, and the context it is bound to: it opens in no other."""

    key: bytes
    context: bytes


class SealingStream:
    """Stream that seals `content` while its `pieces` are read."""

    def __init__(self, key: StreamKey, content: AsyncIterator[bytes]) -> None:
        self._key, self._content = key, content
        self._hash = sha256()
        self.size = 0
        """Sealed bytes yielded so far."""

    async def pieces(self) -> AsyncIterator[bytes]:
        cipher = AESGCM(self._key.key)
        async for number, chunk, last in _chunks(self._content, CHUNK_BYTES):
            sealed = cipher.encrypt(_nonce(number, last=last), chunk, self._key.context)
            self._hash.update(sealed)
            self.size += len(sealed)
            yield sealed

    def sha256(self) -> str:
        """Return the SHA-256 of the sealed bytes, in hex."""
        return self._hash.hexdigest()


async def open_stream(key: StreamKey, sealed: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the plain file, chunk by chunk. Raises CannotDecrypt at the first chunk that was
    altered."""
    cipher = AESGCM(key.key)
    async for number, chunk, last in _chunks(sealed, CHUNK_BYTES + TAG_BYTES):
        yield _decrypt_chunk(cipher, key.context, chunk, _nonce(number, last=last))


def _decrypt_chunk(cipher: AESGCM, context: bytes, chunk: bytes, nonce: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, chunk, context)
    except (InvalidTag, ValueError):
        raise CannotDecrypt("it was altered, or this is not its key") from None


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(COUNTER_BYTES, "big") + bytes([last])


async def _chunks(
    content: AsyncIterator[bytes], size: int
) -> AsyncIterator[tuple[int, bytes, bool]]:
    """Yield chunks with their number, and whether each is the last. Only the last may be shorter;
    it is empty if there is no content."""
    buffer, number = bytearray(), 0
    async for piece in content:
        buffer += piece
        while len(buffer) > size:  # a chunk that is exactly full may be the last
            yield number, bytes(buffer[:size]), False
            del buffer[:size]
            number += 1
    yield number, bytes(buffer), True
