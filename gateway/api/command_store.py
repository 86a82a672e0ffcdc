"""What was accepted: so that the same key and body give the same answer, and two people do not
answer the same citizen at once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from gateway.commands.authorization import ConversationView
from services.http.rights import Rights
from services.postgres.database import ANSWER_SECONDS, Connection, Pool
from services.tasks import with_timeout

UNCONFIRMED = timedelta(seconds=15)
"""How long an answer counts that was never confirmed: its sender has its 503 long before, also by
the clock of another gateway."""


class NewCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be accepted. `conversation` is the one that it is said in, and `department` has
    it; `last` is the last answer there that its sender has seen: None for none, UNSET when it does
    not matter. A reaction is said there, and is no answer."""

    id: UUID
    tenant: str
    token: str
    fingerprint: bytes
    at: datetime
    conversation: str = ""
    department: str = ""
    answers: bool = True
    last: UUID | UnsetType | None = UNSET


class StoredCommand(msgspec.Struct, frozen=True):
    """A command as it was first accepted."""

    fingerprint: bytes
    accepted_at: datetime
    confirmed: bool


class NumberNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What the contact centre last said of a number, be it over or not; '' is no notice."""

    state: str = "open"
    state_text: str = ""
    state_until: datetime | None = None
    notice: str = ""
    notice_until: datetime | None = None


class AnsweredMeanwhile(Exception):
    """Somebody else answered in this conversation; nothing was accepted. `last` is that answer, and
    `department` whose it is, which may be one of which the sender may know nothing."""

    def __init__(self, last: UUID | None, department: str) -> None:
        super().__init__("answered meanwhile")
        self.last, self.department = last, department


class Store:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def conversation(self, id: str) -> ConversationView | None:
        """A conversation as the router has it now."""
        fetch = self._pool.fetchrow(
            "select id, tenant, number, department, departments, closed_at is not null as closed"
            " from router.conversation where id = $1",
            id,
        )
        row = await with_timeout(ANSWER_SECONDS, fetch)
        return (
            ConversationView(**{**row, "departments": tuple(row["departments"])}) if row else None
        )

    async def accept(self, new: NewCommand) -> StoredCommand:
        """Write it down unless it is there; what is there then. AnsweredMeanwhile when its sender
        has not seen the last answer."""
        return await with_timeout(ANSWER_SECONDS, self._accept(new))

    async def _accept(self, new: NewCommand) -> StoredCommand:
        async with self._pool.acquire() as connection, connection.transaction():
            if new.last is not UNSET:
                await connection.execute(_ALONE, new.conversation)
            where = (new.conversation, new.department) if new.answers else ("", "")
            row = await connection.fetchrow(
                _INSERT, new.id, new.tenant, new.token, new.fingerprint, new.at, *where
            )
            if row:
                await _unless_answered(connection, new)
            else:  # a request before this one, or beside it
                row = await connection.fetchrow(_SELECT, new.id)
                assert row is not None  # rows are never taken out while they can be asked for
                if row["confirmed_at"] is None and row["fingerprint"] == new.fingerprint:
                    await _again(connection, new)
        return StoredCommand(
            row["fingerprint"], row["accepted_at"], row["confirmed_at"] is not None
        )

    async def accepted(self, id: UUID) -> bool:
        """Whether a command was accepted before: then it is answered as it was."""
        return await with_timeout(ANSWER_SECONDS, self._pool.fetchrow(_SELECT, id)) is not None

    async def confirm(self, id: UUID, at: datetime) -> None:
        update = self._pool.execute(
            "update gateway.command set confirmed_at = $2 where id = $1 and confirmed_at is null",
            id,
            at,
        )
        await with_timeout(ANSWER_SECONDS, update)

    async def said(self, numbers: Sequence[str]) -> dict[str, NumberNotice]:
        """Of those numbers of which anything was ever said."""
        rows = await with_timeout(ANSWER_SECONDS, self._pool.fetch(_SAID, numbers))
        return {
            row["number"]: NumberNotice(**{k: row[k] for k in NumberNotice.__struct_fields__})
            for row in rows
        }

    async def message(self, id: UUID, rights: Rights) -> dict[str, Any] | None:
        """An order of this token as it stands: accepted until the router knows better. None for one
        that never became safe: its sender was told to try again."""
        mine = (id, rights.tenant, rights.name)
        row = await with_timeout(ANSWER_SECONDS, self._pool.fetchrow(_MESSAGE, *mine))
        if row is None:
            return None
        return {
            "id": row["id"],
            "conversationId": row["conversation"] or None,
            "status": row["status"] or "accepted",
            "reason": row["reason"] or None,
            "code": row["code"] or None,
            "acceptedAt": row["accepted_at"],
            "changedAt": row["changed_at"] or row["accepted_at"],
        }


async def _again(connection: Connection, new: NewCommand) -> None:
    """Of what was never confirmed: it is published again. When it counted no more, others may have
    answered since, and it takes its turn anew."""
    if await connection.fetchval(_ANEW, new.id, new.at, new.at - UNCONFIRMED):
        await _unless_answered(connection, new)
    else:
        await connection.execute(_TRY, new.id, new.at)


async def _unless_answered(connection: Connection, new: NewCommand) -> None:
    """AnsweredMeanwhile when there is a newer answer than its sender has seen."""
    if new.last is UNSET:
        return
    query = (new.conversation, new.id, new.at - UNCONFIRMED)
    newest = await connection.fetchrow(_NEWEST, *query)
    last, department = (newest["id"], newest["department"]) if newest else (None, "")
    if last != new.last:
        raise AnsweredMeanwhile(last, department)


# Held until the transaction ends: of many at once each sees what the one before it left.
_ALONE = "select pg_advisory_xact_lock(hashtextextended('answer ' || $1::text, 0))"

_INSERT = """
insert into gateway.command (id, tenant, token, fingerprint, accepted_at, tried_at, conversation,
    department)
