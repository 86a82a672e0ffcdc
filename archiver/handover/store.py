"""Rows of transcripts that are to be handed over."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec

from services.postgres.database import Connection, Pool
from services.stops.stopped_numbers import not_stopped

LEASE = timedelta(minutes=5)
"""Time after which a claimed row is due again: more than all bounds of one attempt together."""


class PendingHandover(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is claimed. Never print `document`: it may be an address of theirs."""

    tenant: str
    target: str
    conversation: str
    sequence: int
    closed_at: datetime
    due_since: datetime
    attempts: int
    """Attempts, with this one."""
    sha256: str
    document: str

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.tenant, self.target, self.conversation, self.sequence

    @property
    def lane(self) -> str:
        """Name of the target within the installation."""
        return f"{self.tenant}/{self.target}"


class NewHandover(msgspec.Struct, frozen=True, kw_only=True):
    tenant: str
    target: str
    conversation: str
    sequence: int
    closed_at: datetime
    due_at: datetime


async def add_handover(connection: Connection, new: NewHandover) -> None:
    """Add a row, unless it is there or the conversation was destroyed."""
    await connection.execute(_ADD, *msgspec.structs.astuple(new))


async def drop_unbegun(
    connection: Connection, tenant: str, conversation: str, sequence: int
) -> None:
    """Drop what waits of earlier closings and never left: the conversation goes on."""
    await connection.execute(_DROP_UNBEGUN, tenant, conversation, sequence)


async def wait_for_zaak(
    connection: Connection, tenant: str, conversation: str, targets: Collection[str]
) -> None:
    """Have documents that are at these targets put with the zaak that the conversation has now."""
    await connection.execute(_WAIT_FOR_ZAAK, tenant, conversation, list(targets))


class HandoverStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self, paused: Collection[str]) -> PendingHandover | None:
        """Claim the row that is due longest, but of no target in `paused`."""
        rows = await self._pool.fetch(_CLAIM, LEASE, list(paused))
        return msgspec.convert(dict(rows[0]), PendingHandover) if rows else None

    async def note_content(self, row: PendingHandover, sha256: str) -> bool:
        """Note what is about to leave. Return False if the row waits no more, so nothing may."""
        return bool(await self._pool.fetchval(_NOTE_CONTENT, *row.key, sha256))

    async def note_document(self, row: PendingHandover, document: str) -> None:
        """Note where the copy is, also of a conversation that was destroyed meanwhile."""
        await self._pool.execute(_NOTE_DOCUMENT, *row.key, document)

    async def finish(self, row: PendingHandover) -> None:
        """End a row; one whose conversation got a zaak meanwhile is due again at once."""
        await self._pool.execute(_FINISH, *row.key, row.due_since)

    async def put_off(self, row: PendingHandover, seconds: float, reason: str) -> None:
        await self._pool.execute(_PUT_OFF, *row.key, timedelta(seconds=seconds), reason)

    async def park(self, row: PendingHandover, reason: str) -> None:
        """Park a row until a person has it tried again."""
        await self._pool.execute(_PARK, *row.key, reason)

    async def forget(self, row: PendingHandover) -> None:
        """Delete the row of a conversation that was destroyed before the row was made."""
        await self._pool.execute(_FORGET, *row.key)


class HandoverLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A row as a person reads it."""

    tenant: str
    target: str
    conversation: str
    closed_at: datetime
    state: str
    attempts: int
    document: str
    done_at: datetime | None
    reason: str


async def list_handovers(
    pool: Pool, tenant: str, states: Collection[str], most: int
) -> list[HandoverLine]:
    """Return rows in these states, of a municipality or of all (''); of what was destroyed only
    what left."""
    rows = await pool.fetch(_LIST, tenant, list(states), most)
    return [HandoverLine(**dict(row)) for row in rows]


async def try_again(
    connection: Connection, tenant: str, target: str, conversation: str
) -> list[Any]:
    """Have parked rows tried again: of a target, of a conversation, or of both ('' is any)."""
    return list(await connection.fetch(_TRY_AGAIN, tenant, target, conversation))


async def count_left(connection: Connection, list_id: str) -> list[tuple[str, int]]:
    """Count the copies, by target, of conversations that a destruction list destroyed."""
    rows = await connection.fetch(_COUNT_LEFT, list_id)
    return [(row["target"], row["count"]) for row in rows]


_COUNT_LEFT = """
select h.target, count(*) from archiver.handover h
join archiver.destruction_item i on i.tenant = h.tenant and i.conversation = h.conversation
where i.list = $1 and i.state = 'destroyed' and h.state = 'left'
    and (h.sha256 <> '' or h.document <> '')
