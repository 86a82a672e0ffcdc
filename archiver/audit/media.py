"""Whether what was kept of files is still there, and is what it was. No key is needed for it: a
file is named by the hash of its ciphertext. With the master key it is held against the record too,
which says of each what it is named."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from archiver.encryption.decrypt_rows import COLUMNS, KEYS, opened
from archiver.encryption.key_store import KeyStore
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import Pool

ROWS = 500
"""In memory at once, some 300 bytes each; and as many names of the store's."""
AT_ONCE = 4
"""Files that are read at once, of which a few pieces are in memory, of `objects.READ_BYTES`."""
Row: TypeAlias = Any
"""By name: asyncpg's."""
Progress: TypeAlias = Callable[[int, int], None]
"""Files looked at, of how many."""
What = Literal["missing", "damaged", "unnamed", "another"]
SENTENCES: dict[What, str] = {
    "missing": "there is nothing of this name in the object store",
    "damaged": "what lies there is not what was kept",
    "unnamed": "no message has this file",
    "another": "the record says that this file came with the message, and its table does not",
}


class _Kept(msgspec.Struct, frozen=True):
    """As much of what the record says of a file."""

    object: str


class Finding(msgspec.Struct, frozen=True, rename="camel"):
    """Something that is wrong, in one sentence; with its name in the store, and the message that
    it came with."""

    what: What
    sentence: str
    object: str
    message: UUID | None = None


async def damaged(
    pool: Pool, store: ObjectStore, progress: Progress, keys: KeyStore | None = None
) -> AsyncIterator[Finding]:
    """What is wrong, in the order of the messages, then what belongs to none, then what the record
    knows otherwise; memory stays flat. Away where the store does not answer."""
    count, done = await pool.fetchval(_COUNT), 0
    after = UUID(int=0)
    while rows := await pool.fetch(_ROWS, after, ROWS):
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            for found in await _some(pool, store, some):
                yield found
            done += len(some)
            progress(done, count)
        after = rows[-1]["id"]
    async for found in _unnamed(pool, store):
        yield found
    if keys:
        async for found in _unlike(pool, keys):
            yield found


async def _some(pool: Pool, store: ObjectStore, rows: Sequence[Row]) -> list[Finding]:
    """At once; none is left running where one cannot be read."""
    looks = (_looked_at(pool, store, row) for row in rows)
    found = await asyncio.gather(*looks, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return [one for one in found if isinstance(one, Finding)]


async def _looked_at(pool: Pool, store: ObjectStore, row: Row) -> Finding | None:
    name = row["ciphertext_sha256"]
    key = object_store.sealed_key(name)
    try:
        there = await _hash(store, key)
    except ObjectNotFound:
        there = ""
    if there == name:
        return None
    if not await pool.fetchval(_STILL, row["id"], row["object"]):
        return None  # it was taken away meanwhile
    return _finding("damaged" if there else "missing", key, row["id"])


async def _hash(store: ObjectStore, key: str) -> str:
    hash = sha256()
    async for piece in await store.read(key):
        hash.update(piece)
    return hash.hexdigest()


async def _unnamed(pool: Pool, store: ObjectStore) -> AsyncIterator[Finding]:
    """A row names a file before it is there, and until it is gone."""
    keys: list[str] = []
    async for key in store.keys(object_store.SEALED):
        keys.append(key)
        if len(keys) == ROWS:
            for one in await _without_a_row(pool, store, keys):
                yield _finding("unnamed", one)
            keys.clear()
    for one in await _without_a_row(pool, store, keys):
        yield _finding("unnamed", one)


async def _without_a_row(pool: Pool, store: ObjectStore, keys: Sequence[str]) -> list[str]:
    names = [key.rpartition("/")[2] for key in keys]
    rows = await pool.fetch(_NAMED, names)
    known = {object_store.sealed_key(row["ciphertext_sha256"]) for row in rows}
    return [key for key in keys if key not in known and await _is_there(store, key)]


async def _is_there(store: ObjectStore, key: str) -> bool:
    try:
        await store.read(key)
    except ObjectNotFound:
        return False
    except ValueError:  # no name of ours
        return True
    return True


async def _unlike(pool: Pool, keys: KeyStore) -> AsyncIterator[Finding]:
    """What the record said last of a file is what its row says."""
    after = UUID(int=0)
    while rows := await pool.fetch(_SAID, after, ROWS):
        for row in opened(rows, keys):
            named = msgspec.json.decode(row["data"], type=_Kept).object
            if named and named != row["ciphertext_sha256"]:
                yield _finding("another", object_store.sealed_key(named), row["message"])
        after = rows[-1]["message"]


def _finding(what: What, key: str, message: UUID | None = None) -> Finding:
    return Finding(what, SENTENCES[what], key, message)


_KEPT = "state in ('fetched', 'available', 'quarantined') and object is not null"
_COUNT = f"select count(*) from archiver.media where {_KEPT}"

_ROWS = f"""
select id, object, ciphertext_sha256 from archiver.media where id > $1 and {_KEPT}
order by id limit $2
"""

_STILL = f"select true from archiver.media where id = $1 and object = $2 and {_KEPT}"

# Of each message the last that was said; by ids of messages, since there are no others here.
_SAID = f"""
select r.*, m.ciphertext_sha256 from (
    select distinct on (e.message) {COLUMNS} from archiver.entry e {KEYS}
    where e.kind = 'media' and e.message > $1 order by e.message, e.position desc limit $2
) as r left join archiver.media m on m.id = r.message order by r.message
"""

_NAMED = """
select ciphertext_sha256 from archiver.media where ciphertext_sha256 = any($1::text[])
"""
