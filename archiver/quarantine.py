"""Quarantine of what cannot become a record: kept in full and sealed, so that nothing that was
acknowledged is lost.

A row that comes or goes is an entry of the log (kind `aside`), so that none is taken away or
changed unseen.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any
from uuid import UUID

import msgspec
import structlog

from archiver.encryption.key_store import NOWHERE, KeyStore
from archiver.encryption.sealing import SALT_BYTES, seal, unseal
from archiver.log.writer import SealedBeforeErasure, Writer, writer_in_transaction
from services import clock, metrics
from services.contract import ArchiveBatch, Record
from services.ids import CONVERSATION
from services.postgres.database import Connection, Pool, is_transient, retry_while_unavailable
from services.sealing.wrapping import CannotDecrypt

PURPOSE = b"quarantine"
ASIDE = "aside"
"""Kind of the entry of a row, whose `message` is the row's id. A row has an odd number of them
while it is there."""
COUNT_SECONDS = 15.0
"""Pause between two counts: shorter than the interval of a scrape."""


log = structlog.get_logger()


class AsideEvent(msgspec.Struct, frozen=True):
    """Data of an entry about a row: `put` or `taken`, and the hash of the row."""

    event: str
    row: str


read_event = msgspec.json.Decoder(AsideEvent).decode


class Quarantine:
    def __init__(self, pool: Pool, keys: KeyStore) -> None:
        self._pool, self._keys = pool, keys

    async def add(self, reason: str, body: bytes, record: Record | None = None) -> UUID:
        """Add an entry and return its id; `record` is the record that it is, if known.

        `reason` must not contain personal data. Content that is already present is not added again:
        it is redelivered if the process ended before the acknowledgement.
        """
        keys, salt = await self._keys.ensure_conversation_keys([NOWHERE]), os.urandom(SALT_BYTES)
        sealed = seal(keys[NOWHERE], salt, body, PURPOSE)
        id = _entry_id(keys[NOWHERE], body)
        row = (id, reason, salt, sealed, record.id if record else None)
        conversation = conversation_of(record)
        try:
            await self._add_on_the_record(row, conversation)
        except Exception as error:
            if is_transient(error):
                raise
            # To keep it comes first. `archive verify` names a row that is not on the record.
            log.error("aside.unrecorded", record=row[-1], exc_info=error)
            await self._pool.execute(_INSERT, *row, conversation)
        return id

    async def _add_on_the_record(self, row: tuple[Any, ...], conversation: str) -> None:
        """Add a row and its entry in one transaction. Raises CannotSeal."""
        writer = Writer(self._pool, self._keys)
        while True:
            entries = await writer.seal([_aside_record("put", row)])
            with suppress(SealedBeforeErasure):
                async with self._pool.acquire() as connection, connection.transaction():
                    if await connection.fetchval(_INSERT, *row, conversation):
                        await writer_in_transaction(connection, self._keys).write(entries)
                return


def conversation_of(record: Record | None) -> str:
    """Return the conversation of a record; '' without one, and for what is no id of one: the
    database may have refused the record because of it."""
    named = record.conversation if record else ""
    return named if CONVERSATION.fullmatch(named) else ""


def row_digest(row: Sequence[Any]) -> str:
    """Return the hash of a row's id, reason, salt, sealed content and record, in hex."""
    id, reason, salt, sealed, record = row
    fields = (str(id), reason, salt, sealed, str(record or ""))
    return sha256(msgspec.msgpack.encode(fields)).hexdigest()


def _aside_record(event: str, row: Sequence[Any]) -> Record:
    now = clock.now()
    data = msgspec.json.encode(AsideEvent(event, row_digest(row)))
    return Record(id=clock.new_id(now), kind=ASIDE, at=now, message=row[0], data=data)


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


async def remove_entry(connection: Connection, keys: KeyStore, id: UUID) -> bool:
    """Delete an entry that has become a record, or that a person gives up; False if there is none.
    The role must be that of the tables' owner."""
    row = await connection.fetchrow(_DELETE, id)
    # A row of before rows were on the record has no entry, and needs none.
    if row and await connection.fetchval(_IS_RECORDED, id):
        await writer_in_transaction(connection, keys).add([_aside_record("taken", tuple(row))])
    return row is not None


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
ROW = "id, reason, salt, sealed, record"
_DELETE = f"delete from archiver.quarantine where id = $1 returning {ROW}"
_IS_RECORDED = f"""
select count(*) % 2 = 1 from archiver.entry where message = $1 and kind = '{ASIDE}'
"""

_INSERT = """
insert into archiver.quarantine (id, reason, salt, sealed, record, conversation)
values ($1, $2, $3, $4, $5, $6)
on conflict do nothing returning id
"""
