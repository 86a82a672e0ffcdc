"""Export one conversation: its documents with their files, then the metadata about them."""

from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.encryption.sealing import derive_item_key
from archiver.log.entry import PlainColumns, encode_leaf
from archiver.receipt_assembly import AssembledBody
from archiver.retention.dossier import Dossier
from archiver.transfer.description import Department, Describer, Document, Facts, pseudonym_of
from archiver.transfer.dossier_reader import (
    Attachment,
    DossierReader,
    Receipt,
    Row,
    conversation_json,
)
from archiver.transfer.folder_writer import FolderWriter, Packed
from archiver.transfer.formats import extension_of
from archiver.transfer.mdto import Reference
from archiver.transfer.names import attachment_name, attachment_object
from archiver.transfer.parts import Part, PartSource, Place, whole
from archiver.transfer.stored_content import read_checked
from archiver.transfer.tree_reader import TreeReader
from services.files.object_store import ObjectStore
from services.postgres.database import Connection
from services.transparency.merkle import leaf_hash

JSON = "application/json"
VERSION = 1
"""Version of the files in JSON, which docs/municipality/mdto.md describes."""
BODIES = 8
"""Bodies in memory at once, of at most 3 MiB each."""
encode = msgspec.json.encode


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """Surroundings of an export, the same for each conversation."""

    keys: KeyStore
    objects: ObjectStore
    tree: TreeReader
    describer: Describer
    department: Callable[[str], Department]
    """Returns a department by its id."""
    pseudonym_key: bytes
    transcript: PartSource
    """Further files in which the conversation can be read."""


