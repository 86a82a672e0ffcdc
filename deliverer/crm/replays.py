"""Actions of operators and owners on deliveries, in PostgreSQL: replays, dropped deliveries, paused
destinations."""

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from deliverer.crm.lanes import Job
from deliverer.crm.settlements import Settlement, park_shut
from services.contract import Delivery
from services.postgres.database import Pool
from services.postgres.outbox import Outbox
from services.postgres.shut_rows import open_rows, report_shut
from services.sealing.columns import DELIVERY, SENT, bind
from services.sealing.key_ring import RING

IN_HAND = 400
"""Replays of one destination in hand; they go between new deliveries. Twice the number that falls
due between two polls at the fastest rate an operator may set (`cli.parked.FASTEST`, 200 a second),
so that a slow answer delays nothing. An event is at most 64 KiB: 25 MiB, and seldom half of it."""


class _ParkedBody(msgspec.Struct):
    """Part of the body of a parked row that a replay needs."""

    delivery: Delivery


class ReplayJob(msgspec.Struct, frozen=True):
    """Delivery that an operator or its owner had repeated for the `replays`th time."""

    delivery: Delivery
    replays: int
    failures: int = 0
    """Failures while others passed, since that replay was ordered."""
    attempts: int = 0
    """Attempts so far, in all."""

    @property
    def job(self) -> Job:
        return Job(
            self.delivery,
            None,
            self.replays,
            failures=self.failures,
            earlier_attempts=self.attempts,
        )


_decode = msgspec.msgpack.Decoder(_ParkedBody).decode
_decode_event = msgspec.msgpack.Decoder(Delivery).decode


def _is_kept(row: Any) -> bool:
    return bool(row["body"] or row["sealed"])


def _read_row(row: Any) -> ReplayJob:
    """Return the replay of a parked or of an accepted event."""
    bound = bind(row["destination"], row["event"])
    if row["body"]:
        delivery = _decode(RING.unseal(row["body"], DELIVERY, bound)).delivery
    else:
        delivery = _decode_event(RING.unseal(row["sealed"], SENT, bound))
    return ReplayJob(delivery, row["replays"], row["failed"], row["attempts"])


class ReplayScan(NamedTuple):
    """Replays that are due, the longest due first; and ids that are `over`: taken back by the
    operator, or settled."""

    due: list[ReplayJob]
    over: frozenset[UUID]


class Orders(NamedTuple):
    is_paused: bool
    """True if an operator has paused the destination."""
    has_replays: bool
    """True if deliveries are to be repeated, also those that a process has in hand."""


class Replays:
    """They are made by the process that has the lease (`deliverer.crm.table_lease`)."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def due_replays(
        self, destination: str, in_hand: Collection[UUID], *, is_paused: bool
    ) -> ReplayScan:
        """Return the replays that are due, and which of those in hand are over. For a paused
        destination, none is due. One that does not open is parked."""
        in_hand_before = frozenset(in_hand)  # a copy: one may be settled while the query runs
        limit = len(in_hand_before) if is_paused else IN_HAND
        rows = await self._pool.fetch(_DUE, destination, limit, list(in_hand_before))
        over = in_hand_before.difference(row["event"] for row in rows)
        new = [row for row in rows if row["event"] not in in_hand_before]
        due, shut = await open_rows([row for row in new if _is_kept(row)], _read_row)
        if parked := [row["event"] for row in shut if row["body"]]:
            await park_shut(self._pool, destination, parked)
        sent = [row["event"] for row in shut if not row["body"]]
        report_shut("deliverer.sent", *sent)
        for event in (*sent, *(row["event"] for row in new if not _is_kept(row))):
            await self._pool.execute(_END, destination, event)
        return ReplayScan(due, over)

    async def orders(self, destination: str) -> Orders:
        """Return what operators and owners ordered for the destination."""
        [row] = await self._pool.fetch(_ORDERS, destination)
        return Orders(*row)

    @property
    def outbox(self) -> Outbox[Settlement]:
        """Settlements by operators and of replays, for the archive."""
        return Outbox(
            "untold",
            self._fetch_unpublished,
            self._mark_published,
            attrgetter("destination"),
            waits=_WAITS,
        )

    async def _fetch_unpublished(self, limit: int, suspended: Sequence[str]) -> list[Settlement]:
        return [Settlement(**row) for row in await self._pool.fetch(_UNPUBLISHED, limit, suspended)]

    async def _mark_published(self, settled: Sequence[Settlement]) -> None:
        """Mark these as published, unless they have changed since they were read."""
        rows = [(one.destination, one.event, one.state, one.replays) for one in settled]
        await self._pool.execute(_MARK_PUBLISHED, *map(list, zip(*rows, strict=True)))


# By the index of replays, of which a destination usually has none.
_ORDERS = """
select exists (select from deliverer.pause where destination = $1),
    exists (select from (select from deliverer.delivery
        where destination = $1 and state = 'replay' order by due_at limit 1) row)
"""

# The body of one in hand is not read again.
_DUE = """
with due as (
    select destination, event, body, replays, failed, attempts, due_at from deliverer.delivery
    where destination = $1 and state = 'replay' and due_at <= now()
    order by due_at, event limit $2
)
select destination, event, case when event = any($3) then null else body end as body, case
        when body is null and event <> all($3) then (select s.sealed from deliverer.sent s
            where s.destination = $1 and s.event = due.event) end as sealed,
    replays, failed, attempts
from due
order by due_at, event
"""

# An accepted event that was to be sent again, and whose term ended meanwhile. It leaves its order,
# which would count it as delivered, or once more at its end.
_END = """
with of_order as (
    select resend from deliverer.delivery
    where destination = $1 and event = $2 and state = 'replay' and body is null for update
), ended as (
    update deliverer.delivery set state = 'settled', resend = null, due_at = null
    where destination = $1 and event = $2 and exists (select from of_order)
)
update deliverer.resend r set ended = r.ended + 1, events = array_remove(r.events, $2)
from of_order o where r.id = o.resend
"""

_UNPUBLISHED = """
select destination, event, conversation, state, attempts, status, at, tenant, reason, message,
    replays
from deliverer.delivery where not told and destination <> all($2::text[])
order by at, event limit $1
"""

_WAITS = "select true from deliverer.delivery where not told order by at limit 1"

_MARK_PUBLISHED = """
update deliverer.delivery d set told = true
from unnest($1::text[], $2::uuid[], $3::text[], $4::int[]) t (destination, event, state, replays)
where (d.destination, d.event, d.state, d.replays) = (t.destination, t.event, t.state, t.replays)
"""
