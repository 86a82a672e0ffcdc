"""Secrets of a destination in PostgreSQL, sealed. What was stored is never shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from gateway.destinations.action import Action, insert_action
from services.postgres.database import ANSWER_SECONDS, Connection, Pool
from services.refusal import Refusal
from services.sealing.columns import SECRET, bind
from services.sealing.key_ring import RING
from services.tasks import with_timeout

IN_FORCE = 4
"""Most secrets that sign at once: each costs 0.08 ms of an event of 64 KiB."""
TOO_MANY = Refusal("too_many_secrets", f"{IN_FORCE} secrets are in force: end one first")
LAST = Refusal("last_secret", "no other secret stays in force: add one first")


class NewSecretRow(msgspec.Struct, frozen=True):
    """A secret that is to be stored. Never print it."""

    id: UUID
    secret: str
    token: str


class SecretStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_secrets(self, destination: str, now: datetime) -> list[dict[str, Any]]:
        """Return the secrets in force, oldest first, without their values."""
        rows = await with_timeout(ANSWER_SECONDS, self._pool.fetch(_LIST, destination, now))
        return [dict(row) for row in rows]

    async def add(
        self, new: NewSecretRow, others_end_at: datetime | None, action: Action
    ) -> Refusal | None:
        """Store a secret, and give the others their end."""
        return await with_timeout(ANSWER_SECONDS, self._add(new, others_end_at, action))

    async def end(self, id: UUID, at: datetime, action: Action) -> Refusal | datetime | None:
        """End a secret at a time, and return it; None if no secret in force has this id."""
        return await with_timeout(ANSWER_SECONDS, self._end(id, at, action))

    async def _add(
        self, new: NewSecretRow, others_end_at: datetime | None, action: Action
    ) -> Refusal | None:
        destination = action.destination
        async with self._pool.acquire() as connection, connection.transaction():
            if len(await _lock(connection, destination, action.at)) >= IN_FORCE:
                return TOO_MANY
            if others_end_at:
                await connection.execute(_END_OTHERS, destination, others_end_at)
            sealed = RING.seal(new.secret.encode(), SECRET, bind(new.id, destination))
            row = new.id, destination, sealed, new.token, action.at
            await connection.execute(_ADD, *row)
            await insert_action(connection, action)
        return None

    async def _end(self, id: UUID, at: datetime, action: Action) -> Refusal | datetime | None:
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await _lock(connection, action.destination, action.at)
            if id not in {row["id"] for row in rows}:
                return None
            if not stays_signed(rows, id):
                return LAST
            await connection.execute(_END, id, at)
            await insert_action(connection, action)
        return at


def stays_signed(rows: Sequence[Any], ended: UUID) -> bool:
    """Return True if a secret without an end is left when one is ended. Pure."""
    return any(row["id"] != ended and row["ends_at"] is None for row in rows)


async def _lock(connection: Connection, destination: str, now: datetime) -> Sequence[Any]:
    """Return the secrets in force, for one change of a destination at a time."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", destination)
    return await connection.fetch(_LIST, destination, now)


_LIST = """
select id, source, added_at, ends_at from deliverer.secret
where destination = $1 and (ends_at is null or ends_at > $2) order by added_at, id
"""
_ADD = """
insert into deliverer.secret (id, destination, source, sealed, token, added_at)
values ($1, $2, 'api', $3, $4, $5)
"""
_END = "update deliverer.secret set ends_at = $2 where id = $1"
_END_OTHERS = """
update deliverer.secret set ends_at = $2
where destination = $1 and (ends_at is null or ends_at > $2)
"""
