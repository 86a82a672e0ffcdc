"""Records into the log: sealed first, then written in one transaction, in their places in the tree.

Whoever writes holds the row of the head, so there is one writer at a time, and what is known
already is left out before places are given: a batch that comes again changes nothing.
"""

import asyncio
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from archiver.record.entry import Open, hash_of, opened
from archiver.record.indexing import Sought, sought
from archiver.record.keys import NOWHERE, Keys, Place
from archiver.record.merkle import Tree, grown
from archiver.record.processing import SUBJECT_TYPE, Action, Activities, action, is_action
from archiver.record.sealing import SALT_BYTES, Content, Shut, seal, seal_content
from archiver.record.told import Told, people, told
from services.answers import VERSION
from services.contract import Record
from services.database import Connection, Pool

DESTRUCTION = "destruction"
"""The kind of record that says that something cannot be opened any more."""
TOGETHER = 100
"""Sealed without a pause, in some 2 ms: then the batch before gets on its way to the database, and
whoever asks gets an answer."""
HASH_BYTES = 16
"""Of a keyed hash: as long as a UUID, and nobody finds two that are the same."""
RESOURCE = f"postkamer {VERSION}"
"""What did it, in the processing log."""
CONVERSATION = "conversation"
"""What is hashed for the processing log."""


class File(msgspec.Struct, frozen=True):
    """A file that came with a message, to be fetched; what was announced of it is sealed."""

    number: str
    sent_at: datetime
    mime_type: str
    salt: bytes
    sealed: bytes


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it is written."""

    open: Open
    salt: bytes
    sealed: bytes
    leaf: bytes
    subjects: tuple[bytes, ...] = ()
    file: File | None = None
    action: Action | None = None
    sought: Sought | None = None


class Unsealable(Exception):
    """A record that cannot be sealed: it goes aside, and its siblings go on."""


UNNAMED = Activities()


class Writer:
    def __init__(self, pool: Pool, keys: Keys, activities: Activities = UNNAMED) -> None:
        self._pool, self._keys, self._activities = pool, keys, activities
        self._hashing: dict[str, bytes] = {}
        self._writing, self._turn = 0, asyncio.Lock()
        """In the order in which they came: who waits for the head's row is passed by whoever comes
        when it is free, and a busy intake comes again and again."""

    @property
    def busy(self) -> bool:
        """Somebody writes, or waits for their turn."""
        return self._writing > 0

    async def add(self, records: Sequence[Record]) -> int:
        """Write what is not there yet; how many were new. Unsealable where one cannot be."""
        return await self.write(await self.sealed(records))

    async def sealed(self, records: Sequence[Record]) -> list[Entry]:
        """Ready to be written. Unsealable."""
        read = [(record, _told(record)) for record in records]
        places = {place_of(record) for record in records}
        keys = await self._keys.of_conversations(places) if places else {}
        for tenant in {record.tenant for record in records} - set(self._hashing):
            with suppress(Shut):
                self._hashing[tenant] = await self._keys.hashing(tenant)
        sealed: list[Entry] = []
        for nth, (record, said) in enumerate(read):
            if nth % TOGETHER == 0:
                await asyncio.sleep(0)
            sealed.append(self._sealed(record, said, keys.get(place_of(record))))
        return sealed

    def _sealed(self, record: Record, said: Told, above: bytes | None) -> Entry:
        if above is None or record.tenant not in self._hashing:
            raise Unsealable("the key of its conversation or municipality cannot be opened")
        entry, salt = opened(record, said.department or ""), os.urandom(SALT_BYTES)
        content = Content(record.data, record.raw, record.contact)
        sealed = seal_content(above, salt, content, record.id.bytes)
        return Entry(
            open=entry,
            salt=salt,
            sealed=sealed,
            leaf=hash_of(entry, sealed),
            subjects=tuple(self._hashes(record.tenant, said)),
            file=_file(record, said, above),
            action=self._action(record, said) if is_action(record) else None,
            sought=sought(record, said, self._hashing[record.tenant]),
        )

    def _action(self, record: Record, said: Told) -> Action:
        subject = person_hash(self._hashing[record.tenant], CONVERSATION, record.conversation)
        return action(record, said, self._activities.of(record.tenant), subject)

    def _hashes(self, tenant: str, said: Told) -> Iterable[bytes]:
        for one in people(said):
            yield person_hash(self._hashing[tenant], one.kind, one.value)

    async def write(self, entries: Sequence[Entry]) -> int:
        """What is not there yet, whole or not at all; how many were new."""
        if not entries:
            return 0
        self._writing += 1
        try:
            async with self._turn:
                return await self._write(entries)
        finally:
            self._writing -= 1

    async def _write(self, entries: Sequence[Entry]) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            head = await connection.fetchrow(_HEAD)
            assert head is not None  # it was made with its table
            ids = [entry.open.id for entry in entries]
            known = await connection.fetch(_KNOWN, ids, min(ids), max(ids))
            there = {row["id"] for row in known}
            new = list({e.open.id: e for e in entries if e.open.id not in there}.values())
            if new:
                await _append(connection, grown(head["size"], head["peaks"]), new)
        return len(new)


async def _append(connection: Connection, tree: Tree, new: Sequence[Entry]) -> None:
    first = tree.size
    for entry in new:
        tree.append(entry.leaf)
    rows = [_row(entry, first + n) for n, entry in enumerate(new)]
    await connection.copy_records_to_table(
        "entry", schema_name="archiver", columns=_COLUMNS, records=rows
    )
    if files := [e for e in new if e.file]:
        await connection.execute(_FILES, *_columns(map(_file_row, files)))
    if done := [_action_row(entry.action) for entry in new if entry.action]:
        await connection.copy_records_to_table(
            "processing", schema_name="archiver", columns=ACTION, records=done
        )
    if found := [_sought_row(e, first + n) for n, e in enumerate(new) if e.sought]:
        await connection.copy_records_to_table(
            "searchable", schema_name="archiver", columns=SOUGHT, records=found
        )
    if about := [row for entry in new for row in _subject_rows(entry)]:
        await connection.execute(_SUBJECTS, *_columns(about))
    if tree.done:
        await connection.execute(_NODES, *_columns(tree.done))
    await connection.execute(_GROWN, tree.size, tree.edge())


def _told(record: Record) -> Told:
    if record.at.tzinfo is None:
        raise Unsealable("its time has no zone")
    try:
        return told(record)
    except msgspec.DecodeError:
        raise Unsealable("its data is not what its kind says") from None


def place_of(record: Record) -> Place:
    """Under which key it lies. What is said of a destruction outlives what was destroyed."""
    return NOWHERE if record.kind == DESTRUCTION else (record.tenant, record.conversation)


def person_hash(key: bytes, kind: str, value: str) -> bytes:
    """By which somebody is found; it tells nothing without the key."""
    return blake2b(f"{kind}\0{value}".encode(), key=key, digest_size=HASH_BYTES).digest()


def _file(record: Record, said: Told, above: bytes) -> File | None:
    if record.kind != "message" or said.medium is None:
        return None
    salt = os.urandom(SALT_BYTES)
    about = (record.message or record.id).bytes
    sealed = seal(above, salt, msgspec.json.encode(said.medium), about)
    sent_at, type = min(record.at, said.sent_at or record.at), said.medium.get("mimeType")
    return File(said.number or "", sent_at, str(type or ""), salt, sealed)


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _row(entry: Entry, position: int) -> tuple[Any, ...]:
    of = entry.open
    return (
        of.id, position, of.kind, of.at, of.tenant, of.conversation, of.department, of.message,
        of.receipt, of.item, of.sequence, entry.salt, entry.sealed, entry.leaf,
    )  # fmt: skip


def _file_row(entry: Entry) -> tuple[Any, ...]:
    of, file = entry.open, entry.file
    assert file is not None
    id = of.message or of.id
    whose = (of.tenant, file.number, of.conversation, of.department)
    return (id, *whose, file.sent_at, file.mime_type, file.salt, file.sealed)


def _action_row(of: Action) -> tuple[Any, ...]:
    """What is written is done: an action ends when it has begun."""
    return (
        of.trace, of.span, of.parent, of.name, of.status, of.at, of.at, RESOURCE, of.tenant,
        of.activity, of.subject, SUBJECT_TYPE, of.processor,
    )  # fmt: skip


def _sought_row(entry: Entry, position: int) -> tuple[Any, ...]:
    of, by = entry.open, entry.sought
    assert by is not None
    place = (of.id, position, of.at, of.tenant, of.department, of.conversation, of.kind)
    return (*place, by.type, by.direction, by.words)


def _subject_rows(entry: Entry) -> Iterable[tuple[str, bytes, str, UUID]]:
    of = entry.open
    for hash in entry.subjects:
        yield of.tenant, hash, of.conversation, of.id


_HEAD = "select size, peaks from archiver.head for update"

# Between these two: other months are not looked into.
_KNOWN = "select id from archiver.entry where id = any($1::uuid[]) and id between $2 and $3"

_COLUMNS = (
    "id", "position", "kind", "at", "tenant", "conversation", "department", "message",
    "receipt", "item", "sequence", "salt", "sealed", "leaf",
)  # fmt: skip
"""Of `_row`; in binary they go in as they are, and cost half of what they cost as arrays."""

_FILES = """
insert into archiver.media (id, tenant, number, conversation, department, sent_at, announced, salt,
    sealed)
