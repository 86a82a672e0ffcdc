"""Records into the log: sealed first, then written in one transaction, in their places in the tree.

Whoever writes holds the row of the head, so there is one writer at a time. Of a batch of which
something is known already that is left out, and places are given to the rest: what comes again
changes nothing.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from typing import cast
from uuid import UUID

import msgspec

from archiver.encryption.key_store import NOWHERE, KeyStore, Place
from archiver.encryption.sealing import SALT_BYTES, CannotDecrypt, Content, seal, seal_content
from archiver.index.blind_index import index_tokens
from archiver.index.processing_log import Action, Activities, build_action, is_action
from archiver.index.record_fields import RecordFields, read_fields, subject_identities
from archiver.log.append import Entry, PendingMedia, append_entries
from archiver.log.entry import entry_leaf_hash, plain_columns
from archiver.log.merkle import load_tree
from services.contract import Record
from services.postgres.database import Connection, Pool

DESTRUCTION = "destruction"
"""The kind of record that says that something cannot be opened any more."""
YIELD_EVERY = 100
"""Sealed without a pause, in some 2 ms: then the batch before gets on its way to the database, and
whoever asks gets an answer."""
HASH_BYTES = 16
"""Of a keyed hash: as long as a UUID, and nobody finds two that are the same."""
CONVERSATION = "conversation"
"""What is hashed for the processing log."""
UNIQUE_VIOLATION = "23505"
"""PostgreSQL's word for an id that is there already."""


class SealedBeforeErasure(Exception):
    """Something was destroyed since it was sealed: to be sealed anew, and written then."""


class CannotSeal(Exception):
    """A record that cannot be sealed: it goes aside, and its siblings go on."""


class _SealingKeys(msgspec.Struct, frozen=True):
    """What a batch is sealed with: keys of conversations, those by which people and words of
    municipalities are found, and how often anything was destroyed before they were looked for."""

    conversation_keys: dict[Place, bytes]
    hash_keys: dict[str, bytes]
    destructions: int


DEFAULT_ACTIVITIES = Activities()


class Writer:
    def __init__(
        self, pool: Pool, keys: KeyStore, activities: Activities = DEFAULT_ACTIVITIES
    ) -> None:
        self._pool, self._keys, self._activities = pool, keys, activities
        self._destructions, self._hash_keys = -1, dict[str, bytes]()
        """Kept until anything is destroyed: it may have been the key of a municipality."""
        self._writing, self._turn = 0, asyncio.Lock()
        """In the order in which they came: who waits for the head's row is passed by whoever comes
        when it is free, and a busy intake comes again and again."""

    @property
    def busy(self) -> bool:
        """Somebody writes, or waits for their turn."""
        return self._writing > 0

    async def add(self, records: Sequence[Record]) -> int:
        """Write what is not there yet; how many were new. Unsealable where one cannot be."""
        while True:
            with suppress(SealedBeforeErasure):
                return await self.write(await self.seal(records))

    async def seal(self, records: Sequence[Record]) -> list[Entry]:
        """Ready to be written. Unsealable."""
        read = [(record, _read_fields(record), place_of_record(record)) for record in records]
        places, tenants = {place for *_, place in read}, {record.tenant for record in records}
        keys = await self._load_keys(places, tenants)
        sealed: list[Entry] = []
        for nth, (record, fields, place) in enumerate(read):
            if nth % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            sealed.append(
                self._seal_record(record, fields, keys.conversation_keys.get(place), keys)
            )
        return sealed

    async def _load_keys(self, places: set[Place], tenants: set[str]) -> "_SealingKeys":
        """The count first: what is destroyed while the keys are looked for shows by it."""
        async with self._pool.acquire() as connection:
            destructions = int(await connection.fetchval(_DESTRUCTIONS))
        if destructions != self._destructions:
            self._destructions, self._hash_keys = destructions, {}
        hash_keys = self._hash_keys
        keys = await self._keys.ensure_conversation_keys(places) if places else {}
        for tenant in tenants - set(hash_keys):
            with suppress(CannotDecrypt):
                hash_keys[tenant] = await self._keys.hash_key(tenant)
        return _SealingKeys(keys, hash_keys, destructions)

    def _seal_record(
        self,
        record: Record,
        fields: RecordFields,
        conversation_key: bytes | None,
        keys: "_SealingKeys",
    ) -> Entry:
        hash_key = keys.hash_keys.get(record.tenant)
        if conversation_key is None or hash_key is None:
            raise CannotSeal("the key of its conversation or municipality cannot be opened")
        columns, salt = plain_columns(record, fields.department or ""), os.urandom(SALT_BYTES)
        content = Content(record.data, record.raw, record.contact)
        sealed = seal_content(conversation_key, salt, content, record.id.bytes)
        return Entry(
            columns=columns,
            salt=salt,
            sealed=sealed,
            leaf=entry_leaf_hash(columns, sealed),
            subjects=tuple(
                person_hash(hash_key, one.kind, one.value) for one in subject_identities(fields)
            ),
            file=_pending_media(record, fields, conversation_key),
            action=self._build_action(record, fields, hash_key) if is_action(record) else None,
            index_tokens=index_tokens(record, fields, hash_key),
            destructions=keys.destructions,
        )

    def _build_action(self, record: Record, fields: RecordFields, hash_key: bytes) -> Action:
        subject = person_hash(hash_key, CONVERSATION, record.conversation)
        return build_action(record, fields, self._activities.of_tenant(record.tenant), subject)

    async def write(self, entries: Sequence[Entry]) -> int:
        """What is not there yet, whole or not at all; how many were new. Outdated."""
        if not entries:
            return 0
        self._writing += 1
        try:
            async with self._turn:
                return await self._write(entries)
        finally:
            self._writing -= 1

    async def _write(self, entries: Sequence[Entry]) -> int:
        """Nearly always all are new: only where one is not it is looked which, at a tenth of what
        a batch costs."""
        try:
            return await self._insert(entries, has_known=False)
        except Exception as error:
            if getattr(error, "sqlstate", None) != UNIQUE_VIOLATION:
                raise
        return await self._insert(entries, has_known=True)

    async def _insert(self, entries: Sequence[Entry], *, has_known: bool) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            head = await connection.fetchrow(_HEAD)
            assert head is not None  # it was made with its table
            if any(entry.destructions != head["destructions"] for entry in entries):
                raise SealedBeforeErasure
            existing = await _existing_ids(connection, entries) if has_known else set()
            new = list({e.columns.id: e for e in entries if e.columns.id not in existing}.values())
            if new:
                await append_entries(connection, load_tree(head["size"], head["peaks"]), new)
        return len(new)


