"""The table of files in PostgreSQL: files to fetch and to scan, and the result of each."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from archiver.encryption.key_store import KeyStore, Row
from archiver.encryption.sealing import SALT_BYTES
from archiver.encryption.stream_sealing import StreamKey
from archiver.media import row_encryption
from archiver.media.fetch_policy import Announced, Fetched, MediaResult
from services.contract import MediaOutcome
from services.ids import uuid7
from services.postgres.database import ANSWER_SECONDS, Pool
from services.tasks import with_timeout

LEASE_SECONDS = 60
"""Lease on a claimed file, renewed three times in this period. After a crash, other processes claim
the file when the lease ends; an orderly shutdown releases it at once."""
RENEW_SECONDS = LEASE_SECONDS / 3


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed file, to be fetched or scanned. `attempts` includes the current one."""

    id: UUID
    number: str
    announced: Announced
    sent_at: datetime
    state: str
    attempts: int
    object: UUID
    """Name in the object store until the file is complete."""
    ciphertext_sha256: str = ""
    """Name in the object store once the file is complete: the hash of its sealed bytes."""
    left: UUID | None = None
    left_sealed: str = ""
    """Names under which an earlier attempt may have left an object."""
    salt: bytes = b""
    """Salt of the content key, for a file to be fetched."""
    lock: StreamKey | None
    """Key of the content; None once the conversation's key is gone."""
    mime_type: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A file as the API serves it."""

    announced: Announced
    object: UUID | None
    ciphertext_sha256: str
    lock: StreamKey | None
    state: str
    reason: str
    mime_type: str
    size: int
    sha256: str
    scanned: bool
    released: bool = False
    """An operator released the file, whatever the scanner found."""


class Waiting(msgspec.Struct, frozen=True):
    """Number of waiting files in a state, and since when the oldest waits."""

    state: str
    count: int
    since: datetime


class MediaStore:
    def __init__(self, pool: Pool, keys: KeyStore) -> None:
        self._pool, self._keys = pool, keys

    async def to_fetch(self, now: datetime, object: UUID, full: Sequence[str]) -> File | None:
        """Claim the file that waits longest, except of numbers in `full`. It is fetched under the
        name `object`, which `start_fetch` stores."""
        row = await self._pool.fetchrow(_TO_FETCH, now, LEASE_SECONDS, full)
        if row is None:
            return None
        salt = os.urandom(SALT_BYTES)  # new for each attempt: one key never seals two contents
        fields = await self._file(dict(row) | {"file_salt": salt})
        return File(**fields, object=object, salt=salt)

    async def start_fetch(self, file: File) -> bool:
        """Store the attempt's object name and salt; False if another process has claimed the file
        meanwhile."""
        return bool(await self._pool.fetchval(_BEGUN, *_held(file), file.salt))

    async def set_object(self, file: File, ciphertext_sha256: str) -> bool:
        """Store the final object name of a complete file; False if another process has claimed it
        meanwhile."""
        return bool(await self._pool.fetchval(_NAMED, *_held(file), ciphertext_sha256))

    async def to_look_at(self, now: datetime, *, again: bool) -> File | None:
        """Claim the fetched file that waits longest; with `again`, else one that became available
        unscanned."""
        row = await self._pool.fetchrow(_TO_LOOK_AT, now, LEASE_SECONDS)
        if row is None and again:
            row = await self._pool.fetchrow(_TO_LOOK_AT_AGAIN, now, LEASE_SECONDS)
        return File(**await self._file(row)) if row else None

    async def names(self, file: File) -> bool:
        """Return True if the row names this attempt's object as the fetched file."""
        return bool(await self._pool.fetchval(_NAMES, file.id, file.object))

    async def renew(self, file: File, now: datetime) -> None:
        """Extend the lease."""
        await self._pool.execute(_RENEW, *_held(file), now, LEASE_SECONDS)

    async def release(self, file: File, now: datetime) -> None:
        """Make the file due at once, so that another process can claim it."""
        await self._pool.execute(_LET_GO, *_held(file), now)

    async def reschedule(self, file: File, until: datetime, reason: str) -> None:
        await self._pool.execute(_PUT_OFF, *_held(file), until, reason)

    async def fetched(self, file: File, got: Fetched, now: datetime) -> None:
        """Store the result of a fetch; the scan is due at once."""
        digest = row_encryption.digest(file.lock, got.sha256) if file.lock else None
        what = (got.mime_type, got.size, digest, got.agrees)
        await self._pool.execute(_FETCHED, *_held(file), *what, now)

    async def finish(self, file: File, end: MediaResult, now: datetime) -> bool:
        """Store the final result, to be published to the partition, also after a belated scan.
        False if another process has claimed the file meanwhile."""
        what = (end.state, end.reason, end.scanned)
        return bool(await self._pool.fetchval(_ENDED, *_held(file), *what, now))

    async def untold(self, limit: int) -> list[MediaOutcome]:
        rows = await self._pool.fetch(_UNTOLD, limit)
        keys = await self._keys.known({row_encryption.place(row) for row in rows}) if rows else {}
        return [_outcome(row, keys.get(row_encryption.place(row))) for row in rows]

    async def mark_published(self, outcomes: Iterable[MediaOutcome]) -> None:
        known = [(one.message, one.at) for one in outcomes]
        ids, ends = zip(*known, strict=True)
        await self._pool.execute(_TOLD, ids, ends)

    async def waiting(self) -> list[Waiting]:
        return [Waiting(**row) for row in await self._pool.fetch(_WAITING)]

    async def kept(self, id: UUID) -> Kept | None:
        row = await with_timeout(ANSWER_SECONDS, self._pool.fetchrow(_KEPT, id))
        return Kept(**await self._file(row)) if row else None

    async def _file(self, row: Row) -> dict[str, Any]:
        """Return the fields of a row with the content key and the announced fields decrypted.
        Without the conversation's key, the announced id is empty and the file cannot be fetched."""
        place = row_encryption.place(row)
        key = (await self._keys.known([place])).get(place)
        fields = {name: value for name, value in row.items() if name not in _OPENS}
        if "digest" in row:
            fields["sha256"] = row_encryption.sha256(row, key)
        opened = {
            "announced": row_encryption.announced(row, key),
            "lock": row_encryption.lock_of(row, key),
        }
        return fields | opened


