"""The table of files in PostgreSQL: files to fetch and to scan, and the result of each."""

import hashlib
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog

from archiver.encryption.file_binding import BOUND, bind, is_bound
from archiver.encryption.key_store import KeyStore, Row
from archiver.encryption.sealing import SALT_BYTES
from archiver.media import row_encryption
from archiver.media.fetch_policy import FURTHEST_AHEAD, AnnouncedFile, FetchedFile, MediaResult
from services import clock, metrics
from services.contract import MediaOutcome
from services.http.rights import Rights
from services.ids import uuid7
from services.postgres.database import ANSWER_SECONDS, Pool
from services.postgres.lease import LEASE_SECONDS
from services.postgres.outbox import Outbox
from services.postgres.times import clamp_time
from services.sealing.stream_sealing import StreamKey
from services.stops.stopped_numbers import not_stopped
from services.tasks import with_timeout

log = structlog.get_logger()


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed file, to be fetched or scanned. `attempts` includes the current one."""

    id: UUID
    number: str
    announced: AnnouncedFile
    sent_at: datetime
    state: str
    attempts: int
    object: UUID
    """Name in the object store until the file is complete."""
    ciphertext_sha256: str = ""
    """Name in the object store once the file is complete: the hash of its sealed bytes."""
    previous_object: UUID | None = None
    previous_sha256: str = ""
    """Names under which an earlier attempt may have left an object."""
    salt: bytes = b""
    """Salt of the content key, for a file to be fetched."""
    stream_key: StreamKey | None
    """Key of the content; None once the conversation's key is gone."""
    mime_type: str


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as the API serves it."""

    announced: AnnouncedFile
    object: UUID | None
    ciphertext_sha256: str
    stream_key: StreamKey | None
    state: str
    reason: str
    mime_type: str
    size: int
    sha256: str
    scanned: bool
    released: bool = False
    """An operator released the file, whatever the scanner found."""

    def may_be_opened(self, *, scanned_only: bool) -> bool:
        """Return True for a file that is there and, with `scanned_only`, that a scanner or an
        operator passed."""
        is_passed = self.scanned or self.released or not scanned_only
        return self.state == "available" and is_passed


class WaitingCount(msgspec.Struct, frozen=True):
    """Number of waiting files in a state, and since when the oldest waits."""

    state: str
    count: int
    since: datetime


class MediaStore:
    def __init__(self, pool: Pool, keys: KeyStore) -> None:
        self.pool, self._keys = pool, keys

    async def claim_to_fetch(self, now: datetime, object: UUID, full: Sequence[str]) -> File | None:
        """Claim the file that waits longest, except of numbers in `full`. It is fetched under the
        name `object`, which `start_fetch` stores."""
        row = await self.pool.fetchrow(_TO_FETCH, now, LEASE_SECONDS, full)
        if row is None:
            return None
        salt = os.urandom(SALT_BYTES)  # new for each attempt: one key never seals two contents
        fields = await self._decrypt_fields(dict(row) | {"file_salt": salt})
        return File(**fields, object=object, salt=salt)

    async def start_fetch(self, file: File) -> bool:
        """Store the attempt's object name and salt; False if another process has claimed the file
        meanwhile."""
        return bool(await self.pool.fetchval(_START_FETCH, *_claim_key(file), file.salt))

    async def set_object(self, file: File, ciphertext_sha256: str) -> bool:
        """Store the final object name of a complete file; False if another process has claimed it
        meanwhile."""
        return bool(await self.pool.fetchval(_SET_OBJECT, *_claim_key(file), ciphertext_sha256))

    async def claim_to_scan(self, now: datetime, *, include_unscanned: bool) -> File | None:
        """Claim the fetched file that waits longest. If there is none and `include_unscanned` is
        set, claim one that became available without a scan."""
        row = await self.pool.fetchrow(_TO_SCAN, now, LEASE_SECONDS)
        if row is None and include_unscanned:
            row = await self.pool.fetchrow(_TO_SCAN_LATER, now, LEASE_SECONDS)
        return File(**await self._decrypt_fields(row)) if row else None

    async def is_current(self, file: File) -> bool:
        """Return True if the row names this attempt's object as the fetched file."""
        return bool(await self.pool.fetchval(_IS_CURRENT, file.id, file.object))

    async def renew(self, file: File) -> None:
        await self.set_due(file, clock.now() + timedelta(seconds=LEASE_SECONDS))

    async def set_due(self, file: File, due_at: datetime, reason: str | None = None) -> None:
        """Renew or release the lease; with a reason, reschedule the file."""
        await self.pool.execute(_SET_DUE, *_claim_key(file), due_at, reason)

    async def record_fetch(self, file: File, fetched: FetchedFile, now: datetime) -> None:
        """Store the result of a fetch; the scan is due at once."""
        key = file.stream_key
        sealed_digest = row_encryption.seal_digest(key, fetched.sha256) if key else None
        fields = (fetched.mime_type, fetched.size, sealed_digest, fetched.agrees)
        await self._write(file, _RECORD_FETCH, *fields, now)

    async def finish(self, file: File, result: MediaResult, now: datetime) -> bool:
        """Store the final result, to be published to the partition, also after a belated scan.
        False if another process has claimed the file meanwhile."""
        fields = (result.state, result.reason, result.scanned)
        return await self._write(file, _FINISH, *fields, now)

    async def _write(self, file: File, statement: str, *fields: object) -> bool:
        """Write a result with the keyed hash of its row; False if another process has claimed the
        file meanwhile. A row that a hand has changed since its last hash keeps that, so that
        `archive verify` names it."""
        async with self.pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(statement, *_claim_key(file), *fields)
            if row is None:
                return False
            place = row_encryption.key_place(row)
            key = (await self._keys.existing_conversation_keys([place])).get(place)
            if key is None:
                return True
            before = dict(row) | {"state": file.state, "scanned": False}
            if is_bound(before, key, must=file.announced.bound):
                await connection.execute(_SET_MAC, file.id, bind(row, key))
            else:
                report_bent_row(file.id)
        return True

    @property
    def outbox(self) -> Outbox[MediaOutcome]:
        """Final results, for the router."""
        return Outbox(
            "media", self._fetch_unpublished, self._mark_published, poll_seconds=0.5, waits=_WAITS
        )

    async def _fetch_unpublished(self, limit: int, suspended: Sequence[str]) -> list[MediaOutcome]:
        rows = await self.pool.fetch(_UNPUBLISHED, limit, suspended)
        places = {row_encryption.key_place(row) for row in rows}
        keys = await self._keys.existing_conversation_keys(places) if rows else {}
        return [_build_outcome(row, keys.get(row_encryption.key_place(row))) for row in rows]

    async def _mark_published(self, outcomes: Sequence[MediaOutcome]) -> None:
        """Mark these as published, unless a file has another result since."""
        ends = [outcome.at for outcome in outcomes]
        await self.pool.execute(_MARK_PUBLISHED, [each.message for each in outcomes], ends)

    async def count_waiting(self) -> list[WaitingCount]:
        return [WaitingCount(**row) for row in await self.pool.fetch(_WAITING)]

    async def find(self, id: UUID) -> StoredFile | None:
        row = await with_timeout(ANSWER_SECONDS, self.pool.fetchrow(_FIND, id))
        return StoredFile(**await self._decrypt_fields(row)) if row else None

    async def is_destroyed(self, id: UUID, rights: Rights) -> bool:
        """Return True for the file of a message that was destroyed, of a part that the token
        reaches."""
        departments = None if rights.departments is None else sorted(rights.departments)
        asked = self.pool.fetchval(_IS_DESTROYED, id, rights.tenant, departments)
        return bool(await with_timeout(ANSWER_SECONDS, asked))

    async def _decrypt_fields(self, row: Row) -> dict[str, Any]:
        """Return the fields of a row with the content key and the announced fields decrypted.
        Without the conversation's key, the announced id is empty and the file cannot be fetched."""
        place = row_encryption.key_place(row)
        key = (await self._keys.existing_conversation_keys([place])).get(place)
        fields = {name: value for name, value in row.items() if name not in _SEALED_COLUMNS}
        if "digest" in row:
            fields["sha256"] = row_encryption.open_digest(row, key)
        decrypted = {
            "announced": row_encryption.decrypt_announced(row, key),
            "stream_key": row_encryption.derive_stream_key(row, key),
        }
        return fields | decrypted


