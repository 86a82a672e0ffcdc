"""Verify that stored files exist and are unchanged. No key is needed, since a file is named by the
hash of its ciphertext. With the master key the first bytes of each are opened as well, and the rows
are compared with the record."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256
from typing import Any, TypeAlias
from uuid import UUID

from archiver.audit.file_faults import FileFinding, What, file_finding
from archiver.audit.file_rows import verify_file_rows
from archiver.encryption.key_store import KeyStore
from archiver.media import row_encryption
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import Pool
from services.sealing.stream_sealing import CHUNK_BYTES, TAG_BYTES, open_stream
from services.sealing.wrapping import CannotDecrypt

ROWS = 500
"""Rows in memory, some 300 bytes each; and names of objects."""
AT_ONCE = 4
"""Files read at a time, each with a few pieces of `objects.READ_BYTES` in memory."""
HEAD_BYTES = CHUNK_BYTES + TAG_BYTES + 1
"""First bytes of a file that are opened: a chunk, and a byte that shows if another follows."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's."""
Progress: TypeAlias = Callable[[int, int], None]
"""Callback with the number of files checked and their total."""


async def verify_files(
    pool: Pool, store: ObjectStore, progress: Progress, keys: KeyStore | None = None
) -> AsyncIterator[FileFinding]:
    """Yield what is wrong: files in order of their messages, then files without a message, then
    rows that the record contradicts. Memory use is constant. Raises StoreUnavailable."""
    count, done = await pool.fetchval(_COUNT), 0
    after = UUID(int=0)
    while rows := await pool.fetch(_ROWS, after, ROWS):
        for start in range(0, len(rows), AT_ONCE):
            chunk = rows[start : start + AT_ONCE]
            for finding in await _check_files(pool, store, chunk, keys):
                yield finding
            done += len(chunk)
            progress(done, count)
        after = rows[-1]["about"]
    async for finding in _find_orphans(pool, store):
        yield finding
    if keys:
        async for finding in verify_file_rows(pool, keys):
            yield finding


async def _check_files(
    pool: Pool, store: ObjectStore, rows: Sequence[Row], keys: KeyStore | None
) -> list[FileFinding]:
    """Check files concurrently. An error is raised only when all have ended, so none is left
    running."""
    places = {row_encryption.key_place(row) for row in rows}
    opened = await keys.existing_conversation_keys(places) if keys else {}
    checks = (
        _check_file(pool, store, row, opened.get(row_encryption.key_place(row))) for row in rows
    )
    results = await asyncio.gather(*checks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [finding for finding in results if isinstance(finding, FileFinding)]


async def _check_file(
    pool: Pool, store: ObjectStore, row: Row, conversation_key: bytes | None
) -> FileFinding | None:
    name = row["ciphertext_sha256"]
    key = object_store.sealed_key(name)
    try:
        actual, head = await _hash(store, key)
    except (ObjectNotFound, ValueError):  # ValueError: no name that the store could have given
        actual, head = "", b""
    if actual == name and await _opens(row, conversation_key, head):
        return None
    if not await pool.fetchval(_EXISTS, row["about"], row["object"], row["file_salt"]):
        return None  # deleted or erased since its row was read
    fault: What = "unreadable" if actual == name else "damaged" if actual else "missing"
    return file_finding(fault, key, row["about"])


async def _hash(store: ObjectStore, key: str) -> tuple[str, bytes]:
    """Return the hash of an object, and its first bytes."""
    hash, head = sha256(), bytearray()
    async for piece in await store.read(key):
        hash.update(piece)
        if len(head) < HEAD_BYTES:
            head += piece[: HEAD_BYTES - len(head)]
    return hash.hexdigest(), bytes(head)


async def _opens(row: Row, conversation_key: bytes | None, head: bytes) -> bool:
    """Return if the first chunk opens; true without a key. The record tells erased files from those
    whose salt is gone."""
    stream_key = row_encryption.derive_stream_key(row, conversation_key)
    if stream_key is None:
        return True
    try:
        await anext(open_stream(stream_key, _stream(head)))
    except CannotDecrypt:
        return False
    return True


async def _stream(head: bytes) -> AsyncIterator[bytes]:
    yield head


async def _find_orphans(pool: Pool, store: ObjectStore) -> AsyncIterator[FileFinding]:
    """Yield files without a row. A row exists before its file is stored and until it is deleted."""
    keys: list[str] = []
    async for key in store.keys(object_store.SEALED):
        keys.append(key)
        if len(keys) == ROWS:
            for orphan in await _keys_without_row(pool, store, keys):
                yield file_finding("unnamed", orphan)
            keys.clear()
    for orphan in await _keys_without_row(pool, store, keys):
        yield file_finding("unnamed", orphan)


async def _keys_without_row(pool: Pool, store: ObjectStore, keys: Sequence[str]) -> list[str]:
    names = [key.rpartition("/")[2] for key in keys]
    rows = await pool.fetch(_NAMED, names)
    named = {object_store.sealed_key(row["ciphertext_sha256"]) for row in rows}
    return [key for key in keys if key not in named and await _exists(store, key)]


async def _exists(store: ObjectStore, key: str) -> bool:
    try:
        await store.read(key)
    except ObjectNotFound:
        return False
    except ValueError:  # not a name that the store could have given
        return True
    return True


_STORED = "state in ('fetched', 'available', 'quarantined')"
"""By the state alone: a name that was removed is a file that is not looked at. One whose message
was destroyed is `lost`."""
_COUNT = f"select count(*) from archiver.media where {_STORED}"

_ROWS = f"""
select id as about, object, ciphertext_sha256, tenant, conversation, file_salt
from archiver.media where id > $1 and {_STORED} order by id limit $2
"""

_EXISTS = f"""
select true from archiver.media
where id = $1 and object is not distinct from $2 and file_salt is not distinct from $3
    and {_STORED}
"""

_NAMED = """
select ciphertext_sha256 from archiver.media where ciphertext_sha256 = any($1::text[])
"""