class DossierExport:
    """Exports one conversation, on the connection of one transaction."""

    def __init__(
        self, connection: Connection, given: Surroundings, dossier: Dossier, folder: Path
    ) -> None:
        self._given, self._dossier = given, dossier
        size = given.tree.checkpoint.size
        self._place = Place(dossier.tenant, dossier.conversation, size)
        self._reader = DossierReader(connection, given.keys, self._place)
        self._writer = FolderWriter(folder, given.describer)
        self._files: list[tuple[Document, list[Reference]]] = []
        self._steps: list[Row] = []

    async def write(self) -> tuple[Packed, int]:
        """Write the folder, and return it with the number of files that never came or that the
        scanner refused. Raises FileDamaged."""
        await self._reader.load()
        self._steps = await self._reader.decisions()
        await self._write_conversation()
        for nth, file in enumerate(self._reader.lines.files, 1):
            await self._write_attachment(nth, file)
        await self._write_receipts()
        account = await self._write_account()
        facts = self._facts()
        documents = [
            self._given.describer.describe_document(facts, document, files)
            for document, files in self._files
        ]
        for (document, _), described in zip(self._files, documents, strict=True):
            self._writer.write_object(document.name, described)
        parts = [each.reference for each in documents]
        described = self._given.describer.describe_dossier(facts, parts, account)
        self._writer.write_object(self._place.conversation, described)
        return self._writer.finish(), self._reader.lines.missing

    async def _write_conversation(self) -> None:
        title = "Gesprek: berichten, notities en verloop"
        document = self._document("gesprek", title)
        files = [await self._write(document, "gesprek.json", JSON, self._conversation())]
        async for part in self._given.transcript(self._reader.connection, self._place):
            files.append(await self._write(document, part.name, part.media_type, part.stream))
        self._files.append((document, files))

    async def _write_attachment(self, nth: int, file: Attachment) -> None:
        conversation = self._place.conversation
        document = Document(
            name=attachment_object(conversation, nth),
            title=f"Bijlage bij bericht {file.number}",
            events=(("Ontvangst" if file.is_received else "Verzending", file.at),),
        )
        extension = extension_of(file.media_type)
        name = attachment_name(conversation, nth, file.filename, extension)
        part = Part(name, file.media_type, self._content(file))
        self._files.append((document, [await self._writer.write_part(document, part)]))

    async def _write_receipts(self) -> None:
        """Write the bodies as they were signed, and the list of all that there were."""
        document = self._document("bronnen", "Webhooks zoals zij ontvangen zijn")
        listed, files = list[dict[str, Any]](), list[Reference]()
        receipts = await self._reader.receipts()
        for start in range(0, len(receipts), BODIES):
            group = receipts[start : start + BODIES]
            bodies = await self._reader.bodies(group)
            for nth, receipt in enumerate(group, start + 1):
                body, name = bodies.get(receipt.id), f"bron-{nth:04}.json"
                if body:
                    files.append(await self._write(document, name, JSON, whole(body.body)))
                path = f"{self._place.conversation}_{name}"
                listed.append(_receipt_json(receipt, body, path))
        content = encode({"version": VERSION, "receipts": listed})
        files.insert(0, await self._write(document, "bronnen.json", JSON, whole(content)))
        self._files.append((document, files))

    async def _write_account(self) -> list[Reference]:
        """Write the decisions and the proofs, which are metadata of the dossier too."""
        document = self._document("verantwoording", "Besluiten en bewijzen")
        decided = encode({"version": VERSION, "records": list(map(_record_json, self._steps))})
        files = [
            await self._write(document, "besluiten.json", JSON, whole(decided)),
            await self._write(document, "bewijzen.json", JSON, self._proofs()),
        ]
        self._files.append((document, files))
        return files

    def _document(self, name: str, title: str) -> Document:
        return Document(name=f"{self._place.conversation}_{name}", title=title)

    async def _write(
        self, document: Document, name: str, media_type: str, stream: AsyncIterator[bytes]
    ) -> Reference:
        part = Part(f"{self._place.conversation}_{name}", media_type, stream)
        return await self._writer.write_part(document, part)

    async def _conversation(self) -> AsyncIterator[bytes]:
        """Yield the conversation with its messages, one a line."""
        id, notes = self._place.conversation, await self._reader.notes()
        shown = encode(conversation_json(id, self._steps, notes))
        yield b'{"version":%d,\n"conversation":%b,\n"messages":[' % (VERSION, shown)
        comma = b"\n"
        async for message in self._reader.messages():
            yield comma + encode(message)
            comma = b",\n"
        yield b'\n],\n"destroyed":%b}\n' % encode(self._reader.lines.destroyed)

    async def _content(self, file: Attachment) -> AsyncIterator[bytes]:
        """Yield a file as it was sent. Raises FileDamaged if it is not what was stored."""
        stored = await self._reader.file(file.message)
        async for piece in read_checked(self._given.objects, stored, file.message, file.sha256):
            yield piece

    async def _proofs(self) -> AsyncIterator[bytes]:
        """Yield a proof for each entry of the conversation, one a line, in the order of the log."""
        checkpoint = self._given.tree.checkpoint
        yield b'{"version":%d,"size":%d,"proofs":[' % (VERSION, checkpoint.size)
        comma = b"\n"
        async for rows in self._reader.entries():
            for row in rows:
                yield comma + encode(await self._proof(row))
                comma = b",\n"
        yield b"\n]}\n"

    async def _proof(self, row: Any) -> dict[str, Any]:
        """Return the proof of an entry with the key that opens it. One that was destroyed has
        neither its content nor a key; that it was there can still be proved."""
        columns = PlainColumns(**{name: row[name] for name in PlainColumns.__struct_fields__})
        leaf = encode_leaf(columns, row["sealed"])
        prove = self._given.tree.prove
        path = await prove(self._reader.connection, row["position"], leaf_hash(leaf))
        proof = {"leaf": leaf.decode(), "position": row["position"], "path": path}
        if key := self._reader.key_of(row):
            proof |= {"sealed": row["sealed"], "key": derive_item_key(key, row["salt"])}
        return proof

    def _facts(self) -> Facts:
        dossier, lines = self._dossier, self._reader.lines
        citizens = {pseudonym_of(self._given.pseudonym_key, each) for each in lines.identities}
        assert dossier.closed_at
        return Facts(
            conversation=dossier.conversation,
            departments=tuple(map(self._given.department, dossier.departments)),
            opened_at=dossier.opened_at,
            closed_at=dossier.closed_at,
            state=dossier.valuation.state,
            code=dossier.valuation.code,
            starts_on=dossier.starts_on,
            kept_until=dossier.valuation.kept_until,
            zaak=_zaak(self._steps),
            messages=lines.messages,
            destroyed=len(lines.destroyed),
            first_received_at=lines.first_received_at,
            first_at=lines.first_at,
            last_at=lines.last_at,
            languages=tuple(sorted(lines.languages)),
            citizens=tuple(sorted(citizens)),
        )


def _receipt_json(receipt: Receipt, body: AssembledBody | None, name: str) -> dict[str, Any]:
    """Describe a body. The signature over its bytes proves that Meta, or the provider, sent it."""
    if body is None:
        return {"receipt": receipt.id, "state": "shared" if receipt.is_shared else "destroyed"}
    remainder = body.remainder
    return {
        "receipt": receipt.id,
        "state": "whole",
        "file": name,
        "sha256": sha256(body.body).hexdigest(),
        "door": remainder.door,
        "proof": remainder.proof,
        "signature": remainder.signature,
    }


def _record_json(row: Row) -> dict[str, Any]:
    kept = ("id", "kind", "at", "sequence", "message")
    return {name: row[name] for name in kept} | {"data": msgspec.Raw(row["data"])}


def _zaak(steps: Sequence[Row]) -> str:
    """Return the zaak of a conversation: the last one that it was linked to."""
    zaken = [msgspec.json.decode(row["data"]).get("zaak") for row in steps]
    return next((zaak for zaak in reversed(zaken) if zaak), "")
