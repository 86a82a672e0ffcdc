"""Thumbnails of citizens' pictures: made at the first look, then kept beside the original, sealed.

A thumbnail is sealed below the key of its file, so it is destroyed with it. It is no record: one
that is missing, altered or of an earlier fetch is made again.
"""

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

import structlog

from archiver.encryption.sealing import SALT_BYTES, seal, unseal
from archiver.media.reader import read
from archiver.media.store import StoredFile
from archiver.media.thumbnail_maker import THUMBNAIL_BYTES, ThumbnailMaker
from services.files import object_store
from services.files.file_signatures import strip_parameters
from services.files.object_store import ObjectNotFound, ObjectStore, StoreUnavailable
from services.sealing.stream_sealing import StreamKey
from services.sealing.wrapping import CannotDecrypt

PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})
"""Types of files that have a thumbnail. A sticker is a WebP, of which the first frame is shown."""
PICTURE_BYTES = 16 * 1024 * 1024
"""Largest picture that is read for a thumbnail: WhatsApp's are at most 5 MB."""
KEPT_BYTES = THUMBNAIL_BYTES + 1024
"""Largest object that may be a thumbnail, with salt, nonce and tag."""
PURPOSE = b"thumbnail 1"
"""Bound to each thumbnail. With another number all are made again."""

log = structlog.get_logger()


class Thumbnails:
    def __init__(self, objects: ObjectStore, maker: ThumbnailMaker) -> None:
        self._objects, self._maker = objects, maker

    async def get(self, id: UUID, file: StoredFile) -> bytes:
        """Return the thumbnail of a message's file; b"" if it has none. Raises MakerBusy,
        ObjectNotFound, StoreUnavailable and CannotDecrypt."""
        if not is_picture(file):
            return b""
        if file.stream_key is None:
            raise CannotDecrypt("its key is gone")
        with suppress(ObjectNotFound, CannotDecrypt):
            return unseal_thumbnail(file.stream_key, await self._load(id))
        thumbnail = await self._maker.make(await read(self._objects, file))
        try:
            await self._objects.put(
                object_store.thumbnail_key(id),
                _once(seal_thumbnail(file.stream_key, os.urandom(SALT_BYTES), thumbnail)),
            )
        except StoreUnavailable as error:  # it is made again at the next look
            log.warning("thumbnail.not_kept", reason=str(error))
        return thumbnail

    async def _load(self, id: UUID) -> bytes:
        kept = b""
        async for piece in await self._objects.read(object_store.thumbnail_key(id)):
            kept += piece
            if len(kept) > KEPT_BYTES:
                raise CannotDecrypt("it is larger than a thumbnail")
        return kept


def is_picture(file: StoredFile) -> bool:
    """Return True if the file may have a thumbnail."""
    types = [strip_parameters(each) for each in (file.mime_type, file.announced.mime_type) if each]
    return bool(types) and PICTURES.issuperset(types) and file.size <= PICTURE_BYTES


def seal_thumbnail(key: StreamKey, salt: bytes, thumbnail: bytes) -> bytes:
    """Seal a thumbnail under a key of its own below that of its file. One that is empty says that
    the picture has none."""
    return salt + seal(key.key, salt, thumbnail, PURPOSE + key.context)


def unseal_thumbnail(key: StreamKey, kept: bytes) -> bytes:
    """Open a thumbnail. Raises CannotDecrypt."""
    return unseal(key.key, kept[:SALT_BYTES], kept[SALT_BYTES:], PURPOSE + key.context)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
