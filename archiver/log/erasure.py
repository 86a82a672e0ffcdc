"""Erasure by crypto-shredding: the key or salt that opens data is destroyed, and with it every
copy.

Each erasure is one transaction that holds the lock on the head of the log. It writes an order
outside the database, records the destruction, deletes keys or salts, and makes the writer seal anew
what was sealed before and is not written yet. Repeating an erasure changes nothing but adds a
record. If any segment of a receipt is erased, the remainder of its body is erased too, because the
reassembled signed bytes would reveal the segment. The caller decides who may erase, and when.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from archiver.encryption.key_store import KeyStore
from archiver.log.destruction_record import destruction_records
from archiver.log.writer import writer_in_transaction
from archiver.orders.order import Kind, Order
from archiver.orders.order_keeper import OrderKeeper
from services import clock
from services.postgres.database import Connection, Pool

STATEMENT_SECONDS = 600.0
"""Time limit of one statement: a municipality has millions of index rows. Nothing is written
meanwhile; records wait in their queue."""


class Eraser:
    """Eraser of entries, conversations and municipalities. `pool` must be that of the tables'
    owner, since the archiver's role cannot delete."""

    def __init__(self, pool: Pool, keys: KeyStore, orders: OrderKeeper) -> None:
        self._pool, self._keys, self._orders = pool, keys, orders

    async def erase_entry(self, id: UUID, ground: str) -> bool:
        """Erase an entry; for a message also its file, its statuses and annotations, and its bytes
        in each receipt that contained it. Return whether the entry exists."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(_ENTRY, id)
            if row is None:
                return False
            copies = tuple([copy["id"] for copy in await connection.fetch(_COPIES, id)])
        place = row["tenant"], ground, (row["conversation"],)
        async with self._erasing("entries", *place, entries=copies) as connection:
            await connection.execute(_FORGET_ENTRIES, copies, timeout=STATEMENT_SECONDS)
        return True

    async def erase_conversation(self, tenant: str, conversation: str, ground: str) -> None:
        """Erase a conversation. ValueError for an empty id, which in a destruction means the whole
        municipality."""
        if not conversation:
            raise ValueError("which conversation?")
        gone = (conversation,)
        async with self._pool.acquire() as connection:
            beside = tuple([row[0] for row in await connection.fetch(BESIDE, tenant, gone)])
        place = tenant, ground, gone
        async with self._erasing("conversations", *place, beside=beside) as connection:
            await connection.execute(_FORGET, tenant, gone, timeout=STATEMENT_SECONDS)

    async def erase_municipality(self, tenant: str, ground: str) -> None:
        """Erase everything of a municipality."""
        async with self._erasing("municipality", tenant, ground) as connection:
            await connection.execute(_FORGET_ALL, tenant, timeout=STATEMENT_SECONDS)

    @asynccontextmanager
    async def _erasing(
        self, kind: Kind, tenant: str, ground: str, conversations: tuple[str, ...] = (), **more: Any
    ) -> AsyncIterator[Connection]:
        """Write the order and its records; the caller erases, and then it is committed."""
        async with self._pool.acquire() as connection, connection.transaction():
            order = Order(
                number=await self._orders.next_number(connection),
                kind=kind,
                at=clock.now(),
                tenant=tenant,
                conversations=conversations,
                ground=ground,
                **more,
            )
            await self._orders.give(connection, order)
            await connection.execute(COUNT_DESTRUCTION)
            records = destruction_records(order, conversations)
            await writer_in_transaction(connection, self._keys).add(records)
            await connection.execute(_NO_LIMIT)
            yield connection
        await self._orders.confirm(order)


_NO_LIMIT = "set local statement_timeout = 0"
"""Takes back the limit of writing a record: each statement here has its own."""
COUNT_DESTRUCTION = "update archiver.head set destructions = destructions + 1"

BESIDE = "select archiver.entries_beside($1, $2)"
"""Entries of the same people outside any conversation, such as a consent, which go with the last
one."""
_FORGET = "select archiver.forget($1, $2)"
"""Deletes a conversation from all tables: `0013_destruction.sql`. The content hash of a
file would prove to anyone who has the file that it was sent. A subject access request keeps the
hashes of its citizen until the last conversation it covers is erased."""
_FORGET_ENTRIES = "select archiver.forget_entries($1)"
_FORGET_ALL = "select archiver.forget_municipality($1)"

_ENTRY = "select tenant, conversation from archiver.entry where id = $1"

_COPIES = """
select e.id from archiver.entry e where e.id = $1
union all
select s.id from archiver.entry e
join archiver.entry s on s.message = e.message
    and s.kind in ('segment', 'status', 'send', 'media', 'annotation')
where e.id = $1 and e.kind = 'message'
"""
