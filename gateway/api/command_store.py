"""The accepted commands.

The same key and body get the same answer again, and two people do not answer the same citizen at
once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from gateway.commands.authorization import ConversationView
from gateway.commands.idempotency import CAME
from services.http.rights import Rights
from services.ids import CONVERSATION
from services.postgres.database import ANSWER_SECONDS, Connection, Pool
from services.sealing.columns import ADDRESS, FINGERPRINT
from services.sealing.key_ring import RING
from services.tasks import with_timeout
from services.trial import TrialState
from services.whatsapp.identities import address

UNCONFIRMED_LIFETIME = timedelta(seconds=15)
"""Time for which an answer without a confirm still counts. Its sender has had a 503 long before,
also by the clock of another gateway."""


class NewCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command that is to be accepted."""

    id: UUID
    tenant: str
    token: str
    fingerprint: bytes
    at: datetime
    conversation: str = ""
    """Conversation that the command is for."""
    department: str = ""
    """Department that owns the conversation."""
    is_answer: bool = True
    """False for a reaction: it is sent in the conversation and is no answer."""
    last: UUID | UnsetType | None = UNSET
    """Last answer in the conversation that the sender has seen; None for none, UNSET if the sender
    did not say."""


class StoredCommand(msgspec.Struct, frozen=True):
    """A command as it was first accepted."""

    is_same: bool
    """True if it came with the same body."""
    accepted_at: datetime
    confirmed: bool


class TrialView(msgspec.Struct, frozen=True, kw_only=True):
    """The trial of a number on record, and if one addressee is on its guest list."""

    state: TrialState
    is_guest: bool


class NumberNotice(msgspec.Struct, frozen=True, kw_only=True):
    """The last state and notice that the contact centre set for a number, ended or not.

    '' means no notice.
    """

    state: str = "open"
    state_text: str = ""
    state_until: datetime | None = None
    notice: str = ""
    notice_until: datetime | None = None


class AnsweredMeanwhile(Exception):
    """Another person answered in this conversation, so nothing was accepted.

    `last` is that answer. `department` owns it, and the sender may not be allowed to know of it.
    """

    def __init__(self, last: UUID | None, department: str) -> None:
        super().__init__("answered meanwhile")
        self.last, self.department = last, department


class CommandStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find_conversation(self, id: str) -> ConversationView | None:
        """Return a conversation as the router last stored it, or None."""
        fetch = self._pool.fetchrow(
            "select id, tenant, number, department, departments, closed_at is not null as closed"
            " from router.conversation where id = $1",
            id,
        )
        row = await with_timeout(ANSWER_SECONDS, fetch)
        return (
            ConversationView(**{**row, "departments": tuple(row["departments"])}) if row else None
        )

    async def find_trial(self, number: str, addressee: str) -> TrialView:
        """Return the trial of a number for an addressee: an address, or a conversation's id."""
        to = address("" if CONVERSATION.fullmatch(addressee) else addressee)
        value = RING.seal_name(to.value, ADDRESS)
        query = self._pool.fetchrow(_TRIAL, number, to.kind, value, addressee)
        row = await with_timeout(ANSWER_SECONDS, query)
        assert row is not None  # a select without a table
        return TrialView(**row)

    async def accept(self, new: NewCommand) -> StoredCommand:
        """Store a command unless it was stored before, and return the stored one.

        AnsweredMeanwhile if the sender has not seen the last answer.
        """
        return await with_timeout(ANSWER_SECONDS, self._accept(new))

    async def _accept(self, new: NewCommand) -> StoredCommand:
        keyed = RING.hash(new.fingerprint, FINGERPRINT)

        def is_same(fingerprint: bytes) -> bool:
            # A version that did not seal stored the fingerprint itself.
            return fingerprint in (keyed, new.fingerprint, CAME)

        async with self._pool.acquire() as connection, connection.transaction():
            if new.last is not UNSET:
                await connection.execute(_LOCK, new.conversation)
            place = (new.conversation, new.department) if new.is_answer else ("", "")
            row = await connection.fetchrow(
                _INSERT, new.id, new.tenant, new.token, keyed, new.at, *place
            )
            if row:
                await _raise_if_answered(connection, new)
            else:  # an earlier or a simultaneous request
                row = await connection.fetchrow(_SELECT, new.id)
                assert row is not None  # rows are not deleted while they can be asked for
                if row["confirmed_at"] is None and is_same(row["fingerprint"]):
                    await _retry(connection, new)
        return StoredCommand(
            is_same(row["fingerprint"]), row["accepted_at"], row["confirmed_at"] is not None
        )

    async def is_accepted(self, id: UUID) -> bool:
        """Return True if this command was accepted before: then it gets the same answer again."""
        return await with_timeout(ANSWER_SECONDS, self._pool.fetchrow(_SELECT, id)) is not None

    async def confirm(self, id: UUID, at: datetime) -> None:
        update = self._pool.execute(
            "update gateway.command set confirmed_at = $2 where id = $1 and confirmed_at is null",
            id,
            at,
        )
        await with_timeout(ANSWER_SECONDS, update)

    async def find_notices(self, numbers: Sequence[str]) -> dict[str, NumberNotice]:
        """Return the notices of those of these numbers that ever had one."""
        rows = await with_timeout(ANSWER_SECONDS, self._pool.fetch(_NOTICES, numbers))
        return {
            row["number"]: NumberNotice(**{k: row[k] for k in NumberNotice.__struct_fields__})
            for row in rows
        }

    async def find_message(self, id: UUID, rights: Rights) -> dict[str, Any] | None:
        """Return the status of a command of this token: `accepted` until the router has another.

        None for a command that never became safe: its sender was told to try again.
        """
        query = self._pool.fetchrow(_MESSAGE, id, rights.tenant, rights.name)
        row = await with_timeout(ANSWER_SECONDS, query)
        if row is None:
            return None
        return {
            "id": row["id"],
            "conversationId": row["conversation"] or None,
            "status": row["status"] or "accepted",
            "reason": row["reason"] or None,
            "code": row["code"] or None,
            "author": {"kind": row["author_kind"]} if row["author_kind"] else None,
            "acceptedAt": row["accepted_at"],
            "changedAt": row["changed_at"] or row["accepted_at"],
        }


