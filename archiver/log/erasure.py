"""Erasure by crypto-shredding: the key or salt that opens data is destroyed, and with it every
copy.

Each erasure is one transaction that holds the lock on the head of the log. It records the
destruction, deletes keys or salts, and makes the writer seal anew what was sealed before and is not
written yet. Repeating an erasure changes nothing but adds a record. If any segment of a receipt is
erased, the remainder of its body is erased too, because the reassembled signed bytes would reveal
the segment. The caller decides who may erase, and when.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.index.record_fields import Destruction
from archiver.log.writer import DESTRUCTION, writer_in_transaction
from services import clock
from services.contract import Record
from services.postgres.database import Connection, Pool

STATEMENT_SECONDS = 600.0
"""Time limit of one statement: a municipality has millions of index rows. Nothing is written
meanwhile; records wait in their queue."""


class Eraser:
    """Eraser of entries, conversations and municipalities. `pool` must be that of the tables'
    owner, since the archiver's role cannot delete."""

    def __init__(self, pool: Pool, keys: KeyStore) -> None:
        self._pool, self._keys = pool, keys

    async def erase_entry(self, id: UUID, ground: str) -> bool:
        """Erase an entry; for a message also its file, its statuses and annotations, and its bytes
        in each receipt that contained it. Return whether the entry exists."""
        async with self._erasing() as connection:
            row = await connection.fetchrow(_ENTRY, id)
            if row is None:
                return False
            copies = await connection.fetch(_COPIES, id)
            ids = [copy["id"] for copy in copies]
            owner = row["tenant"], row["conversation"]
            await self._record(
                connection, [_destruction_record(*owner, ground, copy_id) for copy_id in ids]
            )
            for sql in (_ERASE_ENTRIES, _ERASE_FILES, _DELETE_WORDS, _DELETE_SUBJECTS):
                await connection.execute(sql, ids)
            await connection.execute(_ERASE_REMAINDERS, [copy["receipt"] for copy in copies])
        return True

    async def erase_conversation(self, tenant: str, conversation: str, ground: str) -> None:
        """Erase a conversation. ValueError for an empty id, which in a destruction means the whole
        municipality."""
        if not conversation:
            raise ValueError("which conversation?")
        async with self._erasing() as connection:
            beside = await connection.fetch(_BESIDE, tenant, [conversation])
            records = [_destruction_record(tenant, "", ground, row[0]) for row in beside]
            records.append(_destruction_record(tenant, conversation, ground))
            await self._record(connection, records)
            await connection.execute(_NO_LIMIT)
            await connection.execute(_FORGET, tenant, [conversation], timeout=STATEMENT_SECONDS)

    async def erase_municipality(self, tenant: str, ground: str) -> None:
        """Erase everything of a municipality."""
        async with self._erasing() as connection:
            await self._record(connection, [_destruction_record(tenant, "", ground)])
            await connection.execute(_NO_NEW_KEYS)
            await _erase_all(connection, _OF_MUNICIPALITY, tenant)

    @asynccontextmanager
    async def _erasing(self) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_COUNT_DESTRUCTION)
            yield connection

    async def _record(self, connection: Connection, records: list[Record]) -> None:
        await writer_in_transaction(connection, self._keys).add(records)


async def _erase_all(connection: Connection, statements: Sequence[str], *owner: str) -> None:
    """Run the erasing statements. The last one selects the receipts whose body remainders go
    too."""
    *erasures, receipts = statements
    await connection.execute(_NO_LIMIT)
    for sql in erasures:
        await connection.execute(sql, *owner, timeout=STATEMENT_SECONDS)
    rows = await connection.fetch(receipts, *owner, timeout=STATEMENT_SECONDS)
    await connection.execute(
        _ERASE_REMAINDERS, [row["receipt"] for row in rows], timeout=STATEMENT_SECONDS
    )


def _destruction_record(
    tenant: str, conversation: str, ground: str, entry: UUID | None = None
) -> Record:
    return Record(
        id=clock.new_id(),
        kind=DESTRUCTION,
        at=clock.now(),
        data=msgspec.json.encode(Destruction(ground, tenant, conversation, entry)),
        tenant=tenant,
        conversation=conversation,
        message=entry,
    )


# Keeps a new conversation key from being wrapped under a municipality key that is being deleted.
_NO_NEW_KEYS = "lock table archiver.conversation_key in share row exclusive mode"

_NO_LIMIT = "set local statement_timeout = 0"
"""Takes back the limit of writing a record: each statement here has its own."""
_COUNT_DESTRUCTION = "update archiver.head set destructions = destructions + 1"

_BESIDE = "select archiver.entries_beside($1, $2)"
"""Entries of the same people outside any conversation, such as a consent, which go with the last
one."""
_FORGET = "select archiver.forget($1, $2)"
"""Deletes a conversation from all tables: `0013_destruction.sql`. The content hash of a
file would prove to anyone who has the file that it was sent. A subject access request keeps the
hashes of its citizen until the last conversation it covers is erased."""

_ENTRY = "select tenant, conversation from archiver.entry where id = $1"

_COPIES = """
select e.id, e.receipt from archiver.entry e where e.id = $1
union all
select s.id, s.receipt from archiver.entry e
join archiver.entry s on s.message = e.message
    and s.kind in ('segment', 'status', 'send', 'media', 'annotation')
where e.id = $1 and e.kind = 'message'
"""

_ERASE_ENTRIES = "update archiver.entry set salt = null where id = any($1::uuid[])"

# A download in progress must not complete: its worker finds that it no longer holds the file.
_ERASED_FILE = """
salt = null, file_salt = null, digest = null,
    state = case when state = 'waiting' then 'lost' else state end,
    reason = case when state = 'waiting' then 'its message was destroyed' else reason end
"""

_ERASE_FILES = f"""
update archiver.media m set {_ERASED_FILE} from archiver.entry e
where e.id = any($1::uuid[]) and e.kind = 'message' and m.id = coalesce(e.message, e.id)
"""

# Persons of an entry outside any conversation are indexed for that entry alone.
_DELETE_SUBJECTS = (
    "delete from archiver.subject where conversation = '' and entry = any($1::uuid[])"
)

_DELETE_WORDS = "delete from archiver.searchable where id = any($1::uuid[])"

_ERASE_REMAINDERS = """
update archiver.entry set salt = null where id = any($1::uuid[]) and kind = 'receipt'
"""

_OF_MUNICIPALITY = (
    "delete from archiver.conversation_key where tenant = $1",
    "delete from archiver.municipality_key where tenant = $1",
    "delete from archiver.subject where tenant = $1",
    f"update archiver.media set {_ERASED_FILE} where tenant = $1",
    "delete from archiver.searchable where tenant = $1",
    "update archiver.request set hashes = '{}' where tenant = $1",
    "select distinct receipt from archiver.entry where tenant = $1 and receipt is not null",
)