def report_bent_row(message: UUID) -> None:
    """Count and log a row that is not as this archive wrote it."""
    metrics.media_damaged.inc()
    log.error("media.bent", message=message)


def _claim_key(file: File) -> tuple[UUID, int, UUID]:
    return file.id, file.attempts, file.object


def _build_outcome(row: Row, key: bytes | None) -> MediaOutcome:
    """Build the published result. Its id is the same however often it is published; a result after
    a belated scan has another id."""
    message, state, ended_at = row["about"], row["state"], row["ended_at"]
    chance = hashlib.blake2b(f"{message} {state} {ended_at}".encode(), digest_size=10).digest()
    return MediaOutcome(
        id=uuid7(ended_at, chance),
        message=message,
        at=ended_at,
        mime_type=row["mime_type"] or row["announced_type"],
        sha256=row_encryption.open_digest(row, key),
        **{name: row[name] for name in _COPIED_COLUMNS},
    )


_SEALED = "tenant, conversation, salt, sealed, file_salt, id as about"
_SEALED_COLUMNS = {"tenant", "conversation", "salt", "sealed", "file_salt", "about", "digest"}
_COPIED_COLUMNS = (
    "tenant", "number", "conversation", "department", "state", "reason", "size", "scanned",
    "object", "is_outgoing",
)  # fmt: skip

