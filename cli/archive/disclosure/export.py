"""Writing a disclosure to a folder, one document at a time."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from archiver.disclosure import phrases
from archiver.disclosure.disclosure import Disclosure, DisclosureRefused, Document
from archiver.disclosure.disclosure_store import DisclosureStore
from archiver.disclosure.handling import (
    DocumentReader,
    OpenDocument,
    PictureLoader,
    redact_document,
)
from archiver.disclosure.inventory import Line, inventory_rows, write_csv, write_ods
from archiver.disclosure.redaction import Redactions
from archiver.encryption.key_store import KeyStore
from archiver.media.thumbnail_maker import MakerBusy, ThumbnailMaker
from archiver.printing.typesetter import Unprintable
from archiver.subject_access.requests.deadlines import day_of
from archiver.transcript.page import render_page
from archiver.transcript.pdf import transcript_pdf
from archiver.transcript.transcript import Transcript
from cli.support.archive_access import load_object_store, write_private_file
from cli.support.output import CommandRefused
from services.config.model import Configuration
from services.postgres.database import Pool

NOT_EMPTY = "--out: expected a new folder, or an empty one: what lies there might be handed over"
DRAFT = "concept-"
"""Beginning of the name of each file of a disclosure that is not approved."""
MORE = "document {number}: more is left out than was decided ({grounds}): decide about it again"
SHOWN = ("open", "partly")


class ExportOrder(msgspec.Struct, frozen=True):
    found: Disclosure
    documents: Sequence[Document]
    config: Configuration
    folder: Path

    @property
    def is_draft(self) -> bool:
        return self.found.state != "approved"

    def name(self, base: str) -> str:
        return f"{DRAFT}{base}" if self.is_draft else base


async def write_export(pool: Pool, keys: KeyStore, order: ExportOrder) -> list[str]:
    """Write the files and return their names. Raises DisclosureRefused and TooLong."""
    _make_folder(order.folder)
    scanned_only = order.config.environment == "production"
    loader = PictureLoader(load_object_store(), ThumbnailMaker(), scanned_only=scanned_only)
    lines = [await _write_document(pool, keys, order, loader, each) for each in order.documents]
    rows = inventory_rows(order.found, lines)
    for ending, body in ((".csv", write_csv(rows)), (".ods", write_ods(rows))):
        write_private_file(order.folder / order.name(f"inventaris{ending}"), body)
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
    files: tuple[str, ...] = ()
    if document.decision in SHOWN:
        files = await _write_shown(order, loader, opened, redactions)
    stays = opened.transcript.stays
    department = stays[-1].department if stays else ""
    return Line(document, day_of(opened.transcript.opened_at), department, files)


async def _write_shown(
    order: ExportOrder, loader: PictureLoader, opened: OpenDocument, redactions: Redactions
) -> tuple[str, ...]:
    document = opened.document
    try:
        pictures = await loader.load(order.found, opened, redactions)
        done = redact_document(order.found, opened, redactions, pictures)
        if more := set(done.grounds) - set(document.grounds):
            grounds = ", ".join(sorted(more))
            raise DisclosureRefused(MORE.format(number=document.number, grounds=grounds))
        transcript = _mark(done.transcript, is_draft=order.is_draft)
        bodies = {".html": render_page(transcript), ".pdf": transcript_pdf(transcript)}
    except MakerBusy:
        raise CommandRefused("a picture could not be made smaller: try again") from None
    except Unprintable as error:
        raise CommandRefused(f"document {document.number}: {error}") from None
    names = {ending: order.name(f"{document.number:04}{ending}") for ending in bodies}
    for ending, body in bodies.items():
        write_private_file(order.folder / names[ending], body)
    return tuple(names.values())


def _mark(transcript: Transcript, *, is_draft: bool) -> Transcript:
    if not is_draft:
        return transcript
    return msgspec.structs.replace(transcript, remarks=(phrases.DRAFT, *transcript.remarks))
