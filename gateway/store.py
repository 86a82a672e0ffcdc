"""The commands that were accepted: what makes the same key and body give the same answer."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.database import ANSWER_SECONDS, Pool
from services.tasks import within


class Accepted(msgspec.Struct, frozen=True):
    """A command as it was first accepted."""

    fingerprint: bytes
    accepted_at: datetime
    confirmed: bool


class Store:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def accept(self, id: UUID, token: str, fingerprint: bytes, at: datetime) -> Accepted:
        """Write the command down, unless it is there; what is there then."""
        fetch = self._pool.fetchrow(
            "with new as (insert into gateway.command (id, token, fingerprint, accepted_at)"
            "  values ($1, $2, $3, $4) on conflict (id) do nothing"
            "  returning fingerprint, accepted_at, confirmed_at)"
            " select * from new union all"
            " select fingerprint, accepted_at, confirmed_at from gateway.command where id = $1"
            " limit 1",
            id,
            token,
            fingerprint,
            at,
        )
        row = await within(ANSWER_SECONDS, fetch)
        if row is None:  # written by a request beside this one, after our snapshot
            return await self.accept(id, token, fingerprint, at)
        return Accepted(row["fingerprint"], row["accepted_at"], row["confirmed_at"] is not None)

    async def confirm(self, id: UUID, at: datetime) -> None:
        update = self._pool.execute(
            "update gateway.command set confirmed_at = $2 where id = $1 and confirmed_at is null",
            id,
            at,
        )
        await within(ANSWER_SECONDS, update)

    async def message(self, id: UUID, token: str) -> dict[str, Any] | None:
        """A message of this token as it stands: accepted until the router knows better."""
        fetch = self._pool.fetchrow(
            # Until the router knows better, what the ledger says of why it waits.
            "select c.id, c.accepted_at, o.conversation, o.status, o.changed_at,"
            " coalesce(nullif(o.reason, ''), l.reason) as reason,"
            " coalesce(nullif(o.code, 0), l.code) as code"
            " from gateway.command c left join router.outgoing o on o.id = c.id"
            " left join deliverer.ledger l on l.id = c.id and l.state = 'queued'"
            " where c.id = $1 and c.token = $2",
            id,
            token,
        )
        row = await within(ANSWER_SECONDS, fetch)
        if row is None:
            return None
        return {
            "id": row["id"],
            "conversationId": row["conversation"],
            "status": row["status"] or "accepted",
            "reason": row["reason"] or None,
            "code": row["code"] or None,
            "acceptedAt": row["accepted_at"],
            "changedAt": row["changed_at"] or row["accepted_at"],
        }
