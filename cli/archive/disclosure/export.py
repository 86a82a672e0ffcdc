"""Writing a disclosure to a folder, one document at a time."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from archiver.disclosure.disclosure import Disclosure, Document
from archiver.disclosure.disclosure_store import DisclosureStore
from archiver.disclosure.handling import (
    DocumentReader,
    OpenDocument,
    PictureLoader,
)
from archiver.disclosure.inventory import Line
from archiver.disclosure.redaction import Redactions
from archiver.disclosure.result import (
    SHOWN,
    compose,
    inventory_files,
    inventory_line,
    name_document,
)
from archiver.encryption.key_store import KeyStore
from archiver.media.thumbnail_maker import MakerBusy, ThumbnailMaker
from archiver.transcript.page import render_page
from archiver.transcript.pdf import transcript_pdf
from cli.support.archive_access import load_object_store, write_private_file
from cli.support.output import CommandRefused
from services.config.model import Configuration
from services.postgres.database import Pool
from services.printing.typesetter import Unprintable

NOT_EMPTY = "--out: expected a new folder, or an empty one: what lies there might be handed over"


class ExportOrder(msgspec.Struct, frozen=True):
    found: Disclosure
    documents: Sequence[Document]
    config: Configuration
    folder: Path


async def write_export(pool: Pool, keys: KeyStore, order: ExportOrder) -> list[str]:
    """Write the files and return their names. Raises DisclosureRefused and TooLong."""
    _make_folder(order.folder)
    scanned_only = order.config.environment == "production"
    loader = PictureLoader(load_object_store(), ThumbnailMaker(), scanned_only=scanned_only)
    lines = [await _write_document(pool, keys, order, loader, each) for each in order.documents]
    for name, body in inventory_files(order.found, lines):
        write_private_file(order.folder / name, body)
    return sorted(each.name for each in order.folder.iterdir())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise CommandRefused(f"{folder}: {error.strerror}") from None
    if not is_empty:
        raise CommandRefused(NOT_EMPTY)


async def _write_document(
    pool: Pool, keys: KeyStore, order: ExportOrder, loader: PictureLoader, document: Document
) -> Line:
    """Write what is shown of a document, and return its line in the inventory."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        reader = DocumentReader(connection, keys, order.config)
        opened = await reader.find(order.found, document)
        if opened is None:
            return Line(document)
        redactions = await DisclosureStore(connection, keys.on(connection)).redactions(
            order.found, document
        )
    if document.decision in SHOWN:
        await _write_shown(order, loader, opened, redactions)
    return inventory_line(order.found, opened)


async def _write_shown(
    order: ExportOrder, loader: PictureLoader, opened: OpenDocument, redactions: Redactions
) -> None:
    number = opened.document.number
    try:
        pictures = await loader.load(order.found, opened, redactions)
        transcript = compose(order.found, opened, redactions, pictures)
        bodies = {".html": render_page(transcript), ".pdf": transcript_pdf(transcript)}
    except MakerBusy:
        raise CommandRefused("a picture could not be made smaller: try again") from None
    except Unprintable as error:
        raise CommandRefused(f"document {number}: {error}") from None
    for ending, body in bodies.items():
        write_private_file(order.folder / name_document(order.found, number, ending), body)
