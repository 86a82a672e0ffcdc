"""Pictures and sound that a transcript shows of its files, within bounds.

Which file is shown whole follows from the files before it, so that the same record gives the same
bytes. What does not fit stands there by its name, size and hash.
"""

from collections.abc import AsyncIterator, Mapping
from uuid import UUID

import msgspec
import structlog

from archiver.media.reader import read, report_damage
from archiver.media.store import StoredFile
from archiver.media.thumbnail_maker import FOR_PRINT, THUMBNAIL_TYPE, ThumbnailMaker
from archiver.media.thumbnails import is_picture
from archiver.transcript.builder import Content
from services.files.file_signatures import has_signature, strip_parameters
from services.files.object_store import ObjectNotFound, ObjectStore
from services.sealing.wrapping import CannotDecrypt

WHOLE_PICTURE = 1024 * 1024
"""Bytes up to which a picture is shown as it is: WhatsApp's photos are 100 to 400 KB."""
WHOLE_SOUND = 2 * 1024 * 1024
"""Bytes up to which sound is in the page: a voice note of twenty minutes."""
SOUNDS = frozenset({"audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac"})
"""Not AMR, which WhatsApp takes too: no browser plays it."""
EMBEDDED_BYTES = 24 * 1024 * 1024
"""Most bytes of all that is shown: a page of 32 MiB, which a browser opens in a second."""
ORIGINALS_BYTES = 48 * 1024 * 1024
"""Most bytes of all originals that are attached: in memory three times while it is printed."""
TOO_LARGE = "too_large: the originals are over {} MiB, more than one PDF holds: leave them out"

log = structlog.get_logger()


class TooLarge(Exception):
    """The originals do not fit in one PDF. The argument is a sentence for the user."""


class Wish(msgspec.Struct, frozen=True):
    """Wish for files. `is_print`: every picture is made anew, since the typesetter is not
    given a stranger's bytes to decode, and there is no sound."""

    is_print: bool = False
    has_originals: bool = False
    scanned_only: bool = True


class ContentLoader:
    def __init__(self, objects: ObjectStore, maker: ThumbnailMaker) -> None:
        self._objects, self._maker = objects, maker

    async def load(self, files: Mapping[UUID, StoredFile], wish: Wish) -> dict[UUID, Content]:
        """Return what is shown of each file, in order. Raises TooLarge, MakerBusy and
        StoreUnavailable."""
        open_files = {
            id: file
            for id, file in files.items()
            if file.may_be_opened(scanned_only=wish.scanned_only)
        }
        if wish.has_originals and sum(map(_size, open_files.values())) > ORIGINALS_BYTES:
            raise TooLarge(TOO_LARGE.format(ORIGINALS_BYTES // 1024**2))
        contents: dict[UUID, Content] = {}
        remaining = EMBEDDED_BYTES
        for id, file in open_files.items():
            try:
                content = await self._content(file, wish, remaining)
            except (ObjectNotFound, CannotDecrypt) as error:
                report_damage(id, error)
                continue
            remaining -= len(content.content)
            contents[id] = content
        return contents

    async def _content(self, file: StoredFile, wish: Wish, remaining: int) -> Content:
        shown = await self._shown(file, wish, remaining)
        if not wish.has_originals:
            return shown
        return shown._replace(original=await _whole(await read(self._objects, file)))

    async def _shown(self, file: StoredFile, wish: Wish, remaining: int) -> Content:
        type = strip_parameters(file.mime_type)
        if is_picture(file):
            is_whole = not wish.is_print and file.size <= min(WHOLE_PICTURE, remaining)
            whole = await self._as_it_is(file, type) if is_whole else b""
            if whole:
                return Content("picture", whole, type)
            small = await self._maker.make(await read(self._objects, file), FOR_PRINT)
            if small and len(small) <= remaining:
                return Content("picture", small, THUMBNAIL_TYPE, is_scaled=True)
        is_sound = type in SOUNDS and not wish.is_print and file.size <= min(WHOLE_SOUND, remaining)
        if is_sound and (sound := await self._as_it_is(file, type)):
            return Content("sound", sound, type)
        return Content()

    async def _as_it_is(self, file: StoredFile, type: str) -> bytes:
        """Return the bytes of a file; b"" if they are not of its type."""
        content = await _whole(await read(self._objects, file))
        return content if has_signature(type, content) else b""


def _size(file: StoredFile) -> int:
    return file.size


async def _whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])
