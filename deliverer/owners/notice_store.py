"""Notices in PostgreSQL: decided once by one process, then an outbox that is tried until a bound.

A lock for each destination makes deciding and writing one step, so two processes tell a state once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from deliverer.owners.notice import (
    EVENTS,
    DestinationFailure,
    DestinationState,
    Notice,
    Pause,
    Told,
    ToldStates,
    due_notices,
    is_parked_due,
    parked_notice,
)
from deliverer.owners.notice_delivery import EndedNotice, OpenNotice
from services import clock
from services.config.terms import Terms
from services.postgres.database import Connection, Pool
from services.postgres.outbox import Outbox

TERMS = Terms()
"""Terms of a store that writes no notices."""
CLAIM_SECONDS = 120.0
"""Time for which an attempt has its notice: twice the longest mail."""


class NoticeStore:
    def __init__(self, pool: Pool, terms: Terms = TERMS) -> None:
        self._pool, self._kept = pool, timedelta(days=terms.parked_days)

    async def decide(
        self,
        destination: str,
        owners: Sequence[str],
        certificate_ends: datetime | None,
        now: datetime,
    ) -> list[Notice]:
        """Write the notices that are due now, one for each owner. Return them; none while another
        process decides."""
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(_LOCK, destination):
                return []
            state = await _read_state(connection, destination, certificate_ends)
            notices = due_notices(state, now)
            if is_parked_due(state.told, now):
                notices += await _claim_parked(connection, destination, self._kept)
            for notice in notices:
                ids = [clock.new_id(now) for _ in owners]
                data = msgspec.json.encode(notice)
                row = destination, notice.state, notice.since, now, data
                await connection.execute(_INSERT, ids, list(owners), *row)
            return notices

    async def claim(self, owner: str, now: datetime) -> OpenNotice | None:
        """Claim the next notice for an owner: the oldest of each destination goes first. None
        while a person has paused the owner's own destination."""
        until = now + timedelta(seconds=CLAIM_SECONDS)
        rows = await self._pool.fetch(_CLAIM, owner, now, until)
        return OpenNotice(**rows[0]) if rows else None

    async def end(
        self, id: UUID, outcome: str, status: int, reason: str, ended_at: datetime
    ) -> None:
        """Note that a notice was sent, or is given up."""
        await self._pool.execute(_END, id, outcome, status, reason, ended_at)

    async def put_off(self, id: UUID, status: int, reason: str, due_at: datetime) -> None:
        """Note that a notice could not be sent, and when it is tried again."""
        await self._pool.execute(_PUT_OFF, id, status, reason, due_at)

    async def oldest_open(self, owners: Sequence[str]) -> dict[str, datetime]:
        """Return the time of the oldest notice that is not sent, by destination."""
        rows = await self._pool.fetch(_OLDEST, list(owners))
        return {row["destination"]: row["at"] for row in rows}

    @property
    def outbox(self) -> Outbox[EndedNotice]:
        """Notices that ended, for the archive."""
        return Outbox(
            "owner notices",
            self._fetch_unrecorded,
            self._mark_recorded,
            lambda notice: str(notice.id),
            waits=_WAITS,
        )

    async def _fetch_unrecorded(self, limit: int, suspended: Sequence[str]) -> list[EndedNotice]:
        rows = await self._pool.fetch(_UNRECORDED, limit, [UUID(id) for id in suspended])
        return [EndedNotice(**row) for row in rows]

    async def _mark_recorded(self, notices: Sequence[EndedNotice]) -> None:
        await self._pool.execute(_MARK_RECORDED, [notice.id for notice in notices])


async def _read_state(
    connection: Connection, destination: str, certificate_ends: datetime | None
) -> DestinationState:
    failure = await connection.fetchrow(_FAILURE, destination)
    pause = await connection.fetchrow(_PAUSE, destination)
    told: ToldStates = {
        row["state"]: Told(row["since"], row["at"])
        for row in await connection.fetch(_TOLD, destination)
    }
    return DestinationState(
        destination,
        DestinationFailure(**failure) if failure else None,
        Pause(**pause) if pause else None,
        certificate_ends,
        told,
    )


async def _claim_parked(connection: Connection, destination: str, kept: timedelta) -> list[Notice]:
    """Return the notice of the messages parked since the last one, if there are any."""
    row = await connection.fetchrow(_CLAIM_PARKED, destination, EVENTS)
    if not row or not row["parked"]:
        return []
    return [parked_notice(destination, **row, kept=kept)]


_LOCK = "select pg_try_advisory_xact_lock(hashtextextended('owner of ' || $1::text, 0))"
_FAILURE = """
select since, ended_at, refuses, status, failure, whose, reason
from deliverer.destination_failure where destination = $1
"""
_PAUSE = "select since, reason from deliverer.pause where destination = $1"
_TOLD = """
select distinct on (state) state, since, at from deliverer.owner_notice
where destination = $1 order by state, at desc
"""
# A batch that cannot be read has no conversation, and is a fault of ours.
_CLAIM_PARKED = """
with claimed as (
    update deliverer.delivery set owner_told = true
    where destination = $1 and state = 'parked' and not owner_told and conversation <> ''
    returning event, at, reason
)
select count(*) as parked, min(at) as since, (array_agg(event order by at))[1:$2] as events,
    (array_agg(reason order by at desc))[1] as reason
from claimed
"""
_INSERT = """
insert into deliverer.owner_notice (id, owner, destination, state, since, at, data, due_at)
select id, owner, $3, $4, $5, $6, $7, $6 from unnest($1::uuid[], $2::text[]) as new (id, owner)
"""
_CLAIM = """
update deliverer.owner_notice set attempts = attempts + 1, due_at = $3
where id = (
    select id from deliverer.owner_notice n
    where owner = $1 and outcome = '' and due_at <= $2
        and not exists (select from deliverer.pause where destination = $1)
        and not exists (
            select from deliverer.owner_notice o
            where o.owner = $1 and o.destination = n.destination and o.outcome = ''
                and o.position < n.position)
    order by position limit 1 for update skip locked
)
returning id, position, destination, at, data, attempts
"""
_END = """
update deliverer.owner_notice set outcome = $2, status = $3, reason = $4, ended_at = $5
where id = $1 and outcome = ''
"""
_PUT_OFF = """
update deliverer.owner_notice set status = $2, reason = $3, due_at = $4
where id = $1 and outcome = ''
"""
_OLDEST = """
select destination, min(at) as at from deliverer.owner_notice
where owner = any($1::text[]) and outcome = '' group by destination
"""
_UNRECORDED = """
select id, destination, owner, state, since, outcome, attempts, status, reason, ended_at
from deliverer.owner_notice where outcome <> '' and not told and id <> all($2::uuid[])
order by at limit $1
"""
_WAITS = """
select true from deliverer.owner_notice where outcome <> '' and not told order by at limit 1
"""
_MARK_RECORDED = "update deliverer.owner_notice set told = true where id = any($1::uuid[])"
