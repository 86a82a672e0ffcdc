"""Read the files of the messages of a municipality, in the order of their messages."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.media.store import MediaStore, StoredFile
from archiver.open_copy.columns import TABLES
from archiver.open_copy.folder import FILES, Written
from archiver.open_copy.rows import Row, row_of
from archiver.transfer.formats import extension_of
from archiver.transfer.names import clean_stem
from services.postgres.database import Connection, Pool

ALONE = "none"
"""Folder of files of no conversation."""
DAMAGED = "damaged"


class FoundFile(msgspec.Struct, frozen=True, kw_only=True):
    message: UUID
    conversation: str
    sent_at: Any
    stored: StoredFile

    @property
    def is_there(self) -> bool:
        return self.stored.state == "available"

    @property
    def path(self) -> str:
        """Path in the copy, of names that every file system has."""
        extension = extension_of(self.stored.mime_type or self.stored.announced.mime_type)
        return f"{FILES}/{folder_of(self.conversation)}/{self.message}.{extension}"

    def row(self, state: str, written: Written | None) -> Row:
        """Return its row. What was written is what counts: an old record may not say its hash."""
        stored = self.stored
        source = msgspec.structs.asdict(stored) | {
            "message": self.message,
            "conversation": self.conversation,
            "filename": stored.announced.filename,
            "media_type": stored.mime_type or stored.announced.mime_type,
            "state": state,
            "sent_at": self.sent_at,
        }
        if written:
            source |= {"path": written.path, "size": written.bytes, "sha256": written.sha256}
        return row_of(TABLES["files"], source)


def folder_of(conversation: str) -> str:
    return clean_stem(conversation) or ALONE


async def find_files(
    connection: Connection, keys: KeyStore, place: tuple[str, int], after: UUID, most: int
) -> Sequence[FoundFile]:
    """Return the next files of a municipality, of messages before a place in the log and not
    destroyed."""
    store = MediaStore(cast(Pool, connection), keys.on(connection))
    found = []
    for row in await connection.fetch(_NEXT, place[0], after, most, place[1]):
        if stored := await store.find(row["id"]):
            fields = {"conversation": row["conversation"], "sent_at": row["sent_at"]}
            found.append(FoundFile(message=row["id"], stored=stored, **fields))
    return found


_NEXT = """
select m.id, m.conversation, m.sent_at from archiver.media m
join archiver.conversation_key k on (k.tenant, k.conversation) = (m.tenant, m.conversation)
where m.tenant = $1 and m.id > $2 and m.salt is not null and not exists (
    select from archiver.destroyed_conversation d
    where d.tenant = m.tenant and d.conversation = m.conversation)
and exists (
    select from archiver.entry e where e.position < $4 and e.kind = 'message'
        and (e.message = m.id or e.id = m.id and e.message is null))
order by m.id limit $3
"""