select id, tenant, number, conversation, department, sent_at, jsonb_build_object('mimeType', type),
    salt, sealed
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
    $7::text[], $8::bytea[], $9::bytea[])
    as new (id, tenant, number, conversation, department, sent_at, type, salt, sealed)
on conflict do nothing
"""

ACTION = (
    "trace_id", "span_id", "parent_span_id", "name", "status", "start_time", "end_time", "resource",
    "tenant", "activity", "subject", "subject_type", "foreign_processor",
)  # fmt: skip
"""By COPY, which costs a third of an insert: each is there once, as the entry beside it."""
SOUGHT = (
    "id", "position", "at", "tenant", "department", "conversation", "kind", "type", "direction",
    "words",
)  # fmt: skip

# Of each conversation once for each name; what stands in none is told entry by entry.
_SUBJECTS = """
insert into archiver.subject (tenant, hash, conversation, entry)
select distinct on (tenant, hash, conversation, case when conversation = '' then entry end) *
from unnest($1::text[], $2::bytea[], $3::text[], $4::uuid[])
    as new (tenant, hash, conversation, entry)
where conversation = '' or not exists (
    select from archiver.subject s where (s.tenant, s.hash, s.conversation)
        = (new.tenant, new.hash, new.conversation))
on conflict do nothing
"""

_NODES = """
insert into archiver.node (level, index, hash)
select * from unnest($1::int[], $2::bigint[], $3::bytea[])
"""

_GROWN = "update archiver.head set size = $1, peaks = $2"
