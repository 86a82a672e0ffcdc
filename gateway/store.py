"""What was accepted: so that the same key and body give the same answer, and two people do not
answer the same citizen at once."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from gateway.standing import Held
from services.access import Rights
from services.database import ANSWER_SECONDS, Connection, Pool
from services.tasks import within


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be accepted. `conversation` is the one in which it is an answer, and `last` the
    last answer there that its sender has seen: None for none, UNSET when it does not matter."""

    id: UUID
    tenant: str
    token: str
    fingerprint: bytes
    at: datetime
    conversation: str = ""
    last: UUID | UnsetType | None = UNSET


class Accepted(msgspec.Struct, frozen=True):
    """A command as it was first accepted."""

    fingerprint: bytes
    accepted_at: datetime
    confirmed: bool


class AnsweredMeanwhile(Exception):
    """Somebody else answered in this conversation; nothing was accepted. `last` is that answer."""

    def __init__(self, last: UUID | None) -> None:
        super().__init__("answered meanwhile")
        self.last = last


class Store:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def conversation(self, id: str) -> Held | None:
        """A conversation as the router has it now."""
        fetch = self._pool.fetchrow(
            "select id, tenant, number, department, departments, closed_at is not null as closed"
            " from router.conversation where id = $1",
            id,
        )
        row = await within(ANSWER_SECONDS, fetch)
        return Held(**{**row, "departments": tuple(row["departments"])}) if row else None

    async def accept(self, new: Acceptance) -> Accepted:
        """Write it down unless it is there; what is there then. AnsweredMeanwhile when its sender
        has not seen the last answer."""
        return await within(ANSWER_SECONDS, self._accept(new))

    async def _accept(self, new: Acceptance) -> Accepted:
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                _INSERT, new.id, new.tenant, new.token, new.fingerprint, new.at
            )
            if row is None:  # a request before this one, or beside it
                row = await connection.fetchrow(_SELECT, new.id)
                assert row is not None  # rows are never taken out while they can be asked for
            elif new.conversation:
                await _answer(connection, new)
        return Accepted(row["fingerprint"], row["accepted_at"], row["confirmed_at"] is not None)

    async def accepted(self, id: UUID) -> bool:
        """Whether a command was accepted before: then it is answered as it was."""
        return await within(ANSWER_SECONDS, self._pool.fetchrow(_SELECT, id)) is not None

    async def confirm(self, id: UUID, at: datetime) -> None:
        update = self._pool.execute(
            "update gateway.command set confirmed_at = $2 where id = $1 and confirmed_at is null",
            id,
            at,
        )
        await within(ANSWER_SECONDS, update)

    async def message(self, id: UUID, rights: Rights) -> dict[str, Any] | None:
        """An order of this token as it stands: accepted until the router knows better. None for one
        that never became safe: its sender was told to try again."""
        mine = (id, rights.tenant, rights.name)
        row = await within(ANSWER_SECONDS, self._pool.fetchrow(_MESSAGE, *mine))
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


async def _answer(connection: Connection, new: Acceptance) -> None:
    """Make it the last answer, if the last one was seen: compared and set at once, since a row that
    another transaction is changing is waited for."""
    answer = (new.conversation, new.id, new.at)
    if new.last is UNSET:
        done = await connection.fetchval(_ANSWER, *answer)
    elif new.last is None:
        done = await connection.fetchval(_FIRST_ANSWER, *answer)
    else:
        seen = (*answer, new.last)
        done = await connection.fetchval(_NEXT_ANSWER, *seen) or await connection.fetchval(
            _AFTER_THE_OPENING, *seen, new.tenant
        )
    if done is None:
        last = "select message from gateway.answer where conversation = $1"
        raise AnsweredMeanwhile(await connection.fetchval(last, new.conversation))


_INSERT = """
insert into gateway.command (id, tenant, token, fingerprint, accepted_at)
values ($1, $2, $3, $4, $5) on conflict (id) do nothing
returning fingerprint, accepted_at, confirmed_at
"""

_SELECT = "select fingerprint, accepted_at, confirmed_at from gateway.command where id = $1"

_FIRST_ANSWER = """
insert into gateway.answer (conversation, message, at) values ($1, $2, $3)
on conflict (conversation) do nothing returning message
"""

_ANSWER = """
insert into gateway.answer (conversation, message, at) values ($1, $2, $3)
on conflict (conversation) do update set message = excluded.message, at = excluded.at
returning message
"""

_NEXT_ANSWER = """
update gateway.answer set message = $2, at = $3 where conversation = $1 and message = $4
returning message
"""

# The last answer was a message to a number, which opened the conversation. A message stands in the
# ledger: a note, or what the router refused, never does. One that Meta refused is an answer all the
# same, as any later one is.
_AFTER_THE_OPENING = """
insert into gateway.answer (conversation, message, at)
select $1, $2, $3 where exists (
    select from gateway.command c join router.outgoing o on o.id = c.id
    join deliverer.ledger l on l.id = c.id
    where c.id = $4 and c.tenant = $5 and o.conversation = $1)
on conflict (conversation) do nothing returning message
"""

# Until the router knows better, what the ledger says of why it waits.
_MESSAGE = """
select c.id, c.accepted_at, o.conversation, o.status, o.changed_at,
    coalesce(nullif(o.reason, ''), l.reason) as reason, coalesce(nullif(o.code, 0), l.code) as code
from gateway.command c
left join router.outgoing o on o.id = c.id
left join deliverer.ledger l on l.id = c.id and l.state = 'queued'
where c.id = $1 and c.tenant = $2 and c.token = $3
    and (c.confirmed_at is not null or o.id is not null)
"""
