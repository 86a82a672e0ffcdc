"""Write the package of a municipality, while the services run: what the log has since the last run,
and once the municipality is stopped, all the rest."""

from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from archiver.encryption.key_store import NOWHERE, KeyStore, municipality_key_name
from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.signing.signer import NoteSigner
from cli.tenant.package import (
    ENTRIES,
    ERASED,
    FORMER_LEAVES,
    HASH_KEY,
    KEYS,
    LEAVES,
    OBJECTS,
    ROWS,
    UPLOADS,
    Chunk,
    Manifest,
    Package,
    PackageRefused,
    line_name,
)
from cli.tenant.packed_entry import pack_entry
from cli.tenant.resealing import open_row
from cli.tenant.rows import ALL_GIVEN, STATEMENT_SECONDS, TABLES, Table
from services import clock
from services.files.object_store import ObjectNotFound, ObjectStore, sealed_key, upload_key
from services.postgres.database import Connection, Pool
from services.postgres.shut_rows import SHUT
from services.sealing.brought_keys import open_brought_key
from services.sealing.columns import file_salt
from services.sealing.hash_keys import municipality_hash_key
from services.sealing.key_ring import RING
from services.sealing.stream_sealing import SealingStream, open_stream
from services.sealing.wrapping import CannotDecrypt, unwrap
from services.transparency.merkle import HASH_BYTES

WINDOW = 8192
"""Entries of the log that are looked at together: some 10 MB if all are of the municipality."""
AT_ONCE = 500
"""Rows in memory, of some 2 KB each."""
ALTERED = "{table}: a row does not open, see `postkamer archive verify` and the log of the services"
ANOTHER = "{folder}: has the package of another municipality or log"
LOST = "{folder}: the log is shorter than the package: was the database restored?"
RENEWED = "words and persons are being hashed anew after a destruction: try again when that is done"


class Place(msgspec.Struct, frozen=True):
    """The municipality that leaves, with what is its own in the configuration."""

    tenant: str
    numbers: tuple[str, ...]
    departments: tuple[str, ...]
    destinations: tuple[str, ...]
    own_destinations: tuple[str, ...] = ()
    """Those of which no other municipality has a department."""
    hands_over: bool = False
    """True if transcripts of closed conversations are handed over by themselves."""


