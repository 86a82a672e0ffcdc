"""A download in progress: counted, hashed and sealed chunk by chunk, never whole in memory."""

import hashlib
from collections.abc import AsyncIterator

from archiver.media.fetch_policy import LARGEST_BYTES, FetchedFile
from services.files.file_signatures import HEAD_BYTES
from services.sealing.stream_sealing import SealingStream, StreamKey


class TooLarge(Exception):
    """The file is larger than WhatsApp accepts from a citizen."""


class Download:
    def __init__(self, content: AsyncIterator[bytes], stream_key: StreamKey) -> None:
        self._content = content
        self._hash = hashlib.sha256()
        self._size, self._head = 0, b""
        self._sealing = SealingStream(stream_key, self._count())

    def pieces(self) -> AsyncIterator[bytes]:
        """Yield the sealed bytes."""
        return self._sealing.pieces()

    async def _count(self) -> AsyncIterator[bytes]:
        async for piece in self._content:
            self._size += len(piece)
            if self._size > LARGEST_BYTES:
                raise TooLarge
            self._hash.update(piece)
            if len(self._head) < HEAD_BYTES:
                self._head += piece[:HEAD_BYTES]
            yield piece

    def result(self, mime_type: str) -> FetchedFile:
        return FetchedFile(
            self._size,
            self._hash.hexdigest(),
            mime_type,
            self._head[:HEAD_BYTES],
            object=self._sealing.sha256(),
        )