group by h.target order by h.target
"""
_ADD = """
insert into archiver.handover
    (tenant, target, conversation, sequence, closed_at, due_at, due_since)
select $1, $2, $3, $4, $5, $6, greatest($6, now())
where exists (select from archiver.conversation_key k
    where k.tenant = $1 and k.conversation = $3)
on conflict do nothing
"""
_DROP_UNBEGUN = """
delete from archiver.handover
where tenant = $1 and conversation = $2 and sequence < $3 and sha256 = '' and document = ''
    and state in ('waiting', 'parked')
"""
_WAIT_FOR_ZAAK = """
update archiver.handover
set due_at = case state when 'waiting' then due_at else now() end,
    due_since = clock_timestamp(), attempts = 0, reason = '', state = 'waiting'
where tenant = $1 and conversation = $2 and target = any($3::text[])
    and (state = 'waiting' or document <> '' and state in ('done', 'parked'))
"""
_CLAIM = f"""
update archiver.handover h
set due_at = now() + $1, claimed_until = now() + $1, attempts = h.attempts + 1
from (
    select tenant, target, conversation, sequence from archiver.handover
    where state = 'waiting' and due_at <= now() and tenant || '/' || target <> all($2::text[])
        and {not_stopped("split_part(conversation, '-', 1)")}
    order by due_at limit 1 for update skip locked
) as n
where (h.tenant, h.target, h.conversation, h.sequence)
    = (n.tenant, n.target, n.conversation, n.sequence)
returning h.tenant, h.target, h.conversation, h.sequence, h.closed_at, h.due_since, h.attempts,
    h.sha256, h.document
"""
_ROW = "tenant = $1 and target = $2 and conversation = $3 and sequence = $4"
_NOTE_CONTENT = f"""
update archiver.handover set sha256 = $5 where {_ROW} and state = 'waiting' returning true
"""
_NOTE_DOCUMENT = f"update archiver.handover set document = $5 where {_ROW}"
_FINISH = f"""
update archiver.handover
set state = case due_since when $5 then 'done' else 'waiting' end,
    due_at = case due_since when $5 then due_at else now() end, done_at = now(), reason = '',
    claimed_until = null
where {_ROW} and state = 'waiting'
"""
_PUT_OFF = f"""
update archiver.handover set due_at = now() + $5, reason = $6, claimed_until = null
where {_ROW} and state = 'waiting'
"""
_PARK = f"""
update archiver.handover set state = 'parked', reason = $5, claimed_until = null
where {_ROW} and state = 'waiting'
"""
_FORGET = f"""
delete from archiver.handover where {_ROW} and sha256 = '' and document = ''
    and not exists (select from archiver.conversation_key k
        where k.tenant = $1 and k.conversation = $3)
"""
_LIST = """
select tenant, target, conversation, closed_at, state, attempts, document, done_at, reason
from archiver.handover
where ($1 = '' or tenant = $1) and state = any($2::text[])
    and (state <> 'left' or sha256 <> '' or document <> '')
order by closed_at, conversation, target limit $3
"""
_TRY_AGAIN = """
update archiver.handover
set state = 'waiting', due_at = now(), due_since = now(), attempts = 0, reason = ''
where state = 'parked' and ($1 = '' or tenant = $1) and ($2 = '' or target = $2)
    and ($3 = '' or conversation = $3)
returning tenant, target, conversation
"""
