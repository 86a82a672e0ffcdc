"""What a person did about deliveries: set to be tried again, given up, a destination held still."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

import msgspec

from deliverer.crm.lanes import Job
from deliverer.crm.settlements import Settlement
from services.contract import Delivery
from services.postgres.database import Pool

IN_HAND = 400
"""Of one destination, that are tried again at once; they go between what comes in. Twice what is
due between two looks at the fastest that may be asked (`cli.parked.FASTEST`, 200 a second), so that
a slow answer holds nothing up. An event is at most 64 KiB: 25 MiB, and seldom half of one."""
CLAIM_SECONDS = 60.0
"""For which what one process has in hand is nobody else's; renewed when half of it is over."""
UNTOLD = 256
"""Of one message to the archive."""


class _Kept(msgspec.Struct):
    """What stands in the row of a parked delivery."""

    delivery: Delivery


class ReplayJob(msgspec.Struct, frozen=True):
    """A delivery, and how often it was set to be tried again."""

    delivery: Delivery
    replays: int
    failed: int = 0
    """Times since, while others passed."""
    attempts: int = 0
    """In all, until now."""

    @property
    def job(self) -> Job:
        return Job(self.delivery, None, self.replays, failed=self.failed, before=self.attempts)


_decode = msgspec.msgpack.Decoder(_Kept).decode


class ReplayScan(NamedTuple):
    """What is to be tried again, the longest due first; and what no longer is: it was taken back,
    or what came of it is written down by now."""

    again: list[ReplayJob]
    over: frozenset[UUID]


class Replays:
    """`process` is whoever has in hand what it takes."""

    def __init__(self, pool: Pool, process: UUID) -> None:
        self._pool, self._process = pool, process

    async def due(self, destination: str, held: Collection[UUID], *, still: bool) -> ReplayScan:
        """What is to be tried again by now, and what of `held` no longer is. Nothing is added to
        what is in hand of a destination that is held `still`."""
        before = list(held)  # one that is settled meanwhile may be in the answer still
        most = len(before) if still else IN_HAND
        rows = await self._pool.fetch(
            _CLAIM, self._process, destination, CLAIM_SECONDS, most, before
        )
        again = [
            ReplayJob(_decode(row["body"]).delivery, row["replays"], row["failed"], row["attempts"])
            for row in rows
            if row["body"]
        ]
        return ReplayScan(again, frozenset(before).difference(row["event"] for row in rows))

    async def is_paused_by_operator(self, destination: str) -> bool:
        """Whether a person wants nothing delivered to it for now."""
        rows = await self._pool.fetch(
            "select 1 from deliverer.pause where destination = $1", destination
        )
        return bool(rows)

    async def unpublished(self) -> list[Settlement]:
        """What became of deliveries that the archive has not been told, the oldest first."""
        return [Settlement(**row) for row in await self._pool.fetch(_UNTOLD, UNTOLD)]

    async def mark_published(self, settled: Collection[Settlement]) -> None:
        """The archive knows these by now; not what became of them since."""
        columns = [
            [one.destination for one in settled],
            [one.event for one in settled],
            [one.state for one in settled],
            [one.replays for one in settled],
        ]
        await self._pool.execute(_TOLD, *columns)


# One process at a time: two would deliver two of one conversation at once. What is in hand for long
# is written down anew only when half of its time is over, and its words are not read again.
_CLAIM = """
with due as (
    select destination, event, body, replays, failed, attempts, due_at, claimed_by, claimed_until
    from deliverer.delivery
    where destination = $2 and state = 'replay' and due_at <= now()
        and (claimed_by = $1 or claimed_until is null or claimed_until < now())
        and not exists (
            select from deliverer.delivery o
            where o.destination = $2 and o.state = 'replay' and o.claimed_by <> $1
                and o.claimed_until >= now())
    order by due_at, event limit $4 for update skip locked
), claimed as (
    update deliverer.delivery d
    set claimed_by = $1, claimed_until = now() + make_interval(secs => $3)
    from due q
    where (d.destination, d.event) = (q.destination, q.event)
        and (q.claimed_by is distinct from $1
            or q.claimed_until < now() + make_interval(secs => $3 / 2))
)
select event, case when event = any($5) then null else body end as body, replays, failed,
    attempts
from due
order by due_at, event
"""

_UNTOLD = """
select destination, event, conversation, state, attempts, status, at, tenant, reason, message,
    replays
from deliverer.delivery where not told order by at, event limit $1
"""

_TOLD = """
update deliverer.delivery d set told = true
from unnest($1::text[], $2::uuid[], $3::text[], $4::int[]) t (destination, event, state, replays)
where (d.destination, d.event, d.state, d.replays) = (t.destination, t.event, t.state, t.replays)
"""
