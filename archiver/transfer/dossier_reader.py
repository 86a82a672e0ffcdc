"""Read one conversation as the log was at a checkpoint: a batch of entries at a time."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from archiver.api import presenter
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.encryption.row_batches import fetch_batches
from archiver.index.record_fields import Identity, normalise
from archiver.media.store import MediaStore, StoredFile
from archiver.receipt_assembly import AssembledBody, assemble_bodies
from archiver.transfer.parts import Place
from services.postgres.database import Connection, Pool

BATCH = 200
"""Entries in memory at once, each of some KB: an item of a body has at most 64 KiB."""
MESSAGE = "message"
DECISIONS = ("conversation", "valuation", "consent", "identity")
"""Kinds of records that say what was decided about the conversation, and on what."""
OUTCOMES = ("send", "status", "delivery", "media", "annotation")
HANDED_OVER = (MESSAGE, "note", "segment", *DECISIONS, *OUTCOMES)
"""Kinds of records that go along. Views are no part of the conversation: they say which employee
looked at it. Neither are the steps of a citizen's request, a hold, or a list."""
SEQUENCE, POSITION = "e.sequence, e.id", "e.position"
"""Orders of entries: of the conversation, and of the log."""
Row = dict[str, Any]


class Receipt(msgspec.Struct, frozen=True):
    """A body in which something of the conversation came."""

    id: UUID
    is_shared: bool
    """It has items of others too, so it is not handed over whole."""


class Attachment(msgspec.Struct, frozen=True):
    """A file that is there."""

    message: UUID
    number: int
    """Number of its message among those of the conversation, from 1."""
    at: datetime
    is_received: bool
    media_type: str
    filename: str
    sha256: str
    """In hex; '' if the record does not say."""


class Lines(msgspec.Struct):
    """Counts over the messages, as far as they were read."""

    messages: int = 0
    destroyed: list[dict[str, Any]] = []
    first_received_at: datetime | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    languages: set[str] = set()
    identities: set[Identity] = set()
    """One of each citizen."""
    files: list[Attachment] = []
    missing: int = 0
    """Files that never came, or that the scanner refused."""

    def note(self, row: Row, message: dict[str, Any]) -> None:
        self.messages += 1
        at = row["at"]
        self.first_at = min(self.first_at or at, at)
        self.last_at = max(self.last_at or at, at)
        if message["direction"] == "in":
            self.first_received_at = min(self.first_received_at or at, at)
            self.identities |= _citizen(message)
        if message["language"]:
            self.languages.add(message["language"])
        for file in message["media"]:
            if file["state"] == "available":
                self.files.append(_attachment(row, message, file, self.messages))
            else:
                self.missing += 1

    def note_destroyed(self, row: Any) -> None:
        self.messages += 1
        gone = {"message": row["message"], "at": row["at"], "sequence": row["sequence"]}
        self.destroyed.append(gone)


