"""Contacts of destroyed conversations that an Open Klant still has, in PostgreSQL."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from deliverer.destinations.openklant.erasure.contact_chain import Owner
from deliverer.destinations.openklant.row_seals import BOUND, CONTACT, REGISTRATION, fits
from services.postgres.database import Pool, retry_while_unavailable

LEASE_SECONDS = 600.0
"""Time for which a process has an erasure. The longest one has some 1,000 requests of 0.1 s."""


class ContactErasure(msgspec.Struct, frozen=True, kw_only=True):
    """Contact that is to go, by Open Klant's ids as far as they are known."""

    event: UUID
    """Mark by which it is found."""
    conversation: str
    answers: UUID | None
    klantcontact: UUID | None
    betrokkene: UUID | None
    addresses: list[UUID]
    seal: bytes | None
    registered: list[UUID]
    registered_messages: list[UUID | None]
    registered_seals: list[bytes | None]
    tries: int


class ErasureStore:
    def __init__(self, pool: Pool, destination: str) -> None:
        self._pool, self._destination = pool, destination

    async def claim(self, limit: int) -> list[ContactErasure]:
        """Claim the erasures that are due first; none while an operator has paused the
        destination."""
        rows = await self._rows(_CLAIM, limit, LEASE_SECONDS)
        return [ContactErasure(**row) for row in rows]

    async def keep_turn(self, erasure: ContactErasure) -> None:
        """Keep an erasure that takes long from being claimed by another process."""
        await self._rows(_KEEP_TURN, erasure.event, LEASE_SECONDS)

    async def find_owners(
        self, erasure: ContactErasure, contacts: Sequence[str]
    ) -> dict[str, Owner]:
        """Return those of these contacts that are ours: of this conversation, or of another."""
        rows = await self._rows(_OWNERS, list(map(UUID, contacts)), erasure.conversation)
        return {str(row["klantcontact"]): "same" if row["is_same"] else "other" for row in rows}

    async def note_kept(self, erasure: ContactErasure, kept: Sequence[str]) -> None:
        """Store what will stay, before anything goes."""
        if kept:
            await self._rows(_NOTE_KEPT, erasure.event, list(kept))

    async def finish(self, erasure: ContactErasure, kept: Sequence[str]) -> None:
        """Store that nothing is left but what is named here."""
        await self._rows(_FINISH, erasure.event, list(kept))

    async def put_off(self, erasure: ContactErasure, reason: str, seconds: float) -> None:
        await self._rows(_PUT_OFF, erasure.event, reason, seconds)

    def is_forged(self, erasure: ContactErasure) -> bool:
        """True if the row does not fit its hash: then a hand wrote whose contact it is."""
        row = {name: getattr(erasure, name) for name in (*BOUND[CONTACT], "seal")}
        return not fits(CONTACT, self._destination, row)

    def registered(self, erasure: ContactErasure) -> list[str]:
        """Return the registrations that fit their hash."""
        parts = erasure.registered, erasure.registered_messages, erasure.registered_seals
        rows = [
            {"klantcontact": id, "contact": erasure.event, "message": message, "seal": seal}
            for id, message, seal in zip(*parts, strict=True)
        ]
        check = partial(fits, REGISTRATION, self._destination)
        return [str(row["klantcontact"]) for row in rows if check(row)]

    async def _rows(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        fetch = partial(self._pool.fetch, statement, self._destination, *parameters)
        return [dict(row) for row in await retry_while_unavailable(fetch, "contact erasure")]


async def count_waiting(pool: Pool) -> dict[str, tuple[int, timedelta]]:
    """Return for each Open Klant how many contacts still wait, and for how long."""
    rows = await retry_while_unavailable(lambda: pool.fetch(_WAITING), "contact erasure")
    return {row["destination"]: (row["count"], row["age"]) for row in rows}


_CLAIM = """
update deliverer.contact_erasure e
set due_at = now() + make_interval(secs => $3), tries = tries + 1
where (destination, event) in (
    select c.destination, c.event from deliverer.contact_erasure c
    where c.destination = $1 and c.ended_at is null and c.due_at <= now()
        and not exists (select from deliverer.pause where destination = $1)
    order by c.due_at limit $2 for update skip locked)
returning event, conversation, answers, klantcontact, betrokkene, addresses, seal, registered,
    registered_messages, registered_seals, tries
"""
_KEEP_TURN = """
update deliverer.contact_erasure set due_at = now() + make_interval(secs => $3)
where destination = $1 and event = $2 and ended_at is null
"""
# A contact of the same conversation has a row of its own, which may have ended.
_OWNERS = """
select klantcontact, bool_and(is_same) as is_same from (
    select klantcontact, conversation = $3 as is_same from deliverer.contact_erasure
    where destination = $1 and klantcontact = any($2::uuid[])
    union all
    select klantcontact, conversation = $3 from deliverer.klantcontact
    where destination = $1 and klantcontact = any($2::uuid[])
    union all
    select r.klantcontact, k.conversation = $3 from deliverer.registration r
    join deliverer.klantcontact k on k.destination = r.destination and k.event = r.contact
    where r.destination = $1 and r.klantcontact = any($2::uuid[])) owned
group by klantcontact
"""
_NOTE_KEPT = """
update deliverer.contact_erasure
set kept = array(select distinct unnest(kept || $3::text[]) as one order by one)
where destination = $1 and event = $2
"""
# An attempt that broke off may have named more.
_FINISH = """
update deliverer.contact_erasure set ended_at = now(), reason = '',
    kept = array(select distinct unnest(kept || $3::text[]) as one order by one)
where destination = $1 and event = $2
"""
_PUT_OFF = """
update deliverer.contact_erasure set reason = $3, due_at = now() + make_interval(secs => $4)
where destination = $1 and event = $2
"""
_WAITING = """
select destination, count(*) as count, now() - min(planned_at) as age
from deliverer.contact_erasure where ended_at is null group by destination
"""