_BOUND = f"tenant, conversation, id as about, state, mac, {', '.join(BOUND)}"
_SET_MAC = "update archiver.media set mac = $2 where id = $1"
_CLAIM = """
update archiver.media set due_at = $1::timestamptz + make_interval(secs => $2),
    attempts = case when attempts between 0 and {4} then attempts else 0 end + 1
where id = coalesce(
    (select id from archiver.media where due_at <= $1 and {0} and {6}
        order by due_at limit 1 for update skip locked),
    (select id from archiver.media
        where due_at > $1::timestamptz + make_interval(secs => {3}) and {0} and {6}
        order by due_at limit 1 for update skip locked))
returning id, number, announced, {5} as sent_at, state, attempts, {1}, mime_type, {2}
"""
_AHEAD = FURTHEST_AHEAD.total_seconds()
_MOST_ATTEMPTS = 1_000_000
"""Attempts beyond which a hand wrote their number: Meta keeps a file for a week, and each attempt
takes a second. They are counted anew, since the largest number of the column has none after it."""
_BOUNDS = _AHEAD, _MOST_ATTEMPTS, clamp_time("sent_at"), not_stopped("number")
_TO_FETCH = _CLAIM.format(
    "state = 'waiting' and number <> all($3::text[])",
    "object as previous_object, ciphertext_sha256 as previous_sha256",
    _SEALED,
    *_BOUNDS,
)
_LOCATION = "object, ciphertext_sha256"
_TO_SCAN = _CLAIM.format("state = 'fetched'", _LOCATION, _SEALED, *_BOUNDS)
_UNSCANNED = "state = 'available' and not scanned and released_by = ''"
_TO_SCAN_LATER = _CLAIM.format(_UNSCANNED, _LOCATION, _SEALED, *_BOUNDS)
"""Each of these queries has an index of its own."""
FETCH_WAITS = "select true from archiver.media where state = 'waiting' order by due_at limit 1"
SCAN_WAITS = "select true from archiver.media where state = 'fetched' order by due_at limit 1"
SCAN_LATER_WAITS = f"select true from archiver.media where {_UNSCANNED} order by due_at limit 1"

_START_FETCH = """
update archiver.media set object = $3, file_salt = $4, ciphertext_sha256 = ''
where id = $1 and attempts = $2 and state = 'waiting'
returning true
"""

_SET_OBJECT = """
update archiver.media set ciphertext_sha256 = $4
where id = $1 and attempts = $2 and object = $3 and state = 'waiting'
returning true
"""

_IS_CURRENT = "select true from archiver.media where id = $1 and object = $2 and state <> 'waiting'"

# Each statement names the claim (attempt and object). A statement that runs late, or one of a
# process whose lease has ended, must not touch a file that another process has claimed. Each fetch
# has its own object, each scan its own attempt number.
_SET_DUE = """
update archiver.media set due_at = $4, reason = coalesce($5, reason)
where id = $1 and attempts = $2 and object = $3
"""

_RECORD_FETCH = f"""
update archiver.media set state = 'fetched', mime_type = $4, size = $5, digest = $6, agrees = $7,
    due_at = $8, attempts = 0, reason = ''
where id = $1 and attempts = $2 and object = $3 and state = 'waiting'
returning {_BOUND}
"""

_FINISH = f"""
update archiver.media set state = $4, reason = $5, scanned = $6, due_at = $7, ended_at = $7,
    told = false
where id = $1 and attempts = $2 and object = $3 and (state in ('waiting', 'fetched')
    or {_UNSCANNED})
returning {_BOUND}
"""

_WAITS = "select true from archiver.media where not told order by ended_at limit 1"
_UNPUBLISHED = f"""
select id as about, tenant, number, conversation, department, state, reason, mime_type, size,
    digest, file_salt, scanned, upload is not null as is_outgoing,
    {clamp_time("ended_at")} as ended_at, announced->>'mimeType' as announced_type,
    case when state = 'lost' then '' else ciphertext_sha256 end as object
from archiver.media where not told and number <> all($2::text[]) and {not_stopped("number")}
order by media.ended_at limit $1
"""

_MARK_PUBLISHED = f"""
update archiver.media m set told = true
from unnest($1::uuid[], $2::timestamptz[]) as t (id, at)
where m.id = t.id and {clamp_time("m.ended_at")} = t.at
"""

_WAITING = f"""
select state, count(*) as count, {clamp_time("min(sent_at)")} as since
from archiver.media
where state in ('waiting', 'fetched') group by state
"""

_IS_DESTROYED = """
select exists (select from archiver.media where id = $1 and tenant = $2 and salt is null
    and ($3::text[] is null or department = any($3)))
"""
_FIND = f"""
select {_SEALED}, announced, {_LOCATION}, state, reason, mime_type, size, digest, scanned,
    released_by <> '' as released
from archiver.media where id = $1
"""