class DossierReader:
    """Reads on the connection of one transaction."""

    def __init__(self, connection: Connection, keys: KeyStore, place: Place) -> None:
        self.connection, self._keys, self.place = connection, keys.on(connection), place
        self.lines = Lines()
        self._few: list[Any] | None = None

    async def load(self) -> None:
        """Read the entries of a conversation that has few, as most have, by one question. The
        others are read in batches, for each use again."""
        query = f"{_ENTRIES} order by e.position limit {BATCH + 1}"
        rows = await self.connection.fetch(query, *self._arguments(HANDED_OVER))
        self._few = rows if len(rows) <= BATCH else None

    async def decisions(self) -> list[Row]:
        return [row async for row in self._records(DECISIONS)]

    async def notes(self) -> list[Row]:
        return [row async for row in self._records(("note",))]

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the messages with what became of each, in order; count them, and those of which
        nothing is left."""
        async for rows in self._batches((MESSAGE,)):
            opened = {row["id"]: row for row in decrypt_rows(rows, self._keys)}
            kept = list(opened.values())
            outcomes = await self._outcomes([row["message"] or row["id"] for row in kept])
            shown = iter(presenter.messages_json(kept, outcomes))
            for row in rows:
                if row["id"] in opened:
                    message = next(shown)
                    self.lines.note(row, message)
                    yield message
                else:
                    self.lines.note_destroyed(row)

    async def entries(self) -> AsyncIterator[Sequence[Any]]:
        """Yield the entries of the log in batches, still sealed."""
        async for rows in self._batches(HANDED_OVER, order=POSITION):
            yield rows

    async def receipts(self) -> list[Receipt]:
        """Return the bodies in which it came, in order. A body without an item of anybody else may
        be handed over whole."""
        tenant, conversation, size = self.place
        rows = await self.connection.fetch(_RECEIPTS, tenant, conversation, size)
        return [Receipt(row["receipt"], row["is_shared"]) for row in rows]

    async def bodies(self, receipts: Sequence[Receipt]) -> dict[UUID, AssembledBody]:
        """Return bodies as they were signed, by their receipts; without those of which a part was
        destroyed."""
        whole = [each.id for each in receipts if not each.is_shared]
        return await assemble_bodies(self.connection, self._keys, whole) if whole else {}

    async def file(self, message: UUID) -> StoredFile | None:
        return await MediaStore(cast(Pool, self.connection), self._keys).find(message)

    def key_of(self, row: Any) -> bytes | None:
        """Return the key of an entry's conversation; None if the entry was destroyed."""
        if row["salt"] is None or row["wrapped"] is None:
            return None
        return self._keys.key_of_row(row)

    async def _records(self, kinds: Collection[str]) -> AsyncIterator[Row]:
        async for rows in self._batches(kinds):
            for row in decrypt_rows(rows, self._keys):
                yield row

    async def _batches(
        self, kinds: Collection[str], order: str = SEQUENCE
    ) -> AsyncIterator[list[Any]]:
        if self._few is not None:
            rows = [row for row in self._few if row["kind"] in kinds]
            yield rows if order == POSITION else sorted(rows, key=_by_sequence)
            return
        query = f"{_ENTRIES} order by {order}"
        async for batch in fetch_batches(self.connection, query, *self._arguments(kinds)):
            yield batch

    def _arguments(self, kinds: Collection[str]) -> tuple[object, ...]:
        tenant, conversation, size = self.place
        return tenant, conversation, list(kinds), size

    async def _outcomes(self, messages: Sequence[UUID]) -> list[Row]:
        tenant, _, size = self.place
        rows = await self.connection.fetch(_ABOUT, tenant, messages, list(OUTCOMES), size)
        return list(decrypt_rows(rows, self._keys))


def _attachment(row: Row, message: dict[str, Any], file: dict[str, Any], number: int) -> Attachment:
    return Attachment(
        message=file["id"],
        number=number,
        at=row["at"],
        is_received=message["direction"] == "in",
        media_type=file["mimeType"] or "",
        filename=file["filename"],
        sha256=file["sha256"] or "",
    )


def conversation_json(id: str, steps: Iterable[Row], notes: Sequence[Row]) -> dict[str, Any]:
    """Return the conversation as the API gives it; nothing for one whose changes were destroyed."""
    rows = [row | {"left": False} for row in steps if row["kind"] == "conversation"]
    if not rows:
        return {"id": id}
    return presenter.conversation_json(id, rows, notes)


def _by_sequence(row: Any) -> tuple[int, UUID]:
    return row["sequence"], row["id"]


def _citizen(message: dict[str, Any]) -> set[Identity]:
    """Return the name of the sender that lasts longest: Meta's id of them, else the number."""
    sender = message["from"]
    names = sender.get("identities", ()) if isinstance(sender, dict) else ()
    found = [Identity(each["kind"], each["value"]) for each in names]
    found.sort(key=lambda each: (each.kind != "bsuid", each.kind, each.value))
    return {Identity(each.kind, normalise(each)) for each in found[:1]}


_ENTRIES = f"""{RECORDS}
where e.tenant = $1 and e.conversation = $2 and e.conversation <> ''
    and e.kind = any($3::text[]) and e.position < $4
"""
_ABOUT = f"""{RECORDS}
where e.tenant = $1 and e.message = any($2::uuid[]) and e.kind = any($3::text[])
    and e.position < $4
order by e.id
"""
_RECEIPTS = """
with own as (
    select receipt, min(position) as position from archiver.entry
    where tenant = $1 and conversation = $2 and conversation <> '' and receipt is not null
        and position < $3
    group by receipt
)
select own.receipt, exists (select from archiver.entry e
    where e.receipt = own.receipt and e.item is not null
        and (e.tenant, e.conversation) <> ($1, $2)) as is_shared
from own order by own.position, own.receipt
"""
