"""Verify that stored files exist and are unchanged. No key is needed, since a file is named by the
hash of its ciphertext. With the master key the files are also checked against the record."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from archiver.encryption.decrypt_rows import COLUMNS, JOIN_KEYS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import Pool

ROWS = 500
"""Rows in memory, some 300 bytes each; and names of objects."""
AT_ONCE = 4
"""Files read at a time, each with a few pieces of `objects.READ_BYTES` in memory."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's."""
Progress: TypeAlias = Callable[[int, int], None]
"""Callback with the number of files checked and their total."""
What = Literal["missing", "damaged", "unnamed", "another"]
SENTENCES: dict[What, str] = {
    "missing": "there is nothing of this name in the object store",
    "damaged": "what lies there is not what was kept",
    "unnamed": "no message has this file",
    "another": "the record says that this file came with the message, and its table does not",
}


class _MediaObject(msgspec.Struct, frozen=True):
    """Name of the file in a media record."""

    object: str


class FileFinding(msgspec.Struct, frozen=True, rename="camel"):
    """Fault of a file in one sentence, with its name in the store and the message it came with."""

    what: What
    sentence: str
    object: str
    message: UUID | None = None


async def verify_files(
    pool: Pool, store: ObjectStore, progress: Progress, keys: KeyStore | None = None
) -> AsyncIterator[FileFinding]:
    """Yield what is wrong: files in order of their messages, then files without a message, then
    files that the record contradicts. Memory use is constant. Raises StoreUnavailable."""
    count, done = await pool.fetchval(_COUNT), 0
    after = UUID(int=0)
    while rows := await pool.fetch(_ROWS, after, ROWS):
        for start in range(0, len(rows), AT_ONCE):
            chunk = rows[start : start + AT_ONCE]
            for finding in await _check_files(pool, store, chunk):
                yield finding
            done += len(chunk)
            progress(done, count)
        after = rows[-1]["id"]
    async for finding in _find_orphans(pool, store):
        yield finding
    if keys:
        async for finding in _find_contradictions(pool, keys):
            yield finding


async def _check_files(pool: Pool, store: ObjectStore, rows: Sequence[Row]) -> list[FileFinding]:
    """Check files concurrently. An error is raised only when all have ended, so none is left
    running."""
    checks = (_check_file(pool, store, row) for row in rows)
    results = await asyncio.gather(*checks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [finding for finding in results if isinstance(finding, FileFinding)]


async def _check_file(pool: Pool, store: ObjectStore, row: Row) -> FileFinding | None:
    name = row["ciphertext_sha256"]
    key = object_store.sealed_key(name)
    try:
        actual = await _hash(store, key)
    except ObjectNotFound:
        actual = ""
    if actual == name:
        return None
    if not await pool.fetchval(_EXISTS, row["id"], row["object"]):
        return None  # deleted since its row was read
    return _finding("damaged" if actual else "missing", key, row["id"])


async def _hash(store: ObjectStore, key: str) -> str:
    hash = sha256()
    async for piece in await store.read(key):
        hash.update(piece)
    return hash.hexdigest()


async def _find_orphans(pool: Pool, store: ObjectStore) -> AsyncIterator[FileFinding]:
    """Yield files without a row. A row exists before its file is stored and until it is deleted."""
    keys: list[str] = []
    async for key in store.keys(object_store.SEALED):
        keys.append(key)
        if len(keys) == ROWS:
            for orphan in await _keys_without_row(pool, store, keys):
                yield _finding("unnamed", orphan)
            keys.clear()
    for orphan in await _keys_without_row(pool, store, keys):
        yield _finding("unnamed", orphan)


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


async def _find_contradictions(pool: Pool, keys: KeyStore) -> AsyncIterator[FileFinding]:
    """Yield files whose last media record names another object than their row."""
    after = UUID(int=0)
    while rows := await pool.fetch(_LAST_RECORDED, after, ROWS):
        for row in decrypt_rows(rows, keys):
            name = msgspec.json.decode(row["data"], type=_MediaObject).object
            if name and name != row["ciphertext_sha256"]:
                yield _finding("another", object_store.sealed_key(name), row["message"])
        after = rows[-1]["message"]


def _finding(kind: What, key: str, message: UUID | None = None) -> FileFinding:
    return FileFinding(kind, SENTENCES[kind], key, message)


_STORED = "state in ('fetched', 'available', 'quarantined') and object is not null"
_COUNT = f"select count(*) from archiver.media where {_STORED}"

_ROWS = f"""
select id, object, ciphertext_sha256 from archiver.media where id > $1 and {_STORED}
order by id limit $2
"""

_EXISTS = f"select true from archiver.media where id = $1 and object = $2 and {_STORED}"

# The last media record of each message. Every media record has a message, so pages go by its id.
_LAST_RECORDED = f"""
select r.*, m.ciphertext_sha256 from (
    select distinct on (e.message) {COLUMNS} from archiver.entry e {JOIN_KEYS}
    where e.kind = 'media' and e.message > $1 order by e.message, e.position desc limit $2
) as r left join archiver.media m on m.id = r.message order by r.message
"""

_NAMED = """
select ciphertext_sha256 from archiver.media where ciphertext_sha256 = any($1::text[])
"""
