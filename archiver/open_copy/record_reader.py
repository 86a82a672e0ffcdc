"""Read the records of a municipality as the log was at a checkpoint: those of conversations by
conversation, then the others by their place in the log."""

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.encryption.row_batches import fetch_batches
from archiver.index.blind_index import person_hash
from archiver.index.processing_log import CONVERSATION
from archiver.open_copy.conversation_rows import ConversationSummary
from archiver.open_copy.record_rows import TableRow, decode_data, rows_of_record
from archiver.retention.dossier import Dossier
from archiver.retention.dossier_store import load_dossiers
from services.postgres.database import Connection

WINDOW = 50_000
"""Places of the log of one look, and of one line of the journal: less than a second of work where
few are of the municipality and of no conversation."""


class ReadPlace(NamedTuple):
    """A municipality as the log was at a checkpoint."""

    tenant: str
    log_size: int
    proof_key: bytes
    """Key of the pseudonyms in its processing log."""


class RecordReader:
    """Reads on the connection of one transaction."""

    def __init__(self, connection: Connection, keys: KeyStore, place: ReadPlace) -> None:
        self._connection, self._keys = connection, keys.on(connection)
        self._tenant, self._log_size, self._key = place
        self.unopened = 0
        """Records that should open and do not."""

    async def conversations(self, after: str, most: int) -> list[str]:
        """Return the next conversations that are not destroyed, in order."""
        rows = await self._connection.fetch(_NEXT, self._tenant, after, most)
        return [row["conversation"] for row in rows]

    async def rows_of_conversations(self, ids: Sequence[str]) -> AsyncIterator[TableRow]:
        """Yield the rows of these conversations, one after the other. One that began after the
        checkpoint has none."""
        dossiers = await load_dossiers(self._connection, [(self._tenant, id) for id in ids])
        summary: ConversationSummary | None = None
        arguments = self._tenant, ids, self._log_size
        async for batch in fetch_batches(self._connection, _OF_CONVERSATIONS, *arguments):
            for id, rows in groupby(batch, key=lambda row: str(row["conversation"])):
                if summary is None or summary.id != id:
                    for made in summary.rows() if summary else ():
                        yield made
                    dossier = self._as_it_was(dossiers.get((self._tenant, id)))
                    summary = ConversationSummary(
                        id, dossier, person_hash(self._key, CONVERSATION, id)
                    )
                for made in self._note(summary, list(rows)):
                    yield made
        for made in summary.rows() if summary else ():
            yield made

    async def rows_beside(self, start: int, end: int) -> AsyncIterator[TableRow]:
        """Yield the rows of records of no conversation, and of destructions, in these places of the
        log."""
        arguments = self._tenant, start, min(end, self._log_size)
        async for batch in fetch_batches(self._connection, _BESIDE, *arguments):
            for record in self._open(batch):
                for row in rows_of_record(record):
                    yield row

    def _as_it_was(self, dossier: Dossier | None) -> Dossier | None:
        """Return the dossier, unless it says what came after the checkpoint."""
        return dossier if dossier and dossier.position < self._log_size else None

    def _note(self, summary: ConversationSummary, rows: Sequence[Any]) -> list[TableRow]:
        made = list[TableRow]()
        for record in self._open(rows):
            data = decode_data(record)
            summary.note(record, data if isinstance(data, Mapping) else {})
            made += rows_of_record(record)
        for _ in range(sum(map(_is_destroyed, rows))):
            summary.note_destroyed()
        return made

    def _open(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        opened = list(decrypt_rows(rows, self._keys))
        self.unopened += len(rows) - len(opened) - sum(map(_is_destroyed, rows))
        return opened


def _is_destroyed(row: Any) -> bool:
    return row["salt"] is None or row["wrapped"] is None


class Total(NamedTuple):
    conversations: int
    done: int


async def count_conversations(connection: Connection, tenant: str, after: str) -> Total:
    """Count the conversations, and those of which the id is not after this one."""
    [row] = await connection.fetch(_COUNT, tenant, after)
    return Total(row["total"], row["done"])


async def find_gone_records(connection: Connection, tenant: str, since: int) -> Sequence[UUID]:
    """Return the records that were destroyed one by one since a place in the log."""
    rows = await connection.fetch(_GONE, tenant, since)
    return [row["message"] for row in rows]


_GONE = """
select message from archiver.entry
where position >= $2 and tenant = $1 and kind = 'destruction' and message is not null
"""
_NEXT = """
select k.conversation from archiver.conversation_key k
where k.tenant = $1 and k.conversation > $2 and k.conversation <> '' and not exists (
    select from archiver.destroyed_conversation d
    where d.tenant = k.tenant and d.conversation = k.conversation)
order by k.conversation limit $3
"""
"""Something of a destroyed conversation may come late, until that is destroyed too."""
_COUNT = """
select count(*) as total, count(*) filter (where conversation <= $2) as done
from archiver.conversation_key where tenant = $1 and conversation <> ''
"""
_OF_CONVERSATIONS = f"""{RECORDS}
where e.tenant = $1 and e.conversation = any($2::text[]) and e.conversation <> ''
    and e.kind <> 'destruction' and e.position < $3
order by e.conversation, e.sequence, e.id
"""
_BESIDE = f"""{RECORDS}
where e.tenant = $1 and e.position >= $2 and e.position < $3
    and (e.conversation = '' or e.kind = 'destruction')
order by e.position
"""
