"""Reading a document of a disclosure, and building what is shown of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from archiver.disclosure import phrases
from archiver.disclosure.disclosure import (
    CHANGED,
    GONE,
    Disclosure,
    DisclosureRefused,
    Document,
)
from archiver.disclosure.redaction import Box, Redactions, TextChanged
from archiver.disclosure.redactor import Redacted, Rules, redact
from archiver.encryption.key_store import KeyStore
from archiver.media.reader import read
from archiver.media.store import StoredFile
from archiver.media.thumbnail_maker import FOR_PRINT, ThumbnailMaker
from archiver.media.thumbnails import is_picture
from archiver.transcript.builder import ConversationEntries, Entry
from archiver.transcript.contents import EMBEDDED_BYTES
from archiver.transcript.maker import ReadConversation, Scope, TranscriptReader
from archiver.transcript.transcript import Message, Transcript
from services.config.model import Configuration
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import Connection

HERE = "available"
"""State of a file that came."""
WAS_DESTROYED = "document {number}: its conversation was destroyed"
TOO_MANY = (
    f"document {{number}}: its pictures are over {EMBEDDED_BYTES // 1024**2} MiB: let fewer through"
)
CHANGED_TEXT = (
    "document {number}: a text is not the one that was redacted: redact the document again"
)


class OpenDocument(NamedTuple):
    """A document with everything that the record has of it."""

    document: Document
    conversation: ReadConversation
    transcript: Transcript

    def pictures(self, *, scanned_only: bool) -> dict[UUID, StoredFile]:
        """Return the files that can be shown, by their message: none that came later."""
        messages = [row for row in self.transcript.rows if isinstance(row, Message)]
        here = {row.id for row in messages if any(each.state == HERE for each in row.files)}
        return {
            id: file
            for id, file in self.conversation.files.items()
            if str(id) in here
            and is_picture(file)
            and file.may_be_opened(scanned_only=scanned_only)
        }

    @property
    def salts(self) -> dict[str, bytes]:
        """Salt of the entry of each message, note and step."""
        salts = {str(row["id"]): row["salt"] for row in self.conversation.rows}
        messages = self.conversation.entries.messages
        return salts | {str(row["message"]): row["salt"] for row in messages if row["message"]}


class DocumentReader:
    """Reads on the connection of one transaction."""

    def __init__(self, connection: Connection, keys: KeyStore, config: Configuration) -> None:
        self._reader = TranscriptReader(connection, keys, config)

    async def find(self, found: Disclosure, document: Document) -> OpenDocument | None:
        """Read a document up to where it goes; None if its conversation was destroyed. Raises
        TooLong."""
        conversation = await self._reader.read(document.conversation, Scope(found.tenant))
        if conversation is None:
            return None
        entries = cut(conversation.entries, document.up_to)
        conversation = conversation._replace(entries=entries)
        transcript = msgspec.structs.replace(
            conversation.build({}),
            id=phrases.REFERENCE.format(id=found.id, number=document.number),
        )
        return OpenDocument(document, conversation, transcript)

    async def open(self, found: Disclosure, document: Document) -> OpenDocument:
        """Read a document. Raises DisclosureRefused if its conversation was destroyed."""
        opened = await self.find(found, document)
        if opened is None:
            raise DisclosureRefused(WAS_DESTROYED.format(number=document.number), GONE)
        return opened


def cut(entries: ConversationEntries, up_to: int) -> ConversationEntries:
    """Return the entries up to a position in the log: nobody looked at what came later. Pure."""

    def before(rows: "list[Entry] | tuple[Entry, ...]") -> list[Entry]:
        return [row for row in rows if row["position"] <= up_to]

    return msgspec.structs.replace(
        entries,
        messages=before([*entries.messages]),
        steps=before([*entries.steps]),
        notes=before([*entries.notes]),
        gone=before([*entries.gone]),
        fates=before([*entries.fates]),
    )


class PictureLoader:
    def __init__(self, objects: ObjectStore, maker: ThumbnailMaker, *, scanned_only: bool) -> None:
        self._objects, self._maker, self.scanned_only = objects, maker, scanned_only

    async def load(
        self, found: Disclosure, opened: OpenDocument, redactions: Redactions
    ) -> dict[str, bytes]:
        """Return the pictures that are shown, made anew with their boxes painted over. Raises
        DisclosureRefused, MakerBusy and StoreUnavailable."""
        loaded = {}
        for id, file in opened.pictures(scanned_only=self.scanned_only).items():
            if found.kind != "access" and str(id) not in redactions.pictures:
                continue
            boxes = [box for box in redactions.boxes if box.message == str(id)]
            if picture := await self._make(file, boxes):
                loaded[str(id)] = picture
            if sum(map(len, loaded.values())) > EMBEDDED_BYTES:
                sentence = TOO_MANY.format(number=opened.document.number)
                raise DisclosureRefused(sentence, "too_many_pictures")
        return loaded

    async def load_bare(self, opened: OpenDocument, message: str) -> bytes:
        """Return a picture without its boxes, as they are measured on it; b"" if there is none.
        Raises MakerBusy and StoreUnavailable."""
        for id, file in opened.pictures(scanned_only=self.scanned_only).items():
            if str(id) == message:
                return await self._make(file, ())
        return b""

    async def _make(self, file: StoredFile, boxes: Sequence[Box]) -> bytes:
        painted = tuple((box.x, box.y, box.width, box.height) for box in boxes)
        try:
            pieces = await read(self._objects, file)
            return await self._maker.make(pieces, FOR_PRINT._replace(boxes=painted))
        except ObjectNotFound:
            return b""


def redact_document(
    found: Disclosure,
    opened: OpenDocument,
    redactions: Redactions,
    pictures: Mapping[str, bytes],
) -> Redacted:
    """Return what is shown of a document. Raises DisclosureRefused. Pure."""
    rules = Rules(found.kind, frozenset(found.named), redactions, opened.salts)
    try:
        return redact(opened.transcript, rules, pictures)
    except TextChanged:
        sentence = CHANGED_TEXT.format(number=opened.document.number)
        raise DisclosureRefused(sentence, CHANGED) from None
