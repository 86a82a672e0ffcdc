"""Uploads in PostgreSQL: files that an account needs before a message can go, and those it has."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import msgspec

from deliverer.meta.ledger_sql import KEPT_FROM_META, QUEUED_BEFORE
from services.postgres.database import Pool
from services.postgres.lease import LEASE_SECONDS
from services.postgres.shut_rows import open_rows, report_shut
from services.sealing.columns import MEDIA, PROVIDER_ID, bind, unseal_upload
from services.sealing.key_ring import RING
from services.stops.stopped_numbers import not_stopped

KEPT_DAYS = 29
"""Days that an upload is used; Meta keeps it for 30."""


class UploadJob(msgspec.Struct, frozen=True):
    """File to upload to an account, claimed for an attempt."""

    media: UUID
    account: str
    attempt: int
    tried: float
    """Seconds after the first attempt."""


class UploadedFile(msgspec.Struct, frozen=True, kw_only=True):
    """File as an employee or CRM uploaded it to us."""

    id: UUID
    object: UUID
    """Its name in the object store."""
    tenant: str
    mime_type: str
    size: int


class MediaUploadStore:
    """`process` is the id of the claiming process; `accounts` maps a number to the account that has
    its files."""

    def __init__(self, pool: Pool, process: UUID, accounts: Mapping[str, str]) -> None:
        self._pool, self._process, self._accounts = pool, process, accounts

    async def claim(self, limit: int, full: Collection[str] = ()) -> list[UploadJob]:
        """Claim files that the oldest message of a citizen waits for, each once, oldest first; none
        for accounts that are `full`."""
        open_accounts = {
            number: name for number, name in self._accounts.items() if name not in full
        }
        accounts = msgspec.json.encode(open_accounts).decode()
        rows = await self._pool.fetch(_CLAIM, accounts, limit, LEASE_SECONDS, self._process)
        return [UploadJob(**dict(row)) for row in rows]

    async def resume_stopped(self, *, is_scanning: bool) -> None:
        """Make uploads of stopped numbers due: the cause may be mended. With a scanner, also
        repeat uploads that were made without one."""
        await self._pool.execute(_RESUME_STOPPED)
        if is_scanning:
            await self._pool.execute(_EXPIRE_UNSCANNED)

    async def renew(self, job: UploadJob) -> None:
        await self._pool.execute(_RENEW, job.media, job.account, job.attempt, LEASE_SECONDS)

    async def release_claims(self) -> None:
        """Release all claims of this process, also those whose answer it never got."""
        await self._pool.execute(_RELEASE, self._process)

    async def file(self, media: UUID) -> UploadedFile | None:
        """Return a file; None if there is none, or its row does not open."""
        opened, shut = await open_rows(await self._pool.fetch(_FILE, media), _read_file)
        report_shut("gateway.media", *(row["id"] for row in shut))
        return opened[0] if opened else None

    async def complete(self, job: UploadJob, provider_id: str, *, scanned: bool = False) -> None:
        """Store the provider's id of an uploaded file."""
        claim = (job.media, job.account, job.attempt)
        sealed = RING.seal_name(provider_id, PROVIDER_ID, bind(job.media, job.account))
        await self._pool.execute(_COMPLETE, *claim, sealed, KEPT_DAYS, scanned)

    async def reschedule(self, job: UploadJob, seconds: float, stopped: bool) -> None:
        claim = (job.media, job.account, job.attempt)
        await self._pool.execute(_RESCHEDULE, *claim, seconds, stopped)

    async def fail(self, job: UploadJob) -> None:
        """Delete an upload that failed, with the messages that waited for it."""
        await self._pool.execute(_FAIL, job.media, job.account, job.attempt)


def _read_file(row: Any) -> UploadedFile:
    unseal_upload(row)
    return UploadedFile(**{name: row[name] for name in UploadedFile.__struct_fields__})


def open_provider_id(sealed: str, media: UUID | None, account: str) -> str:
    """Return the provider's id of a file, which is bound to it: another file does not go out under
    it. It ends with the file at the provider, so that it lies under the standing key. Raises
    Unsealable."""
    return RING.unseal_text(sealed, PROVIDER_ID, bind(media, account))


# A row that is due is a file that the account does not have: expired, rescheduled until now, or
# left by a process that ended. Attempts count from the last time that the account had it.
_CLAIM = f"""
insert into deliverer.upload as u (media, account, attempt, due_at, claimed_by, first_at)
select media, account, 1, now() + make_interval(secs => $3), $4, now() from (
    select q.media, $1::jsonb ->> q.number as account from deliverer.ledger q
    where q.state = 'queued' and q.media is not null and q.due_at <= now()
        and $1::jsonb ? q.number and {not_stopped("q.number")}
        and not exists ({QUEUED_BEFORE}) and not {KEPT_FROM_META.format("q")}
        and not exists (
            select from deliverer.upload w
            where w.media = q.media and w.account = $1::jsonb ->> q.number and w.due_at > now())
    group by 1, 2 order by min(q.position) limit $2
) as wanted
on conflict (media, account) do update set provider_id = '', due_at = excluded.due_at,
    claimed_by = excluded.claimed_by, stopped = false,
    attempt = case when u.provider_id = '' then u.attempt else 0 end + 1,
    first_at = case when u.provider_id = '' then coalesce(u.first_at, now()) else now() end
    where u.due_at <= now()
returning media, account, attempt, extract(epoch from now() - u.first_at)::float8 as tried
"""

_FILE = f"select {', '.join(MEDIA)}, sha256 from gateway.media where id = $1"

# The attempt is part of the key: a statement carried out late must not touch the next attempt.
_COMPLETE = """
update deliverer.upload set provider_id = $4, due_at = now() + make_interval(days => $5),
    claimed_by = null, scanned = $6
where media = $1 and account = $2 and attempt = $3 and provider_id = ''
"""

_RENEW = """
update deliverer.upload set due_at = now() + make_interval(secs => $4)
where media = $1 and account = $2 and attempt = $3 and provider_id = ''
"""

_RESCHEDULE = """
update deliverer.upload set due_at = now() + make_interval(secs => $4), stopped = $5,
    claimed_by = null
where media = $1 and account = $2 and attempt = $3 and provider_id = ''
"""

_RESUME_STOPPED = "update deliverer.upload set due_at = now() where stopped and due_at > now()"

_EXPIRE_UNSCANNED = """
update deliverer.upload set due_at = now()
where provider_id <> '' and not scanned and due_at > now()
"""

_RELEASE = """
update deliverer.upload set due_at = now(), claimed_by = null where claimed_by = $1
"""

_FAIL = """
delete from deliverer.upload
where media = $1 and account = $2 and attempt = $3 and provider_id = ''
"""
