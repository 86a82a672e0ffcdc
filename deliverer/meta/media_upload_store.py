"""Which files have to be at which account before a message can go, and which are; in PostgreSQL."""

from collections.abc import Collection, Mapping
from uuid import UUID

import msgspec

from deliverer.meta.ledger_sql import BEFORE
from services.postgres.database import Pool

KEPT_DAYS = 29
"""Meta keeps what was uploaded for 30 days."""
CLAIM_SECONDS = 290
"""Longer than a file takes to be scanned (60 s), brought (180 s) and its result to be written (30
s): then whoever was at it has ended, and another may."""


class Job(msgspec.Struct, frozen=True):
    """A file to be brought to an account, claimed for an attempt."""

    media: UUID
    account: str
    attempt: int
    tried: float
    """Seconds after the first attempt."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was uploaded; `object` is its name in the object store."""

    object: UUID
    tenant: str
    mime_type: str
    size: int


class MediaUploadStore:
    """`process` is whoever claims; `accounts` says under which name the files of a number are
    kept."""

    def __init__(self, pool: Pool, process: UUID, accounts: Mapping[str, str]) -> None:
        self._pool, self._process, self._accounts = pool, process, accounts

    async def claim(self, limit: int, full: Collection[str] = ()) -> list[Job]:
        """Files that the oldest message of a citizen waits for, each once, oldest first; none for
        accounts that are `full`."""
        some = {number: name for number, name in self._accounts.items() if name not in full}
        accounts = msgspec.json.encode(some).decode()
        rows = await self._pool.fetch(_CLAIM, accounts, limit, CLAIM_SECONDS, self._process)
        return [Job(**dict(row)) for row in rows]

    async def start_again(self, *, scanning: bool) -> None:
        """What waits because its number was stopped is due: that may have been mended. And where
        files are scanned, what was brought when they were not."""
        await self._pool.execute(_START_AGAIN)
        if scanning:
            await self._pool.execute(_UNSCANNED)

    async def let_go(self) -> None:
        """Whatever this process is at, known to it or not, another may bring."""
        await self._pool.execute(_LET_GO, self._process)

    async def file(self, media: UUID) -> File | None:
        row = await self._pool.fetchrow(_FILE, media)
        return File(**dict(row)) if row else None

    async def complete(self, job: Job, provider_id: str, *, scanned: bool = False) -> None:
        """It is there. What was there, and is no longer, is forgotten on the way."""
        async with self._pool.acquire() as connection, connection.transaction():
            claim = (job.media, job.account, job.attempt)
            await connection.execute(_BROUGHT, *claim, provider_id, KEPT_DAYS, scanned)
            await connection.execute(_FORGET)

    async def reschedule(self, job: Job, seconds: float, stopped: bool) -> None:
        claim = (job.media, job.account, job.attempt)
        await self._pool.execute(_PUT_OFF, *claim, seconds, stopped)

    async def fail(self, job: Job) -> None:
        """Nobody waits for it any more."""
        await self._pool.execute(_GIVE_UP, job.media, job.account, job.attempt)


# A row that is due is a file that is not there: expired, put off until now, or left by a process
# that ended. Attempts are counted from the last time that it was there.
_CLAIM = f"""
insert into deliverer.upload as u (media, account, attempt, due_at, claimed_by, first_at)
select media, account, 1, now() + make_interval(secs => $3), $4, now() from (
    select q.media, $1::jsonb ->> q.number as account from deliverer.ledger q
    where q.state = 'queued' and q.media is not null and q.due_at <= now()
        and $1::jsonb ? q.number
        and not exists ({BEFORE})
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

_FILE = "select object, tenant, mime_type, size from gateway.media where id = $1"

# The attempt is named: a statement that the server carries out late must not touch the next one.
_BROUGHT = """
update deliverer.upload set provider_id = $4, due_at = now() + make_interval(days => $5),
    claimed_by = null, scanned = $6
where media = $1 and account = $2 and attempt = $3 and provider_id = ''
"""

_FORGET = "delete from deliverer.upload where due_at < now() - interval '1 day'"

_PUT_OFF = """
update deliverer.upload set due_at = now() + make_interval(secs => $4), stopped = $5,
    claimed_by = null
where media = $1 and account = $2 and attempt = $3 and provider_id = ''
"""

_START_AGAIN = "update deliverer.upload set due_at = now() where stopped and due_at > now()"

_UNSCANNED = """
update deliverer.upload set due_at = now()
where provider_id <> '' and not scanned and due_at > now()
"""

_LET_GO = """
update deliverer.upload set due_at = now(), claimed_by = null where claimed_by = $1
"""

_GIVE_UP = """
delete from deliverer.upload
where media = $1 and account = $2 and attempt = $3 and provider_id = ''
"""
