"""Load the package of a municipality into this installation. Whatever is here already is left as it
is, so that a run that ended early is run again, and each addition to the package is loaded."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, takewhile
from typing import Any, cast
from uuid import UUID

import msgspec

from archiver.encryption.key_store import (
    FOREIGN_KEY_VIOLATION,
    NOWHERE,
    KeyStore,
    Purpose,
    municipality_key_name,
)
from archiver.encryption.sealing import SALT_BYTES
from archiver.index.processing_log import span_of
from archiver.log.append import Entry, append_entries
from archiver.log.former_log import LEAVES_AT_ONCE
from cli.tenant.citizens_files import delete_unnamed_files, load_files
from cli.tenant.late_entries import TABLES as LATE_TABLES
from cli.tenant.late_entries import name_entries, rows_of
from cli.tenant.package import (
    ERASED,
    FORMER_LEAVES,
    HASH_KEY,
    KEYS,
    ROWS,
    UPLOADS,
    Chunk,
    Manifest,
    Package,
    PackageRefused,
)
from cli.tenant.package_reader import (
    PackedKey,
    PackedLeaves,
    batches,
    is_taken,
    json_row,
    read_entries,
    read_leaves,
    read_pieces,
    verify_package,
)
from cli.tenant.packed_entry import (
    FormerEntry,
    PackedEntry,
    is_sealed_anew,
    reseal_entry,
    take_entry,
)
from cli.tenant.resealing import seal_row
from cli.tenant.rows import ALL_GIVEN, STATEMENT_SECONDS, TABLES, Table
from services.files.object_store import ObjectStore, upload_key
from services.postgres.database import Connection, Pool
from services.sealing.brought_keys import open_brought_key, seal_brought_key
from services.sealing.columns import file_salt
from services.sealing.key_ring import RING
from services.sealing.stream_sealing import SealingStream, open_stream
from services.sealing.wrapping import NONCE_BYTES, CannotDecrypt, wrap
from services.transparency.merkle import load_tree

AT_ONCE = 500
"""Entries in one transaction, as many as the archiver writes: others write between two."""
JSON_COLUMNS = ("state", "content", "action")
"""Sealed columns that are JSON in the database."""
KEPT = ("archiver.former_log", "archiver.former_entry")
"""Tables of which a run only adds rows: this log has rows in them too."""
RETURNS = "{tenant} was here before: its entries are here, and it does not come back"
OLDER = "{folder}: is an older state of this package than the one that was loaded"
OWN = (
    "{tenant} has a record of its own here, and can only come where it has none: load its package"
    " before anything else is done for it, also before it has tokens"
)
ROTATED = (
    "{tenant}: late entries lie under a key of the municipality that was replaced here: nothing of"
    " them was loaded"
)
TAKEN = "another municipality has these names here: {names}"
NUMBERED = {
    "archiver.request": "archiver.request_number",
    "archiver.hold": "archiver.hold_number",
    "archiver.destruction_list": "archiver.list_number",
    "archiver.disclosure": "archiver.disclosure_number",
}
"""Tables whose rows have a number in their name -> the sequence from which it came."""


class Result(msgspec.Struct, rename="camel"):
    """Totals of what was loaded."""

    entries: int = 0
    """Entries that are new here."""
    known: int = 0
    files: int = 0
    rows: int = 0
    is_whole: bool = False
    """True once everything is here: the municipality can start."""


class Loader:
    def __init__(
        self, pool: Pool, keys: KeyStore, store: ObjectStore, package: Package, manifest: Manifest
    ) -> None:
        self._pool, self._keys, self._store = pool, keys, store
        self._package, self._manifest = package, manifest
        self._transport = package.key
        self._has_started = False
        """True for a municipality that works here already: only late entries are taken."""
        self._late = list[PackedEntry]()
        """Entries that came late; a municipality that has left writes hardly any."""
        self.result = Result()

    async def run(self, verifier: str, progress: Callable[[int, int], None]) -> Result:
        """Load what is lacking here. `verifier` is the published key of the log of before. Raises
        PackageRefused; before anything is written if the package is not whole, or not true."""
        verify_package(self._package, self._manifest, verifier)
        loaded = await self._begin(verifier)
        if not self._has_started:
            await self._load_conversation_keys()
        await self._load_leaves()
        chunks = self._manifest.chunks
        done, total = 0, sum(chunk.file.lines for chunk in chunks)
        for chunk in chunks:
            if chunk.end <= loaded:
                self.result.known += chunk.file.lines
            else:
                await self._load_chunk(chunk)
            done += chunk.file.lines
            progress(done, total)
        self.result.files += await load_files(self._store, self._package)
        if self._has_started:
            await self._load_late_rows()
        elif self._manifest.is_final:
            await self._load_uploads()
            await self._load_hash_key()
            await self._finish()
        if self._manifest.is_final:
            await delete_unnamed_files(self._pool, self._store, self._package.folder)
            self.result.is_whole = True
        return self.result

    async def _begin(self, verifier: str) -> int:
        """Note the log that the municipality comes from, and take its own keys. From now on its
        numbers are stopped here, unless it has started. Return the position there up to which
        entries are here. Raises PackageRefused for a municipality that has a record of its own
        here."""
        manifest, tenant = self._manifest, self._manifest.tenant
        async with self._pool.acquire() as connection, connection.transaction():
            known = await connection.fetchrow(_KNOWN, tenant, manifest.origin)
            if known is None:
                await self._refuse_own_record(connection)
            elif known["size"] > manifest.size:
                raise PackageRefused(OLDER.format(folder=self._package.folder))
            self._has_started = bool(
                known
                and known["ended_at"]
                and await connection.fetchval(_STARTED, list(manifest.numbers))
            )
            row = tenant, manifest.origin, verifier, manifest.size, manifest.note
            await connection.execute(_LOG, *row, self._has_started)
            if known is None:
                await connection.execute(_NEW_KEYS, tenant)
            if self._has_started:
                await self._load_late_keys(connection)
            else:
                await connection.execute(_COUNT_DESTRUCTION)
                await connection.execute(_STOP, list(manifest.numbers), tenant, manifest.origin)
                await self._load_own_keys(connection)
        return int(known["loaded"]) if known else 0

    async def _refuse_own_record(self, connection: Connection) -> None:
        """Refuse a municipality that has a record here. Until this transaction ends nobody gets a
        new key of a conversation, also not for a neighbour, so that it must be short."""
        tenant = self._manifest.tenant
        if await self._was_here(connection):
            raise PackageRefused(RETURNS.format(tenant=tenant))
        await connection.execute(_LOCK)
        if await connection.fetchval(_OWN, tenant):
            raise PackageRefused(OWN.format(tenant=tenant))

    async def _was_here(self, connection: Connection) -> bool:
        """Return True if the log here has entries of the package: with their keys they would come
        back to life where they were destroyed."""
        for chunk in self._manifest.chunks[:1]:
            entries = islice(read_entries(self._package, self._manifest, chunk), AT_ONCE)
            ids = [each.columns.id for each in entries]
            return bool(await connection.fetch(_KNOWN_IDS, ids))
        return False

    def _packed_keys(self) -> Iterator[PackedKey]:
        for line in self._package.sealed_lines(KEYS):
            yield msgspec.json.decode(line, type=PackedKey)

    async def _load_own_keys(self, connection: Connection) -> None:
        """Put the keys of the municipality under the master key of this installation, with the key
        of its own steps. A key of hashes that was replaced there goes."""
        first = list(takewhile(lambda key: not key.conversation, self._packed_keys()))
        own = [key for key in first if key.purpose]
        tenant, master = self._manifest.tenant, self._keys.newest_master
        rows = [(tenant, key.purpose, key.version, master, self._wrap(key)) for key in own]
        await connection.executemany(_MUNICIPALITY_KEY, rows)
        hashes = [key.version for key in own if key.purpose == "hash"]
        await connection.execute(_FORMER_HASHES, tenant, hashes)
        steps = [key for key in first if not key.purpose]
        await connection.executemany(_CONVERSATION_KEY, self._key_rows(steps))

    async def _load_conversation_keys(self) -> None:
        """Take the keys of conversations, wrapped as they are."""
        keys = (key for key in self._packed_keys() if key.conversation)
        for batch in batches(keys, AT_ONCE):
            await self._pool.executemany(_CONVERSATION_KEY, self._key_rows(batch))

    def _key_rows(self, keys: Sequence[PackedKey]) -> list[tuple[Any, ...]]:
        tenant = self._manifest.tenant
        return [(tenant, key.conversation, key.version, key.wrapped, key.made_at) for key in keys]

    def _wrap(self, key: PackedKey) -> bytes:
        name = municipality_key_name(self._manifest.tenant, cast(Purpose, key.purpose), key.version)
        master = self._keys.master_key(self._keys.newest_master)
        return wrap(master, key.key, name, os.urandom(NONCE_BYTES))

    async def _load_late_keys(self, connection: Connection) -> None:
        """Take the keys of conversations that began since. One that was destroyed here stays so."""
        keys = (key for key in self._packed_keys() if not key.purpose)
        for batch in batches(keys, AT_ONCE):
            try:
                await connection.executemany(_LATE_KEY, self._key_rows(batch))
            except Exception as error:
                if getattr(error, "sqlstate", None) != FOREIGN_KEY_VIOLATION:
                    raise
                raise PackageRefused(ROTATED.format(tenant=self._manifest.tenant)) from None

    async def _load_late_rows(self) -> None:
        """Take what late entries are found by, their files, and the processing log of them."""
        if not (self._late and self._manifest.is_final):
            return
        late = name_entries(each.columns for each in self._late)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                _FORGET_SPANS, [span_of(each.columns.id) for each in self._late]
            )
            await connection.execute(_FORGET_WAITING, sorted(late.messages))
            for table in (each for each in TABLES if each.name in LATE_TABLES):
                for batch in batches(self._package.sealed_lines(f"{ROWS}/{table.name}"), AT_ONCE):
                    rows = rows_of(table.name, [json_row(line) for line in batch], late)
                    await self._insert(connection, table, rows)
            tenant = self._manifest.tenant
            await connection.execute(_WORDS_PLACE, tenant, timeout=STATEMENT_SECONDS)

    async def _load_leaves(self) -> None:
        """Keep the hashes of the whole log of before. The last row grows."""
        place = self._manifest.tenant, self._manifest.origin
        first = await self._pool.fetchval(_LAST_LEAVES, *place) or 0
        for leaves in read_leaves(self._package, first):
            await self._pool.execute(_ADD_LEAVES, *place, first, leaves)
            first += LEAVES_AT_ONCE

    async def _load_chunk(self, chunk: Chunk) -> None:
        """Append the entries of a chunk that the log does not have."""
        for batch in batches(read_entries(self._package, self._manifest, chunk), AT_ONCE):
            async with self._pool.acquire() as connection, connection.transaction():
                await self._append(connection, batch)
        if self._has_started:
            return  # it is read again until its rows beside the log are here too
        place = self._manifest.tenant, self._manifest.origin
        await self._pool.execute(_LOADED, *place, chunk.end)

    async def _append(self, connection: Connection, packed: Sequence[PackedEntry]) -> None:
        shared = await self._keys.on(connection).ensure_conversation_keys([NOWHERE])
        head = await connection.fetchrow(_HEAD)
        assert head is not None  # the table was created with this row
        tree = load_tree(head["size"], head["peaks"])
        ids = [each.columns.id for each in packed]
        known = {row["id"] for row in await connection.fetch(_KNOWN_IDS, ids)}
        new = [each for each in packed if each.columns.id not in known]
        if self._has_started:
            gone = await _destroyed(connection, packed)
            new = [each for each in new if each.columns.conversation not in gone]
            self._late += [each for each in packed if each.columns.conversation not in gone]
        taken = [self._take(each, shared[NOWHERE]) for each in new]
        await append_entries(connection, tree, [entry for entry, _ in taken])
        place = self._manifest.tenant, self._manifest.origin
        await connection.executemany(_FORMER, [(*place, *former) for _, former in taken])
        self.result.entries += len(new)
        self.result.known += len(known)

    def _take(self, packed: PackedEntry, shared_key: bytes) -> tuple[Entry, FormerEntry]:
        if not is_sealed_anew(packed):
            return take_entry(packed)
        try:
            return reseal_entry(packed, self._transport, shared_key, os.urandom(SALT_BYTES))
        except CannotDecrypt as error:
            raise PackageRefused(f"the entry at {packed.position}: {error}") from None

    async def _load_uploads(self) -> None:
        """Put the files of CRMs into the object store, sealed under the key that they have here."""
        table = f"{ROWS}/gateway.media"
        for line in self._package.sealed_lines(table):
            row = msgspec.json.decode(line)["row"]
            id, object = UUID(row["id"]), UUID(row["object"])
            name = f"{UPLOADS}/{object}"
            if name not in self._manifest.files or await self._store.exists(upload_key(object)):
                continue
            path = self._package.folder / name
            plain = open_stream(self._transport.stream_key(name), read_pieces(path))
            sealed = SealingStream(RING.stream_key(file_salt(id, object)), plain)
            await self._store.put(upload_key(object), sealed.pieces())
            self.result.files += 1

    async def _load_hash_key(self) -> None:
        """Let the router recognise what it knew there. Every router takes its partitions anew, in a
        transaction that is over at once, since none of them commits meanwhile."""
        tenant = self._manifest.tenant
        [line] = self._package.sealed_lines(HASH_KEY)
        key = msgspec.json.decode(line, type=bytes)
        stored = await self._pool.fetchval(_BROUGHT, tenant)
        if stored is None or open_brought_key(RING, tenant, stored) != key:
            await self._pool.execute(_BRING, tenant, seal_brought_key(RING, tenant, key))

    async def _finish(self) -> None:
        """Load everything else in one transaction. Until it is over, nothing of it is here.

        Tables without guards come first: to take the guards off a table locks it, and others work
        meanwhile.
        """
        manifest = self._manifest
        guarded = [table for table in TABLES if table.is_guarded]
        async with self._pool.acquire() as connection, connection.transaction():
            for table in TABLES:
                await self._refuse_taken_numbers(connection, table)
            await self._load_tables(connection, [table for table in TABLES if table not in guarded])
            await connection.execute(_WORDS_PLACE, manifest.tenant, timeout=STATEMENT_SECONDS)
            for table in guarded:
                await connection.execute(f"alter table {table.name} disable trigger user")
            await self._load_tables(connection, guarded)
            place = manifest.tenant, manifest.origin
            await connection.execute(_DOCUMENT_PLACE, *place, timeout=STATEMENT_SECONDS)
            for table in guarded:
                await connection.execute(f"alter table {table.name} enable trigger user")
            await self._erase(connection)
            await self._load_former_leaves(connection)
            for table in TABLES:
                await self._advance_numbers(connection, table)
            await connection.execute(_END, manifest.tenant, manifest.origin)

    async def _load_tables(self, connection: Connection, tables: Sequence[Table]) -> None:
        for table in reversed(tables):
            await self._clear(connection, table)
        for table in tables:
            await self._load_table(connection, table)

    async def _refuse_taken_numbers(self, connection: Connection, table: Table) -> None:
        """Refuse a name such as AVG-2026-0001 that another municipality has here."""
        if table.name not in NUMBERED:
            return
        names = [
            json_row(line)["id"] for line in self._package.sealed_lines(f"{ROWS}/{table.name}")
        ]
        sql = f"select id from {table.name} where id = any($1) and tenant <> $2 order by id limit 5"
        if taken := await connection.fetch(sql, names, self._manifest.tenant):
            raise PackageRefused(TAKEN.format(names=", ".join(row["id"] for row in taken)))

    async def _clear(self, connection: Connection, table: Table) -> None:
        """Delete what an earlier run loaded into a table."""
        if table.name in KEPT:
            return
        place = self._manifest
        values = place.tenant, list(place.numbers), list(place.own_destinations)
        sql = f"delete from {table.name} t where {table.where} and {ALL_GIVEN}"
        await connection.execute(sql, *values, timeout=STATEMENT_SECONDS)

    async def _load_table(self, connection: Connection, table: Table) -> None:
        name = f"{ROWS}/{table.name}"
        for batch in batches(self._package.sealed_lines(name), AT_ONCE):
            lines = [msgspec.json.decode(line) for line in batch]
            lines = [line for line in lines if is_taken(table, line["row"], self._manifest)]
            rows = [line["row"] for line in lines]
            for row in rows:
                row |= dict(table.instead)
            if any(line["open"] for line in lines):
                await self._seal(connection, table, lines)
            await self._insert(connection, table, rows)

    async def _insert(
        self, connection: Connection, table: Table, rows: Sequence[dict[str, Any]]
    ) -> None:
        if not rows:
            return
        known = {row["name"] for row in await connection.fetch(_COLUMNS, table.name)}
        listed = ", ".join(f'"{each}"' for each in rows[0] if each in known)
        sql = f"""
        insert into {table.name} ({listed})
        select {listed} from jsonb_populate_recordset(null::{table.name}, $1::jsonb)
        on conflict do nothing
        """
        await connection.execute(sql, msgspec.json.encode(rows).decode())
        self.result.rows += len(rows)

    async def _seal(
        self, connection: Connection, table: Table, lines: Sequence[dict[str, Any]]
    ) -> None:
        """Seal the columns of these rows for here. They are bound to others as the database has
        them, so that it reads the rows first."""
        rows = msgspec.json.encode([line["row"] for line in lines]).decode()
        sql = f"""
        select * from jsonb_populate_recordset(null::{table.name}, $1::jsonb)
            with ordinality as t order by ordinality
        """
        typed = await connection.fetch(sql, rows)
        for line, row in zip(lines, typed, strict=True):
            changed = seal_row(table.name, dict(row), line["open"])
            line["row"] |= {name: to_json(name, value) for name, value in changed.items()}

    async def _erase(self, connection: Connection) -> None:
        """Destroy here what was destroyed there since it was loaded."""
        tenant = self._manifest.tenant
        for batch in batches(self._package.sealed_lines(ERASED), AT_ONCE):
            ids = [msgspec.json.decode(line, type=UUID) for line in batch]
            await connection.execute(_ERASE, ids, tenant)
        await connection.execute(_ERASE_KEYS, tenant, timeout=STATEMENT_SECONDS)
        await connection.execute(_ERASE_DOSSIERS, tenant, timeout=STATEMENT_SECONDS)

    async def _load_former_leaves(self, connection: Connection) -> None:
        for line in self._package.sealed_lines(FORMER_LEAVES):
            row = msgspec.json.decode(line, type=PackedLeaves)
            await connection.execute(
                _ADD_LEAVES, self._manifest.tenant, row.origin, row.first, row.leaves
            )

    async def _advance_numbers(self, connection: Connection, table: Table) -> None:
        """Give none of the numbers again that came along."""
        if sequence := NUMBERED.get(table.name):
            await connection.execute(
                f"""select setval('{sequence}', greatest((select last_value from {sequence}),
                    (select max(split_part(id, '-', 3)::bigint) from {table.name})))
                where exists (select from {table.name})"""
            )


async def _destroyed(connection: Connection, packed: Sequence[PackedEntry]) -> set[str]:
    """Return those of the conversations of these entries that were destroyed here: whatever comes
    late for one goes with it."""
    conversations = [each.columns.conversation for each in packed]
    return {row["conversation"] for row in await connection.fetch(_DESTROYED, conversations)}


def to_json(name: str, value: Any) -> Any:
    """Return a sealed column as PostgreSQL reads it from JSON."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, list):
        return [to_json(name, each) for each in value]
    return msgspec.json.decode(value) if name in JSON_COLUMNS else value