def _held(file: File) -> tuple[UUID, int, UUID]:
    return file.id, file.attempts, file.object


def _outcome(row: Row, key: bytes | None) -> MediaOutcome:
    """Build the published result. Its id is the same however often it is published; a result after
    a belated scan has another id."""
    message, state, ended_at = row["about"], row["state"], row["ended_at"]
    chance = hashlib.blake2b(f"{message} {state} {ended_at}".encode(), digest_size=10).digest()
    return MediaOutcome(
        id=uuid7(ended_at, chance),
        message=message,
        at=ended_at,
        mime_type=row["mime_type"] or row["announced_type"],
        sha256=row_encryption.sha256(row, key),
        **{name: row[name] for name in _TOLD_AS_IT_IS},
    )


_SEALED = "tenant, conversation, salt, sealed, file_salt, id as about"
_OPENS = {"tenant", "conversation", "salt", "sealed", "file_salt", "about", "digest"}
_TOLD_AS_IT_IS = (
    "tenant", "number", "conversation", "department", "state", "reason", "size", "scanned",
    "object",
)  # fmt: skip

_TAKE = """
update archiver.media set due_at = $1::timestamptz + make_interval(secs => $2),
    attempts = attempts + 1
where id = (
    select id from archiver.media where due_at <= $1 and {0}
    order by due_at limit 1 for update skip locked)
returning id, number, announced, sent_at, state, attempts, {1}, mime_type, {2}
"""
_TO_FETCH = _TAKE.format(
    "state = 'waiting' and number <> all($3::text[])",
    "object as left, ciphertext_sha256 as left_sealed",
    _SEALED,
)
_LIES = "object, ciphertext_sha256"
_TO_LOOK_AT = _TAKE.format("state = 'fetched'", _LIES, _SEALED)
_UNSCANNED = "state = 'available' and not scanned and released_by = ''"
_TO_LOOK_AT_AGAIN = _TAKE.format(_UNSCANNED, _LIES, _SEALED)
"""Each of these queries has an index of its own."""

_BEGUN = """
update archiver.media set object = $3, file_salt = $4, ciphertext_sha256 = ''
where id = $1 and attempts = $2 and state = 'waiting'
returning true
"""

_NAMED = """
update archiver.media set ciphertext_sha256 = $4
where id = $1 and attempts = $2 and object = $3 and state = 'waiting'
returning true
"""

_NAMES = "select true from archiver.media where id = $1 and object = $2 and state <> 'waiting'"

# Each statement names the claim (attempt and object). A statement that runs late, or one of a
# process whose lease has ended, must not touch a file that another process has claimed. Each fetch
# has its own object, each scan its own attempt number.
_RENEW = """
update archiver.media set due_at = $4::timestamptz + make_interval(secs => $5)
where id = $1 and attempts = $2 and object = $3
"""

_LET_GO = """
update archiver.media set due_at = $4 where id = $1 and attempts = $2 and object = $3
"""

_PUT_OFF = """
update archiver.media set due_at = $4, reason = $5
where id = $1 and attempts = $2 and object = $3
"""

_FETCHED = """
update archiver.media set state = 'fetched', mime_type = $4, size = $5, digest = $6, agrees = $7,
    due_at = $8, attempts = 0, reason = ''
where id = $1 and attempts = $2 and object = $3 and state = 'waiting'
"""

_ENDED = f"""
update archiver.media set state = $4, reason = $5, scanned = $6, due_at = $7, ended_at = $7,
    told = false
where id = $1 and attempts = $2 and object = $3 and (state in ('waiting', 'fetched')
    or {_UNSCANNED})
returning true
"""

_UNTOLD = """
select id as about, tenant, number, conversation, department, state, reason, mime_type, size,
    digest, file_salt, scanned, ended_at, announced->>'mimeType' as announced_type,
    case when state = 'lost' then '' else ciphertext_sha256 end as object
from archiver.media where not told order by ended_at limit $1
"""

_TOLD = """
update archiver.media m set told = true
from unnest($1::uuid[], $2::timestamptz[]) as t (id, at) where m.id = t.id and m.ended_at = t.at
"""

_WAITING = """
select state, count(*) as count, min(sent_at) as since from archiver.media
where state in ('waiting', 'fetched') group by state
"""

_KEPT = f"""
select {_SEALED}, announced, {_LIES}, state, reason, mime_type, size, digest, scanned,
    released_by <> '' as released
from archiver.media where id = $1
"""
