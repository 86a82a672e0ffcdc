"""Write records to the log: seal them, then append them in one transaction.

The writer locks the row of the head, so there is one writer at a time. Records that the log already
contains are left out and positions are given to the rest, so writing again changes nothing.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

import msgspec

from archiver.encryption.file_binding import bind
from archiver.encryption.key_store import NOWHERE, IndexKeys, KeyStore, Place
from archiver.encryption.sealing import SALT_BYTES, Content, seal, seal_content
from archiver.index.blind_index import index_tokens, person_hash
from archiver.index.processing_log import (
    CONVERSATION,
    ActionRow,
    Activities,
    action_row,
    build_action,
    is_action,
)
from archiver.index.record_fields import RecordFields, read_fields, subject_identities
from archiver.log.append import Entry, PendingMedia, append_entries
from archiver.log.conflicts import known_ids
from archiver.log.entry import encode_plain, encoded_leaf_hash, plain_columns
from archiver.log.known_head import KnownHead
from services.contract import Record
from services.http.problems import VERSION
from services.ids import parse_uuid
from services.postgres.database import Connection, Pool
from services.sealing.wrapping import CannotDecrypt
from services.transparency.merkle import load_tree

DESTRUCTION = "destruction"
"""Kind of record that states that something was destroyed."""
YIELD_EVERY = 100
"""Records sealed without yielding, in some 2 ms. Yielding lets the previous batch be sent to the
database and requests be answered."""
RESOURCE = f"postkamer {VERSION}"
"""Program that acts, as the processing log names it."""
UNIQUE_VIOLATION = "23505"
"""SQLSTATE of an id that exists already."""


class SealedBeforeErasure(Exception):
    """Something was destroyed after the entries were sealed: seal the records anew and write them
    then."""


class CannotSeal(Exception):
    """The record cannot be sealed: it goes to quarantine, and the others go on."""


class _SealingKeys(msgspec.Struct, frozen=True):
    """Keys for a batch: of conversations, of the indexes of municipalities, and the number of
    destructions before the keys were loaded."""

    conversation_keys: dict[Place, bytes]
    index_keys: dict[str, IndexKeys]
    destructions: int


DEFAULT_ACTIVITIES = Activities()


class Writer:
    def __init__(
        self, pool: Pool, keys: KeyStore, activities: Activities = DEFAULT_ACTIVITIES
    ) -> None:
        self._pool, self._keys, self._activities = pool, keys, activities
        self.known = KnownHead()
        self._destructions, self._index_keys = -1, dict[str, IndexKeys]()
        """Cached until the number of destructions changes, since a destruction may have deleted the
        key of a municipality, and a new one counts as a destruction."""
        self._writing, self._turn = 0, asyncio.Lock()
        """Number of writers, and their turn in order of arrival. PostgreSQL may give the head's row
        to a newcomer before those that wait, and a busy intake comes again and again."""

    @property
    def busy(self) -> bool:
        """Return whether a writer is active or waiting."""
        return self._writing > 0

    async def add(self, records: Sequence[Record]) -> int:
        """Write the records that are new and return their number. Raises CannotSeal."""
        while True:
            with suppress(SealedBeforeErasure):
                return len(await self.write(await self.seal(records)))

    async def seal(self, records: Sequence[Record]) -> list[Entry]:
        """Seal records, ready to be written. Raises CannotSeal."""
        if not records:
            return []
        read = [(record, _read_fields(record)) for record in records]
        places = {place_of_record(record) for record in records}
        keys = await self._load_keys(places, {record.tenant for record in records})
        sealed, salts = list[Entry](), os.urandom(SALT_BYTES * len(read))
        for nth, (record, fields) in enumerate(read):
            if nth % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            salt = salts[nth * SALT_BYTES : (nth + 1) * SALT_BYTES]
            sealed.append(self._seal_record(record, fields, salt, keys))
        return sealed

    async def _load_keys(self, places: set[Place], tenants: set[str]) -> "_SealingKeys":
        """Load the keys of a batch. The number of destructions is read first, so that a destruction
        in the meantime is noticed when the batch is written."""
        async with self._pool.acquire() as connection:
            destructions = int(await connection.fetchval(_DESTRUCTIONS))
        if destructions != self._destructions:
            self._destructions, self._index_keys = destructions, {}
        index_keys = self._index_keys
        keys = await self._keys.ensure_conversation_keys(places)
        for tenant in tenants - set(index_keys):
            with suppress(CannotDecrypt):
                index_keys[tenant] = await self._keys.index_keys(tenant)
        return _SealingKeys(keys, index_keys, destructions)

    def _seal_record(
        self, record: Record, fields: RecordFields, salt: bytes, keys: "_SealingKeys"
    ) -> Entry:
        conversation_key = keys.conversation_keys.get(place_of_record(record))
        index_keys = keys.index_keys.get(record.tenant)
        if conversation_key is None or index_keys is None:
            raise CannotSeal("the key of its conversation or municipality cannot be opened")
        columns = plain_columns(record, fields.department or "")
        content, plain = Content(record.data, record.raw, record.contact), encode_plain(columns)
        sealed = seal_content(conversation_key, salt, content, plain)
        return Entry(
            columns=columns,
            salt=salt,
            sealed=sealed,
            leaf=encoded_leaf_hash(plain, sealed),
            subjects=tuple(
                person_hash(index_keys.newest, identity.kind, identity.value)
                for identity in subject_identities(fields)
            ),
            file=_pending_media(record, fields, conversation_key),
            action=(
                self._build_action(record, fields, index_keys.proof) if is_action(record) else None
            ),
            index_tokens=index_tokens(record, fields, index_keys.newest),
            destructions=keys.destructions,
        )

    def _build_action(self, record: Record, fields: RecordFields, key: bytes) -> ActionRow:
        subject = person_hash(key, CONVERSATION, record.conversation)
        activity = self._activities.of_tenant(record.tenant)
        return action_row(build_action(record, fields, activity, subject), RESOURCE, key)

    async def write(self, entries: Sequence[Entry]) -> list[Entry]:
        """Write the entries that are new, all or none, and return them. Raises
        SealedBeforeErasure, and ForgedEntry if somebody else put a row in the place of one."""
        if not entries:
            return []
        self._writing += 1
        try:
            async with self._turn:
                return await self._write(entries)
        finally:
            self._writing -= 1

    async def _write(self, entries: Sequence[Entry]) -> list[Entry]:
        """Insert all entries first, since nearly always all are new. The search for existing ids, a
        tenth of the cost of a batch, follows only after a conflict."""
        try:
            return await self._insert(entries, has_known=False)
        except Exception as error:
            if getattr(error, "sqlstate", None) != UNIQUE_VIOLATION:
                raise
        return await self._insert(entries, has_known=True)

    async def _insert(self, entries: Sequence[Entry], *, has_known: bool) -> list[Entry]:
        async with self._pool.acquire() as connection, connection.transaction():
            head = await connection.fetchrow(_HEAD)
            assert head is not None  # the table was created with this row
            if any(entry.destructions != head["destructions"] for entry in entries):
                raise SealedBeforeErasure
            tree = load_tree(head["size"], head["peaks"])
            await self.known.check(connection, tree)
            by_id = {entry.columns.id: entry for entry in entries}
            if has_known:
                for id in await known_ids(connection, self._keys, entries, tree):
                    del by_id[id]
            if new := list(by_id.values()):
                await append_entries(connection, tree, new)
        self.known.note_written(tree)
        return new


class _SingleConnectionPool:
    """Single connection in the role of a pool."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        yield self._connection


