"""Files as they are read again: opened while they come, and never a byte that is not as it was."""

from collections.abc import AsyncIterator
from uuid import UUID

import structlog

from archiver.encryption.sealing import CannotDecrypt
from archiver.encryption.stream_sealing import open_stream
from archiver.media.store import File, Kept
from services import metrics
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore

log = structlog.get_logger()


async def read(store: ObjectStore, file: File | Kept) -> AsyncIterator[bytes]:
    """Its pieces. Missing, Away or Shut, also half-way."""
    if not file.ciphertext_sha256:
        raise ObjectNotFound
    if file.lock is None:
        raise CannotDecrypt("its key is gone")
    return open_stream(file.lock, await store.read(object_store.sealed_key(file.ciphertext_sha256)))


def damaged(message: UUID, error: CannotDecrypt | ObjectNotFound) -> None:
    """Counted and logged: what lies there is not what was kept, or nothing lies there."""
    metrics.media_damaged.inc()
    what = "media.missing" if isinstance(error, ObjectNotFound) else "media.damaged"
    log.error(what, message=message)