async def _retry(connection: Connection, new: NewCommand) -> None:
    """Prepare an unconfirmed command for publishing again.

    If it no longer counted, others may have answered since: it gets a new position and the check is
    repeated.
    """
    if await connection.fetchval(_REQUEUE, new.id, new.at, new.at - UNCONFIRMED_LIFETIME):
        await _raise_if_answered(connection, new)
    else:
        await connection.execute(_TOUCH, new.id, new.at)


async def _raise_if_answered(connection: Connection, new: NewCommand) -> None:
    """Raise AnsweredMeanwhile if there is a newer answer than the sender has seen."""
    if new.last is UNSET:
        return
    query = (new.conversation, new.id, new.at - UNCONFIRMED_LIFETIME)
    newest = await connection.fetchrow(_NEWEST, *query)
    last, department = (newest["id"], newest["department"]) if newest else (None, "")
    if last != new.last:
        raise AnsweredMeanwhile(last, department)


# Held until the transaction ends, so that each of several simultaneous commands sees the one before
# it.
_LOCK = "select pg_advisory_xact_lock(hashtextextended('answer ' || $1::text, 0))"

_INSERT = """
insert into gateway.command (id, tenant, token, fingerprint, accepted_at, tried_at, conversation,
    department)
values ($1, $2, $3, $4, $5, $5, $6, $7) on conflict (id) do nothing
returning fingerprint, accepted_at, confirmed_at
"""

_SELECT = "select fingerprint, accepted_at, confirmed_at from gateway.command where id = $1"

_TOUCH = "update gateway.command set tried_at = $2 where id = $1 and confirmed_at is null"

_REQUEUE = """
update gateway.command c set tried_at = $2, position = nextval('gateway.command_position')
where c.id = $1 and c.confirmed_at is null and c.tried_at < $3
    and not exists (select from router.outgoing o where o.id = c.id)
returning c.id
"""

# An answer counts from the moment it is accepted. It stops counting if its publish stays
# unconfirmed and the router does not know it, or if the router refused it: then it is not in the
# ledger. An answer that Meta refused counts. A note or a reaction does not count. A command to a
# telephone number belongs to this conversation once the router has said so.
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

# The guests are looked at only while the number is on trial.
_TRIAL = """
select coalesce(t.state, '') as state, coalesce(t.state = 'trial' and (
    exists (select from deliverer.guest where (number, kind, value) = ($1, $2, $3))
    or exists (select from deliverer.guest_conversation where conversation = $4)), false)
        as is_guest
from (select 1) one left join (select
    case when live_at is null then 'trial' else 'live' end as state
    from deliverer.trial where number = $1) t on true
"""

_NOTICES = f"""
select number, {", ".join(NumberNotice.__struct_fields__)} from router.standing
where number = any($1::text[])
"""

# Until the router has a reason of its own, the ledger says why the message waits; also for a
# message that was on hold and is now on its way.
_MESSAGE = """
select c.id, c.accepted_at, o.conversation, o.status, o.changed_at, o.author_kind,
    case when l.state = 'queued' and o.status = 'accepted' then l.reason
        else coalesce(nullif(o.reason, ''), l.reason) end as reason,
    coalesce(nullif(o.code, 0), l.code) as code
from gateway.command c
left join router.outgoing o on o.id = c.id
left join deliverer.ledger l on l.id = c.id and l.state in ('queued', 'held')
where c.id = $1 and c.tenant = $2 and c.token = $3
    and (c.confirmed_at is not null or o.id is not null)
"""