class _SingleConnectionPool:
    """The connection of a transaction, as what a writer takes one from."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        yield self._connection


def writer_in_transaction(connection: Connection, keys: KeyStore) -> Writer:
    """One that writes in the transaction of this connection."""
    return Writer(cast(Pool, _SingleConnectionPool(connection)), keys)


async def _existing_ids(connection: Connection, entries: Sequence[Entry]) -> set[UUID]:
    ids = [entry.columns.id for entry in entries]
    return {row["id"] for row in await connection.fetch(_KNOWN, ids, min(ids), max(ids))}


def _read_fields(record: Record) -> RecordFields:
    if record.at.tzinfo is None:
        raise CannotSeal("its time has no zone")
    try:
        return read_fields(record)
    except msgspec.DecodeError:
        raise CannotSeal("its data is not what its kind says") from None


def place_of_record(record: Record) -> Place:
    """Under which key it lies. What is said of a destruction outlives what was destroyed."""
    return NOWHERE if record.kind == DESTRUCTION else (record.tenant, record.conversation)


def person_hash(key: bytes, kind: str, value: str) -> bytes:
    """By which somebody is found; it tells nothing without the key."""
    return blake2b(f"{kind}\0{value}".encode(), key=key, digest_size=HASH_BYTES).digest()


def _pending_media(
    record: Record, fields: RecordFields, conversation_key: bytes
) -> PendingMedia | None:
    if record.kind != "message" or fields.medium is None:
        return None
    salt = os.urandom(SALT_BYTES)
    about = (record.message or record.id).bytes
    sealed = seal(conversation_key, salt, msgspec.json.encode(fields.medium), about)
    sent_at, type = min(record.at, fields.sent_at or record.at), fields.medium.get("mimeType")
    return PendingMedia(fields.number or "", sent_at, str(type or ""), salt, sealed)


_HEAD = "select size, peaks, destructions from archiver.head for update"
_DESTRUCTIONS = "select destructions from archiver.head"

# Between these two: other months are not looked into.
_KNOWN = "select id from archiver.entry where id = any($1::uuid[]) and id between $2 and $3"
