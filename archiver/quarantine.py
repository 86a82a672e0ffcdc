"""Quarantine of what cannot become a record: kept in full and sealed, so that nothing that was
acknowledged is lost."""

import asyncio
import os
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

import msgspec

from archiver.encryption.key_store import NOWHERE, KeyStore
from archiver.encryption.sealing import SALT_BYTES, seal, unseal
from services import metrics
from services.contract import ArchiveBatch, Record
from services.postgres.database import Connection, Pool, retry_while_unavailable
from services.sealing.wrapping import CannotDecrypt

PURPOSE = b"quarantine"
COUNT_SECONDS = 15.0
"""Pause between two counts: shorter than the interval of a scrape."""


class Quarantine:
    def __init__(self, pool: Pool, keys: KeyStore) -> None:
        self._pool, self._keys = pool, keys

    async def add(self, reason: str, body: bytes, record: UUID | None = None) -> UUID:
        """Add an entry and return its id; `record` is the id of the record that it is, if known.

        `reason` must not contain personal data. Content that is already present is not added again:
        it is redelivered if the process ended before the acknowledgement.
        """
        keys, salt = await self._keys.ensure_conversation_keys([NOWHERE]), os.urandom(SALT_BYTES)
        sealed = seal(keys[NOWHERE], salt, body, PURPOSE)
        id = _entry_id(keys[NOWHERE], body)
        await self._pool.execute(_INSERT, id, reason, salt, sealed, record)
        return id


class QuarantinedEntry(msgspec.Struct, frozen=True, rename="camel"):
    """Entry of the quarantine, without its sealed content."""

    id: UUID
    at: datetime
    reason: str
    size: int
    """Size of the sealed content in bytes."""


async def count_entries(pool: Pool) -> None:
    """Update the metric until cancelled."""
    while True:
        number = await retry_while_unavailable(lambda: pool.fetchval(_COUNT), "quarantine")
        metrics.quarantine.set(number)
        await asyncio.sleep(COUNT_SECONDS)


async def list_entries(pool: Pool, limit: int) -> list[QuarantinedEntry]:
    """Return entries, oldest first."""
    return [QuarantinedEntry(**row) for row in await pool.fetch(_LIST, limit)]


async def open_entry(connection: Connection, keys: KeyStore, id: UUID) -> bytes | None:
    """Return the content of an entry; None if there is none. Raises CannotDecrypt if it was
    altered. In a transaction the row stays locked, so that it becomes a record only once."""
    row = await connection.fetchrow(_ONE, id)
    if row is None:
        return None
    key = (await keys.existing_conversation_keys([NOWHERE])).get(NOWHERE)
    if key is None:
        raise CannotDecrypt("its key is gone")
    return unseal(key, row["salt"], row["sealed"], PURPOSE)


def decode_records(body: bytes) -> list[Record]:
    """Return all records of a batch message, or the single record that the content is.
    msgspec.DecodeError if it is neither."""
    try:
        return msgspec.msgpack.decode(body, type=ArchiveBatch).records
    except msgspec.DecodeError:
        return [msgspec.msgpack.decode(body, type=Record)]


async def remove_entry(connection: Connection, id: UUID) -> None:
    """Delete an entry that has become a record. The role must be that of the tables' owner."""
    await connection.execute(_DELETE, id)


def _entry_id(key: bytes, body: bytes) -> UUID:
    """Derive the id from the content, so that equal content has one id. It is keyed, so that the
    content cannot be guessed from it."""
    return UUID(bytes=blake2b(body, key=key, digest_size=16, person=PURPOSE).digest())


_COUNT = "select count(*) from archiver.quarantine"
_LIST = """
select id, at, reason, length(sealed) as size from archiver.quarantine
order by at, id limit $1
"""
_ONE = "select salt, sealed from archiver.quarantine where id = $1 for update"
_DELETE = "delete from archiver.quarantine where id = $1"

_INSERT = """
insert into archiver.quarantine (id, reason, salt, sealed, record) values ($1, $2, $3, $4, $5)
on conflict do nothing
"""