values ($1, $2, $3, $4, $5, $5, $6, $7) on conflict (id) do nothing
returning fingerprint, accepted_at, confirmed_at
"""

_SELECT = "select fingerprint, accepted_at, confirmed_at from gateway.command where id = $1"

_TRY = "update gateway.command set tried_at = $2 where id = $1 and confirmed_at is null"

_ANEW = """
update gateway.command c set tried_at = $2, position = nextval('gateway.command_position')
where c.id = $1 and c.confirmed_at is null and c.tried_at < $3
    and not exists (select from router.outgoing o where o.id = c.id)
returning c.id
"""

# An answer counts from when it is accepted; no more when its publish stays unconfirmed and the
# router knows nothing of it, nor when the router refused it: then it is not in the ledger. One that
# Meta refused is an answer all the same. A note is none, nor is a reaction. What was ordered to a
# telephone number is of this conversation once the router has said so.
_NEWEST = """
with orders as (
    select id from gateway.command where conversation = $1 and conversation <> ''
    union select id from router.outgoing where conversation = $1 and type <> 'reaction')
select c.id, coalesce(nullif(o.department, ''), c.department) as department
from orders join gateway.command c using (id) left join router.outgoing o using (id)
where c.id <> $2 and case
    when o.id is null then c.confirmed_at is not null or c.tried_at >= $3
    when o.status = 'failed' then exists (select from deliverer.ledger l where l.id = c.id)
    else o.status <> 'done' end
order by c.position desc limit 1
"""

_SAID = f"""
select number, {", ".join(NumberNotice.__struct_fields__)} from router.standing
where number = any($1::text[])
"""

# Until the router knows better, what the ledger says of why it waits; also of what was held and now
# is on its way.
_MESSAGE = """
select c.id, c.accepted_at, o.conversation, o.status, o.changed_at,
    case when l.state = 'queued' and o.status = 'accepted' then l.reason
        else coalesce(nullif(o.reason, ''), l.reason) end as reason,
    coalesce(nullif(o.code, 0), l.code) as code
from gateway.command c
left join router.outgoing o on o.id = c.id
left join deliverer.ledger l on l.id = c.id and l.state in ('queued', 'held')
where c.id = $1 and c.tenant = $2 and c.token = $3
    and (c.confirmed_at is not null or o.id is not null)
"""
