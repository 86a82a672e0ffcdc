"""Sidelined deliveries in PostgreSQL: those of conversations whose first delivery fails alone."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from deliverer.crm.lanes import Job
from deliverer.crm.settlements import park_shut
from deliverer.crm.sidelined import PER_CONVERSATION, SidelinedDelivery
from services.contract import Delivery
from services.postgres.database import Pool
from services.postgres.shut_rows import open_rows
from services.sealing.columns import DELIVERY, bind
from services.sealing.key_ring import RING


class SidelinedRow(msgspec.Struct, frozen=True):
    """Body of a row."""

    delivery: Delivery
    answer: bytes = b""
    """Start of the answer, once it is parked."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SidelinedRow).decode


class SidelinedStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def conversations(self, destination: str) -> set[str]:
        """Return the conversations with sidelined deliveries."""
        return {row["conversation"] for row in await self._pool.fetch(_CONVERSATIONS, destination)}

    async def insert(self, destination: str, jobs: Sequence[Job], wait: float) -> None:
        """Return when all of these are stored, due after `wait` seconds. A replay keeps its state
        and becomes due then."""
        rows = [_as_row(destination, job) for job in jobs]
        columns = [list(column) for column in zip(*rows, strict=True)]
        await self._pool.execute(_INSERT, *columns, wait)

    async def due(
        self, destination: str, conversations: Collection[str], limit: int
    ) -> list[SidelinedDelivery]:
        """Return the deliveries of at most `limit` conversations whose first delivery is due, in
        order. One that does not open is parked."""
        rows = await self._pool.fetch(
            _DUE, destination, list(conversations), limit, PER_CONVERSATION
        )
        opened, shut = await open_rows(rows, _read_row)
        if shut:
            await park_shut(self._pool, destination, [row["event"] for row in shut])
        return opened


def _read_row(row: Any) -> SidelinedDelivery:
    bound = bind(row["destination"], row["event"])
    delivery = _decode(RING.unseal(row["body"], DELIVERY, bound)).delivery
    return SidelinedDelivery(delivery, row["failed"], row["attempts"])


def _as_row(destination: str, job: Job) -> tuple[Any, ...]:
    delivery = job.delivery
    named = (destination, delivery.id, delivery.conversation, delivery.tenant, delivery.message)
    bound = bind(destination, delivery.id)
    body = RING.seal(_encode(SidelinedRow(delivery)), DELIVERY, bound)
    return (*named, body, delivery.sequence, job.failures, job.attempts)


_CONVERSATIONS = """
select distinct conversation from deliverer.delivery where destination = $1 and state = 'aside'
"""

# A delivery that was settled meanwhile stays settled.
_INSERT = """
insert into deliverer.delivery as d (destination, event, conversation, tenant, message, body, place,
    failed, state, attempts, status, at, due_at)
select destination, event, conversation, tenant, message, body, place, failed, 'aside', attempts, 0,
    now(), now() + make_interval(secs => $10)
from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bytea[], $7::bigint[],
    $8::int[], $9::int[])
    as new (destination, event, conversation, tenant, message, body, place, failed, attempts)
on conflict (destination, event) do update set failed = excluded.failed, due_at = excluded.due_at,
    attempts = d.attempts + excluded.attempts
where d.state in ('aside', 'replay')
"""

_DUE = """
select d.destination, d.event, d.body, d.failed, d.attempts from (
    select c.conversation, head.due_at from unnest($2::text[]) as c (conversation)
    cross join lateral (
        select due_at from deliverer.delivery
        where destination = $1 and conversation = c.conversation and state = 'aside'
        order by place, event limit 1
    ) head
    where head.due_at <= now() order by head.due_at limit $3
) as due cross join lateral (
    select destination, body, failed, attempts, place, event from deliverer.delivery
    where destination = $1 and conversation = due.conversation and state = 'aside'
    order by place, event limit $4
) d
order by due.due_at, due.conversation, d.place, d.event
"""