def writer_in_transaction(connection: Connection, keys: KeyStore) -> Writer:
    """Return a writer that writes in the transaction of this connection."""
    return Writer(cast(Pool, _SingleConnectionPool(connection)), keys)


def _read_fields(record: Record) -> RecordFields:
    if record.at.tzinfo is None:
        raise CannotSeal("its time has no zone")
    try:
        return read_fields(record)
    except msgspec.DecodeError:
        raise CannotSeal("its data is not what its kind says") from None


def place_of_record(record: Record) -> Place:
    """Return the place whose key seals the record. A destruction record has no place, because it
    must outlive what was destroyed."""
    return NOWHERE if record.kind == DESTRUCTION else (record.tenant, record.conversation)


def _pending_media(
    record: Record, fields: RecordFields, conversation_key: bytes
) -> PendingMedia | None:
    if record.kind != "message" or fields.medium is None:
        return None
    salt = os.urandom(SALT_BYTES)
    id = record.message or record.id
    announced = msgspec.json.encode({**fields.medium, "bound": True})
    sealed = seal(conversation_key, salt, announced, id.bytes)
    mac = bind({"about": id, "state": "waiting"}, conversation_key)
    sent_at, type = min(record.at, fields.sent_at or record.at), fields.medium.get("mimeType")
    upload = parse_uuid(str(fields.medium.get("upload", "")))
    return PendingMedia(fields.number or "", sent_at, str(type or ""), salt, sealed, mac, upload)


# The server ends a COPY whose rows stop coming, so that others can write; this process gives each
# statement up after 30 s anyway.
_HEAD = """
select size, peaks, destructions, set_config('statement_timeout', '40s', true)
from archiver.head for update
"""
_DESTRUCTIONS = "select destructions from archiver.head"
