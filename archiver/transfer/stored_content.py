"""The content of a stored file, which must be what the record says."""

from collections.abc import AsyncIterator
from hashlib import sha256
from uuid import UUID

from archiver.media.reader import read
from archiver.media.store import StoredFile
from archiver.transfer.parts import FileDamaged
from services.files.object_store import ObjectNotFound, ObjectStore
from services.sealing.wrapping import CannotDecrypt


async def read_checked(
    objects: ObjectStore, stored: StoredFile | None, message: UUID, digest: str
) -> AsyncIterator[bytes]:
    """Yield the file of a message as it was sent. Raises FileDamaged if it is gone, or not what was
    stored. `digest` is its SHA-256 in hex; '' if the record does not say."""
    found = sha256()
    try:
        if stored is None:
            raise ObjectNotFound
        async for piece in await read(objects, stored):
            found.update(piece)
            yield piece
    except (CannotDecrypt, ObjectNotFound):
        raise FileDamaged(str(message)) from None
    if digest and found.hexdigest() != digest:
        raise FileDamaged(str(message))