class Packer:
    """Packer of a municipality. `router_key` is that of the router of this installation."""

    def __init__(
        self,
        pool: Pool,
        keys: KeyStore,
        store: ObjectStore,
        package: Package,
        place: Place,
        router_key: bytes,
    ) -> None:
        self._pool, self._keys, self._store = pool, keys, store
        self._package, self._place, self._router_key = package, place, router_key
        self._manifest: Manifest

    async def run(
        self, signer: NoteSigner, *, is_final: bool, progress: Callable[[int, int], None]
    ) -> Manifest:
        """Add to the package what it lacks, and return its manifest. Raises PackageRefused."""
        self._package.make()
        self._manifest = self._begin(signer)
        checkpoint = await sign_checkpoint(self._pool, signer, self._store)
        if self._manifest.size > checkpoint.size:
            raise PackageRefused(LOST.format(folder=self._package.folder))
        first = self._manifest.size
        while self._manifest.size < checkpoint.size:
            await self._add_window(min(self._manifest.size + WINDOW, checkpoint.size))
            progress(self._manifest.size - first, checkpoint.size - first)
        self._manifest.note = await self._pool.fetchval(_NOTE, checkpoint.size)
        await self._add_objects()
        await self._write_keys()
        if is_final:
            await self._finish()
            await self._add_objects()  # a file may have come before the rows were read
        self._manifest.is_final = is_final
        self._package.write_manifest(self._manifest)
        return self._manifest

    def _begin(self, signer: NoteSigner) -> Manifest:
        """Return the manifest of the package, or a new one. What it does not name is written
        anew."""
        place, found = self._place, self._package.read_manifest()
        if found and (found.tenant, found.origin) != (place.tenant, signer.origin):
            raise PackageRefused(ANOTHER.format(folder=self._package.folder))
        manifest = found or Manifest(
            tenant=place.tenant,
            origin=signer.origin,
            verifier=signer.verifier,
            numbers=(),
            departments=(),
            destinations=(),
            made_at=clock.now(),
        )
        manifest.numbers, manifest.departments = place.numbers, place.departments
        manifest.destinations, manifest.made_at = place.destinations, clock.now()
        manifest.own_destinations = place.own_destinations
        return manifest

    async def _add_window(self, end: int) -> None:
        """Add the next entries of the log, up to `end`."""
        first = self._manifest.size
        name = f"{ENTRIES}/{first:012}.jsonl"
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            leaves = await connection.fetchval(_LEAVES, first, end) or b""
            if len(leaves) != (end - first) * HASH_BYTES:
                raise PackageRefused(f"the log lacks entries between {first} and {end}")
            shared = (await self._keys.existing_conversation_keys([NOWHERE])).get(NOWHERE)
            lines = 0
            with self._package.writing(name) as file:
                async for row in _rows(connection, _ENTRIES, first, end, self._place.tenant):
                    packed = pack_entry(row, shared, self._package.key)
                    file.write(msgspec.json.encode(packed) + b"\n")
                    lines += 1
        _write_at(self._package.folder / LEAVES, first * HASH_BYTES, leaves)
        if lines:
            mark = self._package.mark(name, lines)
            self._manifest.chunks.append(Chunk(name, first, end, mark))
        else:
            (self._package.folder / name).unlink()
        self._manifest.size, self._manifest.is_final = end, False
        self._package.write_manifest(self._manifest)

    async def _add_objects(self) -> None:
        """Copy the files of citizens that are not there yet, as they stand in the object store."""
        missing = total = 0
        async with self._pool.acquire() as connection, connection.transaction():
            async for row in _rows(connection, _FILES, self._place.tenant):
                total += 1
                name = f"{OBJECTS}/{row['ciphertext_sha256']}"
                if not (self._package.folder / name).exists():
                    missing += not await self._copy(sealed_key(row["ciphertext_sha256"]), name)
        self._manifest.objects, self._manifest.missing = total - missing, missing

    async def _copy(self, key: str, name: str) -> bool:
        try:
            pieces = await self._store.read(key)
        except ObjectNotFound:
            return False
        content = sha256()
        with self._package.writing(name) as file:
            async for piece in pieces:
                file.write(piece)
                content.update(piece)
        if content.hexdigest() != key.rpartition("/")[2]:
            (self._package.folder / name).unlink()  # `archive verify --media` names it
            return False
        return True

    async def _write_keys(self) -> None:
        # Where it comes nothing may make this key first: its own steps are recorded under it.
        await self._keys.ensure_conversation_keys([(self._place.tenant, "")])
        async with self._pool.acquire() as connection, connection.transaction():
            await self._write_lines(KEYS, self._packed_keys(connection))

    async def _packed_keys(self, connection: Connection) -> AsyncIterator[dict[str, Any]]:
        """Yield the keys of the municipality, and after them those of its conversations, which stay
        wrapped under them."""
        tenant = self._place.tenant
        for row in await connection.fetch(_KEYS, tenant):
            yield self._open_key(row)
        async for row in _rows(connection, _CONVERSATION_KEYS, tenant):
            yield dict(row)

    async def _write_lines(self, name: str, lines: AsyncIterator[Any]) -> None:
        """Write a file of sealed lines, and name it in the manifest."""
        count = 0
        with self._package.writing(name) as file:
            async for line in lines:
                file.write(self._package.key.seal_line(line, line_name(name, count)))
                count += 1
        self._manifest.files[name] = self._package.mark(name, count)

    def _open_key(self, row: Any) -> dict[str, Any]:
        name = municipality_key_name(row["tenant"], row["purpose"], row["version"])
        try:
            key = unwrap(self._keys.master_key(row["master"]), row["wrapped"], name)
        except CannotDecrypt as error:
            raise PackageRefused(f"a key of the municipality: {error}") from None
        return {"purpose": row["purpose"], "version": row["version"], "key": key}

    async def _finish(self) -> None:
        """Write everything else. The municipality is stopped, so that it stays as it is."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if await connection.fetchval(_RENEWAL, self._place.tenant):
                raise PackageRefused(RENEWED)
            await self._write_lines(ERASED, self._erased(connection))
            for table in TABLES:
                await self._write_lines(f"{ROWS}/{table.name}", self._table_rows(connection, table))
            await self._write_lines(FORMER_LEAVES, self._former_leaves(connection))
            await self._write_lines(HASH_KEY, self._hash_key(connection))
        await self._copy_uploads()

    async def _table_rows(self, connection: Connection, table: Table) -> AsyncIterator[Any]:
        """Yield the rows of a table, with what is sealed in them opened."""
        columns = await connection.fetch(_COLUMNS, table.name)
        left = (*table.without, *(row["name"] for row in columns if row["is_given"]))
        sql = f"""
        select to_jsonb(t) - $4::text[] as row, t.* from {table.name} t
        where {table.where} and {ALL_GIVEN}
        order by {table.order}
        """
        place = self._place
        values = place.tenant, list(place.numbers), list(place.own_destinations), list(left)
        async for row in _rows(connection, sql, *values):
            try:
                opened = open_row(table.name, dict(row))
            except SHUT:
                raise PackageRefused(ALTERED.format(table=table.name)) from None
            yield {"row": msgspec.Raw(row["row"].encode()), "open": opened}

    async def _erased(self, connection: Connection) -> AsyncIterator[UUID]:
        """Yield which entries are destroyed: earlier runs may have added them as they were."""
        async for row in _rows(connection, _ERASED, self._place.tenant):
            yield row["id"]

    async def _former_leaves(self, connection: Connection) -> AsyncIterator[dict[str, Any]]:
        """Yield the hashes of the logs that the municipality came from before."""
        async for row in _rows(connection, _FORMER_LEAVES, self._place.tenant):
            yield dict(row)

    async def _hash_key(self, connection: Connection) -> AsyncIterator[bytes]:
        tenant = self._place.tenant
        sealed = await connection.fetchval(_BROUGHT, tenant)
        brought = None if sealed is None else open_brought_key(RING, tenant, sealed)
        yield municipality_hash_key(self._router_key, brought, tenant)

    async def _copy_uploads(self) -> None:
        """Copy the files of CRMs, sealed under the transport key: in the object store they lie
        under a key of the installation."""
        async for row in self._uploads():
            name = f"{UPLOADS}/{row['object']}"
            try:
                sealed = await self._store.read(upload_key(row["object"]))
            except ObjectNotFound:
                self._manifest.missing += 1
                continue
            plain = open_stream(RING.stream_key(file_salt(row["id"], row["object"])), sealed)
            stream = SealingStream(self._package.key.stream_key(name), plain)
            with self._package.writing(name) as file:
                async for piece in stream.pieces():
                    file.write(piece)
            self._manifest.files[name] = self._package.mark(name, 0)

    async def _uploads(self) -> AsyncIterator[Any]:
        async with self._pool.acquire() as connection, connection.transaction():
            async for row in _rows(connection, _UPLOADS, self._place.tenant):
                yield row


async def _rows(connection: Connection, sql: str, *values: Any) -> AsyncIterator[Any]:
    """Yield rows, some at a time, within a transaction."""
    cursor = connection.cursor(sql, *values, prefetch=AT_ONCE, timeout=STATEMENT_SECONDS)
    async for row in cursor:
        yield row


def _write_at(path: Path, offset: int, content: bytes) -> None:
    """Write at a place of a file, and cut off what is behind it."""
    with open(path, "r+b" if path.exists() else "w+b") as file:
        file.seek(offset)
        file.write(content)
        file.truncate()


_NOTE = """
select note || coalesce((
    select string_agg(line, '' order by at, witness) from archiver.cosignature s
    where s.size = c.size), '')
