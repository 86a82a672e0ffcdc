"""The result of a disclosure as one archive, written while it is made: one document at a time."""

import asyncio
import zipfile
from collections.abc import Sequence

from aiohttp import web

from archiver.api.access_log import AccessLog
from archiver.api.presenter import content_rows
from archiver.disclosure.assessment import mark_pictures
from archiver.disclosure.disclosure import Disclosure, Document
from archiver.disclosure.disclosure_store import DisclosureStore
from archiver.disclosure.handling import DocumentReader, OpenDocument, PictureLoader
from archiver.disclosure.inventory import Line
from archiver.disclosure.redaction import Redactions
from archiver.disclosure.result import (
    SHOWN,
    compose,
    inventory_files,
    inventory_line,
    name_document,
)
from archiver.disclosure.spreadsheet import EARLIEST
from archiver.media.thumbnail_maker import ThumbnailMaker
from archiver.privacy.archive import PrivacyArchive
from archiver.transcript.page import render_page
from archiver.transcript.printer import print_transcript

VIEW = "disclosure"


class StreamedArchive:
    """A zip whose bytes leave as soon as they are made. The same files give the same bytes."""

    def __init__(self, response: web.StreamResponse) -> None:
        self._response, self._pending = response, _Pending()
        self._zip = zipfile.ZipFile(self._pending, "w")

    async def add(self, name: str, body: bytes) -> None:
        file = zipfile.ZipInfo(name, EARLIEST)
        file.create_system, file.external_attr = 3, 0o600 << 16
        await asyncio.to_thread(self._zip.writestr, file, body, zipfile.ZIP_DEFLATED)
        await self._response.write(self._pending.take())

    async def close(self) -> None:
        self._zip.close()
        await self._response.write(self._pending.take())


class _Pending:
    """Bytes that were written and not yet sent. They cannot be sought, so that a zip goes only
    forward."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is behind it that could be flushed."""

    def close(self) -> None:
        """Bytes that are left are taken by `take`."""

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class ExportMaker:
    """Makes the files of one disclosure for who asked for them."""

    def __init__(
        self, archive: PrivacyArchive, views: AccessLog, request: web.Request, found: Disclosure
    ) -> None:
        self._archive, self._views, self._request = archive, views, request
        self.found, config = found, archive.config
        scanned_only = config.environment == "production"
        self._loader = PictureLoader(archive.objects, ThumbnailMaker(), scanned_only=scanned_only)

    async def check(self, documents: Sequence[Document]) -> list[Line]:
        """Return the lines of the inventory, once each document is known to be as it was decided.
        Raises DisclosureRefused and TooLong."""
        lines = []
        for each in documents:
            read = await self._read(each)
            if read is None:
                lines.append(Line(each))
                continue
            opened, redactions = read
            if each.decision in SHOWN:
                config = self._archive.config
                marks = mark_pictures(self.found, opened, redactions, config)
                compose(self.found, opened, redactions, marks)
            lines.append(inventory_line(self.found, opened))
        return lines

    async def make(self, document: Document) -> dict[str, bytes]:
        """Return the files of a document by their name, once the record has a view of it."""
        read = await self._read(document)
        if read is None:
            return {}
        opened, redactions = read
        pictures = await self._loader.load(self.found, opened, redactions)
        transcript = compose(self.found, opened, redactions, pictures)
        page = await asyncio.to_thread(render_page, transcript)
        bodies = {".html": page, ".pdf": await print_transcript(transcript)}
        await record_view(self._views, self._request, opened)
        return {
            name_document(self.found, document.number, ending): body
            for ending, body in bodies.items()
        }

    async def _read(self, document: Document) -> tuple[OpenDocument, Redactions] | None:
        async with self._archive.snapshot() as connection:
            reader = DocumentReader(connection, self._archive.keys, self._archive.config)
            opened = await reader.find(self.found, document)
            if opened is None:
                return None
            store = DisclosureStore(connection, self._archive.keys.on(connection))
            return opened, await store.redactions(self.found, document)


async def write_export(
    archive: StreamedArchive,
    maker: ExportMaker,
    documents: Sequence[Document],
    lines: list[Line],
) -> None:
    """Write the inventory and the files of each document of which something is shown."""
    for name, body in inventory_files(maker.found, lines):
        await archive.add(name, body)
    for document in documents:
        if document.decision in SHOWN:
            for name, body in (await maker.make(document)).items():
                await archive.add(name, body)
    await archive.close()


async def record_view(views: AccessLog, request: web.Request, opened: OpenDocument) -> None:
    """Return once the record holds a view of all of a document."""
    conversation = opened.conversation
    beside = content_rows(conversation.entries.fates)
    await views.record_shown(request, VIEW, conversation.rows, beside=beside)
