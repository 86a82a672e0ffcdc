"""Copy files that went out from the store of uploads, where the gateway put them for the deliverer.

An upload ends only when the archive has its copy, so an attempt that is broken off is repeated.
"""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec

from archiver.media.download_stream import Download, TooLarge
from archiver.media.fetch_policy import (
    UPLOAD_ENDED,
    FetchedFile,
    FetchFailed,
    MediaResult,
    check_copy,
)
from archiver.media.store import File
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore, StoreUnavailable
from services.postgres.database import Pool
from services.postgres.shut_rows import open_rows, report_shut
from services.sealing.columns import MEDIA, file_salt, unseal_upload
from services.sealing.key_ring import RING
from services.sealing.stream_sealing import StreamKey, open_stream
from services.sealing.wrapping import CannotDecrypt


class _Upload(msgspec.Struct, frozen=True):
    """An upload whose row opened, and its name in the store."""

    id: UUID
    object: UUID


class UploadSource:
    """`uploads` is the store of uploads, `objects` that of the archive."""

    def __init__(self, pool: Pool, uploads: ObjectStore, objects: ObjectStore) -> None:
        self._pool, self._uploads, self._objects = pool, uploads, objects

    async def copy(
        self, file: File, upload: UUID, stream_key: StreamKey
    ) -> FetchedFile | FetchFailed | MediaResult:
        """Copy an upload into the object store of the archive, sealed, whole or not at all."""
        rows = await self._pool.fetch(_FIND, upload)
        if not rows:
            return MediaResult("lost", UPLOAD_ENDED)
        opened, shut = await open_rows(rows, _read_row)
        if shut:
            report_shut("gateway.media", upload)
            return FetchFailed("damaged")
        try:
            download = Download(await self._read(opened[0]), stream_key)
        except ObjectNotFound:
            return FetchFailed("absent")
        except StoreUnavailable:
            return FetchFailed("store")
        if failure := await self._store(file, download):
            return failure
        return check_copy(download.result(file.announced.mime_type), file.announced)

    async def _read(self, upload: _Upload) -> AsyncIterator[bytes]:
        """Return the plain bytes of an upload."""
        pieces = await self._uploads.read(object_store.upload_key(upload.object))
        return open_stream(RING.stream_key(file_salt(upload.id, upload.object)), pieces)

    async def _store(self, file: File, download: Download) -> FetchFailed | None:
        """Store the sealed copy; return why it failed, if it did."""
        try:
            await self._objects.put(object_store.media_key(file.object), download.pieces())
        except (CannotDecrypt, TooLarge):  # the gateway takes no file as large
            return FetchFailed("damaged")
        except (StoreUnavailable, ObjectNotFound):  # ObjectNotFound: the bucket does not exist
            return FetchFailed("store")
        return None


def _read_row(row: Any) -> _Upload:
    unseal_upload(row)  # an altered row might name another object
    return _Upload(row["id"], row["object"])


_FIND = f"select {', '.join(MEDIA)}, sha256 from gateway.media where id = $1"
