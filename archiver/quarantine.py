"""What could not become a record: kept whole and sealed, so that nothing acknowledged is lost."""

import os
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

import msgspec

from archiver.encryption.key_store import NOWHERE, KeyStore
from archiver.encryption.sealing import SALT_BYTES, CannotDecrypt, seal, unseal
from services.contract import ArchiveBatch, Record
from services.postgres.database import Connection, Pool

PURPOSE = b"quarantine"


class Quarantine:
    def __init__(self, pool: Pool, keys: KeyStore) -> None:
        self._pool, self._keys = pool, keys

    async def add(self, reason: str, body: bytes) -> UUID:
        """Its id there; `reason` holds no personal data. What is kept already is kept once: it
        comes again where the process ended before its envelope was acknowledged."""
        keys, salt = await self._keys.ensure_conversation_keys([NOWHERE]), os.urandom(SALT_BYTES)
        sealed = seal(keys[NOWHERE], salt, body, PURPOSE)
        id = _entry_id(keys[NOWHERE], body)
        await self._pool.execute(_PUT, id, reason, salt, sealed)
        return id


class QuarantinedEntry(msgspec.Struct, frozen=True, rename="camel"):
    """What was put aside, sealed as it is."""

    id: UUID
    at: datetime
    reason: str
    size: int
    """Bytes, sealed."""


async def list_entries(pool: Pool, limit: int) -> list[QuarantinedEntry]:
    """The oldest first."""
    return [QuarantinedEntry(**row) for row in await pool.fetch(_LIST, limit)]


async def open_entry(connection: Connection, keys: KeyStore, id: UUID) -> bytes | None:
    """What is in it; None where there is none. Shut where it was altered. In a transaction, it is
    held until that ends: it is put into the record once."""
    row = await connection.fetchrow(_ONE, id)
    if row is None:
        return None
    key = (await keys.existing_conversation_keys([NOWHERE])).get(NOWHERE)
    if key is None:
        raise CannotDecrypt("its key is gone")
    return unseal(key, row["salt"], row["sealed"], PURPOSE)


def decode_records(body: bytes) -> list[Record]:
    """Those in it: of an envelope all, else the one that it is. msgspec.DecodeError where it is
    neither."""
    try:
        return msgspec.msgpack.decode(body, type=ArchiveBatch).records
    except msgspec.DecodeError:
        return [msgspec.msgpack.decode(body, type=Record)]


async def remove_entry(connection: Connection, id: UUID) -> None:
    """As the owner: it is in the record by now."""
    await connection.execute(_GONE, id)


def _entry_id(key: bytes, body: bytes) -> UUID:
    """The same for the same; without the key nobody finds out by guessing what is kept."""
    return UUID(bytes=blake2b(body, key=key, digest_size=16, person=PURPOSE).digest())


_LIST = """
select id, at, reason, length(sealed) as size from archiver.quarantine
order by at, id limit $1
"""
_ONE = "select salt, sealed from archiver.quarantine where id = $1 for update"
_GONE = "delete from archiver.quarantine where id = $1"

_PUT = """
insert into archiver.quarantine (id, reason, salt, sealed) values ($1, $2, $3, $4)
on conflict do nothing
"""
