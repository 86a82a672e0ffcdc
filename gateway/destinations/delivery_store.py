"""Deliveries of a destination without their content, and the orders to send them again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from gateway.destinations.action import Action, insert_action
from gateway.destinations.delivery_query import DeliveryQuery
from services.postgres.database import ANSWER_SECONDS, Pool
from services.tasks import with_timeout

COUNTED = 10_000
"""Deliveries that are counted at most, in the progress of an order and in a state."""
MAX_REASONS = 20
"""Reasons of parked deliveries that are told apart, the most frequent first. A destination has two
or three; one that puts an id into its answer could have one for each delivery."""


class NewResend(msgspec.Struct, frozen=True, kw_only=True):
    """An order to send deliveries again."""

    id: UUID
    destination: str
    tenant: str
    token: str
    fingerprint: bytes
    state: str | None
    since: datetime
    until: datetime
    events: list[UUID] | None
    per_second: int
    ended: int
    ordered_at: datetime


class DeliveryStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_deliveries(
        self, destination: str, tenant: str, query: DeliveryQuery
    ) -> list[dict[str, Any]]:
        """Return one more than the page, if there are more, oldest first."""
        place = query.after
        asked = query.since, query.until, place.at, place.event, query.limit + 1
        rows = await self._fetch(_LISTS[query.state], destination, tenant, *asked)
        return [dict(row) for row in rows]

    async def find_available(
        self, destination: str, tenant: str, events: Sequence[UUID], state: str | None
    ) -> list[UUID]:
        """Return those of these events that can be sent again."""
        rows = await self._fetch(_AVAILABLE, destination, tenant, list(events), state)
        return [row["event"] for row in rows]

    async def list_states(
        self, destinations: Sequence[str], tenant: str
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the state of each of these destinations, and why deliveries are parked there."""
        states = await self._fetch(_STATES, list(destinations), tenant, COUNTED)
        reasons = await self._fetch(_REASONS, list(destinations), tenant, COUNTED, MAX_REASONS)
        return [dict(row) for row in states], [dict(row) for row in reasons]

    async def find_resend(self, tenant: str, id: UUID) -> dict[str, Any] | None:
        """Return an order, of whatever destination, with its progress."""
        rows = await self._fetch(_RESEND, id, tenant, COUNTED)
        return dict(rows[0]) if rows else None

    async def order_resend(self, new: NewResend, action: Action) -> None:
        """Store an order, unless it is stored, or another one of the destination runs."""
        await with_timeout(ANSWER_SECONDS, self._order(new, action))

    async def _order(self, new: NewResend, action: Action) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(_ORDER, *msgspec.structs.astuple(new)):
                await insert_action(connection, action)

    async def _fetch(self, sql: str, *arguments: Any) -> list[Any]:
        return await with_timeout(ANSWER_SECONDS, self._pool.fetch(sql, *arguments))


_FIELDS = "d.event, d.type, d.conversation, d.sequence, d.attempts, d.status, d.reason"
_LISTS = {
    "parked": f"""
select {_FIELDS}, d.at from deliverer.delivery d
where d.destination = $1 and d.tenant = $2 and d.state = 'parked' and d.conversation <> ''
    and d.at >= $3 and d.at < $4 and (d.at, d.event) > ($5, $6)
order by d.at, d.event limit $7
""",
    "delivered": f"""
select {_FIELDS}, s.at from deliverer.sent s join deliverer.delivery d using (destination, event)
where s.destination = $1 and d.tenant = $2 and d.state in ('settled', 'replay')
    and s.at >= $3 and s.at < $4 and (s.at, s.event) > ($5, $6)
order by s.at, s.event limit $7
""",
}
_STATES = """
select asked.id, pause.since as paused_since, pause.reason as pause_reason,
    failure.since as failing_since, failure.refuses, failure.reason as failure_reason, (
    select count(*) from (select from deliverer.delivery d where d.destination = asked.id
        and d.state = 'aside' and d.tenant = $2 limit $3) counted) as sidelined, (
    select count(*) from (select from deliverer.delivery d where d.destination = asked.id
        and d.state = 'replay' and d.tenant = $2 limit $3) counted) as resending, (
    select r.id from deliverer.resend r where r.destination = asked.id and r.tenant = $2
        and r.finished_at is null limit 1) as running
from unnest($1::text[]) asked (id)
left join deliverer.pause on pause.destination = asked.id
left join deliverer.destination_failure failure
    on failure.destination = asked.id and failure.ended_at is null
"""
_REASONS = """
select asked.id, found.* from unnest($1::text[]) asked (id) cross join lateral (
    select parked.status, parked.reason, count(*) as count, min(parked.at) as oldest_at
    from (select d.status, d.reason, d.at from deliverer.delivery d
        where d.destination = asked.id and d.state = 'parked' and d.tenant = $2
            and d.conversation <> '' order by d.at limit $3) parked
    group by parked.status, parked.reason order by count(*) desc, min(parked.at) limit $4) found
"""
_AVAILABLE = """
select d.event from deliverer.delivery d
left join deliverer.sent s on s.destination = d.destination and s.event = d.event
where d.destination = $1 and d.tenant = $2 and d.event = any($3::uuid[]) and (
    d.state = 'parked' and $4::text is distinct from 'delivered' or d.state = 'replay'
    or d.state = 'settled' and s.event is not null and $4 is distinct from 'parked')
"""
_ORDER = """
insert into deliverer.resend (id, destination, tenant, token, fingerprint, state, since, until,
    events, per_second, ended, ordered_at, taken_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $7)
on conflict do nothing returning id
"""
_RESEND = """
select r.id, r.destination, r.fingerprint, r.state, r.since, r.until,
    r.events is not null as by_ids, r.per_second, r.ended, r.ordered_at, r.finished_at, done.*, case
        when r.finished_at is not null then 0 else to_come.parked + to_come.delivered end as to_come
from deliverer.resend r cross join lateral (
    select count(*) filter (where d.state = 'replay') as waiting,
        count(*) filter (where d.state = 'settled') as delivered,
        count(*) filter (where d.state = 'parked') as parked
    from deliverer.delivery d where d.resend = r.id
) done cross join lateral (
    select (select count(*) from (
        select from deliverer.delivery d where d.destination = r.destination
            and d.state = 'parked' and d.tenant = r.tenant and d.conversation <> ''
            and (d.at, d.event) > (r.taken_at, r.taken_event) and d.at < r.until
            and r.state is distinct from 'delivered'
            and (r.events is null or d.event = any(r.events)) limit $3) p) as parked,
    (select count(*) from (
        select from deliverer.sent s join deliverer.delivery d using (destination, event)
        where s.destination = r.destination and d.state = 'settled' and d.tenant = r.tenant
            and (s.at, s.event) > (r.taken_at, r.taken_event) and s.at < r.until
            and r.state is distinct from 'parked'
            and (r.events is null or s.event = any(r.events)) limit $3) s) as delivered
) to_come
where r.id = $1 and r.tenant = $2
"""
