"""Records that came after the destruction of their conversation.

A delivery may have been under way, or a status. Its record gets a new key, since each record that
was acknowledged is written. Here that key goes too, and the destruction is recorded once more.
"""

import asyncio
from collections import defaultdict
from functools import partial

import structlog

from archiver.destruction.destroyer import COUNT_DESTRUCTION, TURN, destruction_record
from archiver.destruction.list_store import ListStore
from archiver.encryption.key_store import KeyStore
from archiver.log.writer import writer_in_transaction
from services.postgres.database import Pool, retry_while_unavailable

BATCH = 250
"""Conversations in one transaction, as of a list."""
LOOK_SECONDS = 600.0
"""Interval between two looks. What came late is readable for so long to those who may read the
record."""

log = structlog.get_logger()


async def forget_late_records(pool: Pool, keys: KeyStore) -> None:
    """Look for what came late, for as long as the service runs."""
    while True:
        while await retry_while_unavailable(partial(forget_batch, pool, keys), "late records"):
            pass
        await asyncio.sleep(LOOK_SECONDS)


async def forget_batch(pool: Pool, keys: KeyStore) -> bool:
    """Forget the records of some conversations that were destroyed before. Return True if there may
    be more."""
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval(TURN):
            return False
        late: dict[str, list[str]] = defaultdict(list)
        for row in await connection.fetch(_LATE, BATCH):
            late[row["list"]].append(row["conversation"])
        for id, conversations in late.items():
            found = await ListStore(connection, keys).lock(id)
            assert found is not None  # lists are kept for ever
            gone = [row[0] for row in await connection.fetch(_DESTROY_AGAIN, id, conversations)]
            await connection.execute(COUNT_DESTRUCTION)
            records = [destruction_record(found, each) for each in gone]
            await writer_in_transaction(connection, keys).add(records)
    count = sum(map(len, late.values()))
    if count:
        log.info("destruction.again", count=count)
    return count == BATCH


_LATE = "select conversation, list from archiver.late_conversations($1)"
_DESTROY_AGAIN = "select archiver.destroy_again($1, $2)"
