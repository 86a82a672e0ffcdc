"""Read stored files: decrypted and authenticated chunk by chunk."""

from collections.abc import AsyncIterator
from uuid import UUID

import structlog

from archiver.media.store import File, StoredFile
from services import metrics
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore
from services.sealing.stream_sealing import open_stream
from services.sealing.wrapping import CannotDecrypt

log = structlog.get_logger()


async def read(store: ObjectStore, file: File | StoredFile) -> AsyncIterator[bytes]:
    """Return the chunks of the file. Raises ObjectNotFound, StoreUnavailable or CannotDecrypt, also
    halfway through."""
    if not file.ciphertext_sha256:
        raise ObjectNotFound
    if file.stream_key is None:
        raise CannotDecrypt("its key is gone")
    return open_stream(
        file.stream_key, await store.read(object_store.sealed_key(file.ciphertext_sha256))
    )


def report_damage(message: UUID, error: CannotDecrypt | ObjectNotFound) -> None:
    """Count and log a stored file that is missing or has been altered."""
    metrics.media_damaged.inc()
    event = "media.missing" if isinstance(error, ObjectNotFound) else "media.damaged"
    log.error(event, message=message)