from archiver.checkpoint c where size = $1
"""
_LEAVES = """
select string_agg(leaf, '' order by position) from archiver.entry
where position >= $1 and position < $2
"""
# A body of which all items are of the municipality goes along with them.
_ENTRIES = """
with own as materialized (
    select * from archiver.entry where position >= $1 and position < $2 and tenant = $3
), bodies as (
    select r.id from archiver.entry r
    where r.kind = 'receipt' and r.tenant = '' and r.position < $2 and (
        r.id in (select receipt from own where item is not null)
        or r.position >= $1)
)
select * from (
    select * from own
    union all
    select r.* from archiver.entry r join bodies using (id)
    where exists (select from archiver.entry i
            where i.receipt = r.id and i.item is not null and i.tenant = $3)
        and not exists (select from archiver.entry i
            where i.receipt = r.id and i.item is not null and i.tenant <> $3)
) e order by position
"""
_FILES = """
select ciphertext_sha256 from archiver.media
where tenant = $1 and ciphertext_sha256 <> '' and removed_at is null and file_salt is not null
order by ciphertext_sha256
"""
_KEYS = """
select tenant, purpose, version, wrapped, master from archiver.municipality_key
where tenant = $1 order by purpose, version
"""
_CONVERSATION_KEYS = """
select conversation, version, wrapped, made_at from archiver.conversation_key
where tenant = $1 order by conversation
"""
_RENEWAL = "select exists (select from archiver.renewal where tenant = $1)"
_COLUMNS = """
select attname as name, attidentity <> '' or attgenerated <> '' as is_given
from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped
"""
_ERASED = """
select id from archiver.entry where tenant = $1 and salt is null
    or kind = 'receipt' and salt is null and id in (
        select receipt from archiver.entry where tenant = $1 and receipt is not null)
order by id
"""
_FORMER_LEAVES = """
select origin, first, leaves from archiver.former_leaves where tenant = $1 order by origin, first
"""
_BROUGHT = "select sealed from router.brought_key where tenant = $1"
_UPLOADS = "select id, object from gateway.media where tenant = $1 order by id"