_LOCK = "lock table archiver.conversation_key in share row exclusive mode"
_KNOWN = "select loaded, ended_at, size from archiver.former_log where (tenant, origin) = ($1, $2)"
_OWN = """
select exists (select from archiver.conversation_key where tenant = $1)
    or exists (select from archiver.destroyed_conversation where tenant = $1)
"""
_STARTED = """
select count(*) <> cardinality($1::text[]) from sharing.stopped_number where number = any($1)
"""
_STOP = """
insert into sharing.stopped_number (number, tenant, by)
select number, $2, 'comes from ' || $3 from unnest($1::text[]) n (number)
on conflict (number) do nothing
"""
_LOG = """
insert into archiver.former_log as l (tenant, origin, verifier, size, note)
values ($1, $2, $3, $4, $5)
on conflict (tenant, origin) do update
    set size = excluded.size, note = excluded.note, verifier = excluded.verifier,
        ended_at = case when $6 then l.ended_at end
"""
_NEW_KEYS = "delete from archiver.municipality_key where tenant = $1"
# The archiver forgets the keys of municipalities that it knows, and seals anew what it has in hand.
_COUNT_DESTRUCTION = "update archiver.head set destructions = destructions + 1"
_FORMER_HASHES = """
delete from archiver.municipality_key
where tenant = $1 and purpose = 'hash' and version <> all($2::int[])
"""
_MUNICIPALITY_KEY = """
insert into archiver.municipality_key (tenant, purpose, version, master, wrapped)
values ($1, $2, $3, $4, $5)
on conflict (tenant, purpose, version) do update
    set master = excluded.master, wrapped = excluded.wrapped
"""
_CONVERSATION_KEY = """
insert into archiver.conversation_key (tenant, conversation, version, wrapped, made_at)
values ($1, $2, $3, $4, $5)
on conflict (tenant, conversation) do update
    set version = excluded.version, wrapped = excluded.wrapped
"""
_LATE_KEY = """
insert into archiver.conversation_key (tenant, conversation, version, wrapped, made_at)
select $1, $2, $3, $4, $5 where not exists (select from archiver.destroyed_conversation d
    where (d.tenant, d.conversation) = ($1, $2))
on conflict (tenant, conversation) do nothing
"""
_DESTROYED = """
select conversation from archiver.destroyed_conversation
where conversation = any($1::text[]) and conversation <> ''
"""
# The processing log has no key by which a row is there once.
_FORGET_SPANS = "delete from archiver.processing where span_id = any($1::bytea[])"
# A file that came there late is not fetched here once more.
_FORGET_WAITING = """
delete from archiver.media where id = any($1::text[]::uuid[]) and state = 'waiting'
"""
_LAST_LEAVES = """
select max(first) from archiver.former_leaves where (tenant, origin) = ($1, $2)
"""
_ADD_LEAVES = """
insert into archiver.former_leaves (tenant, origin, first, leaves) values ($1, $2, $3, $4)
on conflict (tenant, origin, first) do update set leaves = excluded.leaves
"""
_LOADED = """
update archiver.former_log set loaded = greatest(loaded, $3) where (tenant, origin) = ($1, $2)
"""
_HEAD = "select size, peaks from archiver.head for update"
_KNOWN_IDS = "select id from archiver.entry where id = any($1::uuid[])"
_FORMER = """
insert into archiver.former_entry
    (tenant, origin, entry, position, written_at, leaf, sealed, key)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing
"""
_COLUMNS = """
select attname as name from pg_attribute
where attrelid = $1::regclass and attnum > 0 and not attisdropped
"""
# Positions in the log of before become those of the same entries here.
_WORDS_PLACE = """
update archiver.searchable s set position = e.position from archiver.entry e
where s.tenant = $1 and e.id = s.id
"""
_DOCUMENT_PLACE = """
update archiver.disclosure_document d set up_to = coalesce((
    select max(e.position) from archiver.entry e join archiver.former_entry f on f.entry = e.id
    where e.conversation = d.conversation and e.conversation <> '' and e.tenant = $1
        and f.origin = $2 and f.position <= d.up_to), 0)
where d.tenant = $1
"""
_ERASE = """
update archiver.entry e set salt = null where id = any($1::uuid[]) and salt is not null
    and exists (select from archiver.former_entry f where f.entry = e.id and f.tenant = $2)
"""
_ERASE_KEYS = """
delete from archiver.conversation_key k using archiver.destroyed_conversation d
where k.tenant = $1 and (d.tenant, d.conversation) = (k.tenant, k.conversation)
"""
_ERASE_DOSSIERS = """
delete from archiver.dossier k using archiver.destroyed_conversation d
where k.tenant = $1 and (d.tenant, d.conversation) = (k.tenant, k.conversation)
"""
_BROUGHT = "select sealed from router.brought_key where tenant = $1"
_BRING = """
insert into router.brought_key (tenant, sealed) values ($1, $2)
on conflict (tenant) do update set sealed = excluded.sealed
"""
_END = "update archiver.former_log set ended_at = now() where (tenant, origin) = ($1, $2)"
