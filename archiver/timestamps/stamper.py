"""Have checkpoints stamped by an authority, in a table and in the store outside.

Somebody with the database, the store and the signing key can write another log, but cannot have it
stamped at a time that has passed.
"""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from archiver.signing.signer import NoteSigner, is_signed
from archiver.timestamps.authority import Authority, AuthorityUnavailable
from archiver.timestamps.stamp import LATEST, InvalidStamp
from services import clock, metrics
from services.files import object_store
from services.files.object_store import ObjectExists, ObjectStore, StoreUnavailable
from services.postgres.database import Pool, retry_while_unavailable
from services.transparency.signed_note import read_note

STAMP_INTERVAL = timedelta(hours=1)
"""Shortest time between two stamps, of which authorities sell a number a year; the first checkpoint
of a day does not wait for it."""
LOOK_SECONDS = 60.0
"""Interval between two looks for a checkpoint to be stamped: one is signed a minute."""
RETRY_SECONDS = 600.0
"""Wait after an authority that gave no stamp."""

log = structlog.get_logger()


def is_due(last: datetime | None, signed_at: datetime, now: datetime) -> bool:
    """Return True if a checkpoint is to be stamped, by the time of the last stamp and its own."""
    may_ask = last is None or now - last >= STAMP_INTERVAL or now.date() > last.date()
    return may_ask and now - signed_at <= LATEST


async def stamp_periodically(
    pool: Pool, signer: NoteSigner, store: ObjectStore, authority: Authority
) -> None:
    """Have checkpoints stamped for as long as the service runs."""
    for outcome in ("stamped", "unreached", "refused"):
        metrics.timestamps.labels(outcome=outcome)
    while True:
        wait = LOOK_SECONDS
        try:
            work = partial(stamp_newest, pool, signer, store, authority)
            await retry_while_unavailable(work, "timestamp")
        except StoreUnavailable as error:
            log.error("timestamp.not_outside", reason=str(error))
        except AuthorityUnavailable as error:
            metrics.timestamps.labels(outcome="unreached").inc()
            log.error("timestamp.unreached", reason=str(error))
            wait = RETRY_SECONDS
        except InvalidStamp as error:
            metrics.timestamps.labels(outcome="refused").inc()
            log.error("timestamp.refused", reason=str(error))
            wait = RETRY_SECONDS
        await retry_while_unavailable(partial(_show_wait, pool), "timestamp")
        await asyncio.sleep(wait)


async def stamp_newest(
    pool: Pool, signer: NoteSigner, store: ObjectStore, authority: Authority
) -> bool:
    """Have the newest checkpoint stamped, if that is due; return whether it was. Raises
    AuthorityUnavailable, InvalidStamp or StoreUnavailable."""
    is_stamped = False
    row = await pool.fetchrow(_NEWEST, STAMP_INTERVAL)
    if row and is_signed(row["note"], signer) and _is_due(row):
        answer, at = await authority.stamp(row["note"].encode())
        await pool.execute(_ADD, row["size"], at, answer)
        metrics.timestamps.labels(outcome="stamped").inc()
        is_stamped = True
    await _copy_outside(pool, store)
    return is_stamped


def _is_due(row: Any) -> bool:
    """The first stamp of all is due at once: the log may be quiet when an authority is named."""
    return row["is_first"] or is_due(row["last"], read_note(row["note"]).at, clock.now())


async def _copy_outside(pool: Pool, store: ObjectStore) -> None:
    """Copy the newest stamps outside. The first copy found ends the search."""
    size = await pool.fetchval("select max(size) from archiver.time_stamp")
    while size is not None:
        key = object_store.timestamp_key(size)
        if await store.exists(key):
            return
        answer = await pool.fetchval("select answer from archiver.time_stamp where size = $1", size)
        try:
            await store.create(key, answer)
        except ObjectExists:
            return  # another archiver did
        size = await pool.fetchval(_PREVIOUS, size)


async def _show_wait(pool: Pool) -> None:
    since = await pool.fetchval(_UNSTAMPED)
    seconds = (clock.now() - since).total_seconds() if since else 0.0
    metrics.archive_unstamped_seconds.set(max(0.0, seconds))


# A time that has not come yet is not of the authority, whose clock may be somewhat ahead.
_NEWEST = """
select c.size, c.note, not exists (select from archiver.time_stamp) as is_first, (
        select max(at) from archiver.time_stamp where at between 'epoch' and now() + $1::interval
    ) as last
from archiver.checkpoint c
where c.size > 0 and c.size = (  -- not one of what a restore took away
    select max(size) from archiver.checkpoint where size <= (select size from archiver.head))
    and not exists (select from archiver.time_stamp t where t.size = c.size)
"""
_ADD = """
insert into archiver.time_stamp (size, at, answer) values ($1, $2, $3) on conflict do nothing
"""
_PREVIOUS = "select max(size) from archiver.time_stamp where size < $1"
_UNSTAMPED = """
select at from archiver.checkpoint
where size > coalesce((select max(size) from archiver.time_stamp), 0)
    and size <= (select size from archiver.head) order by size limit 1
"""
