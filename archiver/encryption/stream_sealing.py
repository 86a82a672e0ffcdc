"""A file sealed in chunks while it passes: nobody holds the whole of it. Pure.

It is STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, 2015), as age has it. The nonce of a chunk
says which one it is and whether it is the last, so chunks that were altered, moved, doubled, left
out or added do not open, and neither does a file that ends too soon. Under one key lies one file,
ever.
"""

from collections.abc import AsyncIterator
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archiver.encryption.sealing import CannotDecrypt

CHUNK_BYTES = 64 * 1024
"""Of the file in one chunk, as in age: a reader waits for so much before it has a byte, and the tag
of each makes the file 0.02 % larger."""
TAG_BYTES = 16
COUNTER_BYTES = 11


class StreamKey(msgspec.Struct, frozen=True):
    """The key that is one file's alone, and what it is about: it opens in no other's place."""

    key: bytes
    about: bytes


class SealingStream:
    """What comes, sealed, as its `pieces` are taken."""

    def __init__(self, key: StreamKey, content: AsyncIterator[bytes]) -> None:
        self._key, self._content = key, content
        self._hash = sha256()
        self.size = 0
        """Bytes that were given, sealed."""

    async def pieces(self) -> AsyncIterator[bytes]:
        cipher = AESGCM(self._key.key)
        async for number, chunk, last in _chunks(self._content, CHUNK_BYTES):
            sealed = cipher.encrypt(_nonce(number, last=last), chunk, self._key.about)
            self._hash.update(sealed)
            self.size += len(sealed)
            yield sealed

    def sha256(self) -> str:
        """In hex, of what was given."""
        return self._hash.hexdigest()


async def open_stream(key: StreamKey, sealed: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The file, chunk by chunk; Shut in the place of the first that is not as it was sealed."""
    cipher = AESGCM(key.key)
    async for number, chunk, last in _chunks(sealed, CHUNK_BYTES + TAG_BYTES):
        yield _decrypt_chunk(cipher, key.about, chunk, _nonce(number, last=last))


def _decrypt_chunk(cipher: AESGCM, about: bytes, chunk: bytes, nonce: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, chunk, about)
    except (InvalidTag, ValueError):
        raise CannotDecrypt("it was altered, or this is not its key") from None


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(COUNTER_BYTES, "big") + bytes([last])


async def _chunks(
    content: AsyncIterator[bytes], size: int
) -> AsyncIterator[tuple[int, bytes, bool]]:
    """Each with its number, and whether it is the last: that alone may be shorter, and it is empty
    where there is nothing at all."""
    buffer, number = bytearray(), 0
    async for piece in content:
        buffer += piece
        while len(buffer) > size:  # of what fills it exactly it may be the last
            yield number, bytes(buffer[:size]), False
            del buffer[:size]
            number += 1
    yield number, bytes(buffer), True
