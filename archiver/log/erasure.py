"""Destroying: what opens a thing is taken away, in one place, so that every copy of it is lost.

In one transaction, which holds the head of the log: it is on the record that it is gone, it is
gone, and what was sealed before and not written yet is sealed anew. Done again, it changes nothing
but the record. Of a receipt of which anything was destroyed the envelope goes too: put together
again, the signed bytes would tell what was in it. Who may have this done, and when, is not decided
here.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.index.record_fields import Destruction as Said
from archiver.log.writer import DESTRUCTION, writer_in_transaction
from services import clock
from services.contract import Record
from services.postgres.database import Connection, Pool

STATEMENT_SECONDS = 600.0
"""Of one statement: a whole municipality has millions of rows to be found by. Nothing is written
meanwhile; it waits in its queue."""


class Eraser:
    """`pool` is the owner's: the archiver's role takes nothing away."""

    def __init__(self, pool: Pool, keys: KeyStore) -> None:
        self._pool, self._keys = pool, keys

    async def erase_entry(self, id: UUID, ground: str) -> bool:
        """One entry, with the file that came with it, what became of a message and was said of it,
        and where it came more than once its bytes there; whether there is one."""
        async with self._erasing() as connection:
            row = await connection.fetchrow(_ENTRY, id)
            if row is None:
                return False
            copies = await connection.fetch(_SAME, id)
            ids = [one["id"] for one in copies]
            owner = row["tenant"], row["conversation"]
            await self._record(
                connection, [_destruction_record(*owner, ground, one) for one in ids]
            )
            for sql in (_ONES, _FILE, _FOUND, _ALONE):
                await connection.execute(sql, ids)
            await connection.execute(_ENVELOPES, [one["receipt"] for one in copies])
        return True

    async def erase_conversation(self, tenant: str, conversation: str, ground: str) -> None:
        """All of a conversation; ValueError without one, which would be said of all of them."""
        if not conversation:
            raise ValueError("which conversation?")
        async with self._erasing() as connection:
            await self._record(connection, [_destruction_record(tenant, conversation, ground)])
            await _erase_all(connection, _OF_CONVERSATION, tenant, conversation)

    async def erase_municipality(self, tenant: str, ground: str) -> None:
        """All of a municipality."""
        async with self._erasing() as connection:
            await self._record(connection, [_destruction_record(tenant, "", ground)])
            await connection.execute(_NO_NEW_KEYS)
            await _erase_all(connection, _OF_MUNICIPALITY, tenant)

    @asynccontextmanager
    async def _erasing(self) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_COUNTED)
            yield connection

    async def _record(self, connection: Connection, records: list[Record]) -> None:
        await writer_in_transaction(connection, self._keys).add(records)


async def _erase_all(connection: Connection, statements: Sequence[str], *owner: str) -> None:
    """The last of them: of which receipts the envelopes go."""
    *erasures, receipts = statements
    for sql in erasures:
        await connection.execute(sql, *owner, timeout=STATEMENT_SECONDS)
    rows = await connection.fetch(receipts, *owner, timeout=STATEMENT_SECONDS)
    await connection.execute(
        _ENVELOPES, [row["receipt"] for row in rows], timeout=STATEMENT_SECONDS
    )


def _destruction_record(
    tenant: str, conversation: str, ground: str, entry: UUID | None = None
) -> Record:
    return Record(
        id=clock.new_id(),
        kind=DESTRUCTION,
        at=clock.now(),
        data=msgspec.json.encode(Said(ground, tenant, conversation, entry)),
        tenant=tenant,
        conversation=conversation,
        message=entry,
    )


# A key that is made meanwhile would lie under one that goes.
_NO_NEW_KEYS = "lock table archiver.conversation_key in share row exclusive mode"

_COUNTED = "update archiver.head set destructions = destructions + 1"

_ENTRY = "select tenant, conversation from archiver.entry where id = $1"

_SAME = """
select e.id, e.receipt from archiver.entry e where e.id = $1
union all
select s.id, s.receipt from archiver.entry e
join archiver.entry s on s.message = e.message
    and s.kind in ('segment', 'status', 'send', 'media', 'annotation')
where e.id = $1 and e.kind = 'message'
"""

_ONES = "update archiver.entry set salt = null where id = any($1::uuid[])"

# One that is on its way is not to come: who has it in hand finds that it is theirs no more.
_SHUT = """
salt = null, file_salt = null, digest = null,
    state = case when state = 'waiting' then 'lost' else state end,
    reason = case when state = 'waiting' then 'its message was destroyed' else reason end
"""

_FILE = f"""
update archiver.media m set {_SHUT} from archiver.entry e
where e.id = any($1::uuid[]) and e.kind = 'message' and m.id = coalesce(e.message, e.id)
"""

# Whom an entry that stands in no conversation is about is said of it alone.
_ALONE = "delete from archiver.subject where conversation = '' and entry = any($1::uuid[])"

_FOUND = "delete from archiver.searchable where id = any($1::uuid[])"

_ENVELOPES = """
update archiver.entry set salt = null where id = any($1::uuid[]) and kind = 'receipt'
"""

# The hash of what was in a file would tell whoever has it that it was sent. Of what a citizen asked
# about their data it is known which citizen, until the last conversation that it was about is gone.
_OF_CONVERSATION = (
    "delete from archiver.conversation_key where tenant = $1 and conversation = $2",
    "delete from archiver.subject where tenant = $1 and conversation = $2",
    f"""
    update archiver.media set {_SHUT}
    where tenant = $1 and conversation = $2
    """,
    "delete from archiver.searchable where tenant = $1 and conversation = $2",
    """
    update archiver.request r set hashes = '{}'
    where r.tenant = $1 and $2 = any(r.conversations) and not exists (
        select from archiver.conversation_key k
        where k.tenant = r.tenant and k.conversation = any(r.conversations))
    """,
    """
    select distinct receipt from archiver.entry
    where tenant = $1 and conversation = $2 and receipt is not null
    """,
)
_OF_MUNICIPALITY = (
    "delete from archiver.conversation_key where tenant = $1",
    "delete from archiver.municipality_key where tenant = $1",
    "delete from archiver.subject where tenant = $1",
    f"update archiver.media set {_SHUT} where tenant = $1",
    "delete from archiver.searchable where tenant = $1",
    "update archiver.request set hashes = '{}' where tenant = $1",
    "select distinct receipt from archiver.entry where tenant = $1 and receipt is not null",
)
