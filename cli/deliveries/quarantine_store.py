"""Table of the router's quarantine: find, decide again, drop."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from cli.support.output import TO_FETCH, CommandRefused
from cli.support.working_keys import opening
from services.postgres.database import Connection, Pool
from services.sealing.columns import QUARANTINE, bind
from services.sealing.key_ring import RING

WAITING, AGAIN, DROPPED = "waiting", "again", "dropped"
MAX_IDS = 100
"""Most ids in one audit entry, 4 kB; the entry also has their number."""


class QuarantineFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Criteria for quarantined units; a criterion that is not set does not matter.

    `cause`: the reason of the quarantine, in full.
    """

    ids: tuple[UUID, ...] = ()
    cause: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_narrow(self) -> bool:
        """True if any criterion is set."""
        return self != QuarantineFilter()

    def as_data(self) -> dict[str, Any]:
        """Return the criteria for an audit entry, with at most MAX_IDS ids."""
        fields = msgspec.to_builtins(self) | {"ids": [str(id) for id in self.ids[:MAX_IDS]]}
        return {name: value for name, value in fields.items() if value not in (None, [])}

    def arguments(self) -> tuple[Any, ...]:
        """Return the values of the parameters of `_MATCHES`."""
        return list(self.ids) or None, self.cause, self.since, self.until


class QuarantinedUnit(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A quarantined unit without its contents.

    `refusal` says why it cannot be decided again, or is ''. `settled_at` is the time at which a
    person had it decided again, or dropped it.
    """

    id: UUID
    state: str
    at: datetime
    receipt: UUID | None
    reason: str
    size: int
    refusal: str
    settled_at: datetime | None
    drop_reason: str


async def list_units(
    pool: Pool, criteria: QuarantineFilter, state: str | None
) -> list[QuarantinedUnit]:
    """Return the matching units, the oldest first, at most TO_FETCH."""
    rows = await pool.fetch(_LIST, *criteria.arguments(), state, TO_FETCH)
    return [QuarantinedUnit(**row) for row in rows]


async def find_unit(pool: Pool, id: UUID) -> QuarantinedUnit:
    units = await list_units(pool, QuarantineFilter(ids=(id,)), None)
    if not units:
        raise CommandRefused(f"there is nothing in quarantine under {id}")
    return units[0]


async def load_content(pool: Pool, id: UUID) -> bytes:
    """Return the bytes of a unit, as they came in; empty once it went again or was dropped."""
    content: bytes = await pool.fetchval("select raw from router.quarantine where id = $1", id)
    with opening(f"the unit {id}"):
        return RING.unseal(content, QUARANTINE, bind(id))


async def require_waiting(
    connection: Connection, ids: Sequence[UUID], *, to_retry: bool = False
) -> None:
    """Raise CommandRefused for each of these units that does not wait for a person, or cannot be
    decided again."""
    rows = await connection.fetch(_LIST, list(ids) or [], None, None, None, None, len(ids))
    found = {row["id"]: QuarantinedUnit(**row) for row in rows}
    faults = [_refusal(id, found.get(id), to_retry) for id in dict.fromkeys(ids)]
    if any(faults):
        raise CommandRefused("\n".join(filter(None, faults)))


def _refusal(id: UUID, unit: QuarantinedUnit | None, to_retry: bool) -> str:
    if unit is None:
        return f"there is nothing in quarantine under {id}"
    if unit.settled_at:
        verb = "was dropped" if unit.state == DROPPED else "went again"
        return f"{id} {verb} at {unit.settled_at:%Y-%m-%d %H:%M:%S}Z"
    return f"{id} cannot be decided again: {unit.refusal}" if to_retry and unit.refusal else ""


async def count_waiting(
    connection: Connection, criteria: QuarantineFilter, *, to_retry: bool
) -> int:
    """Return how many matching units wait; `to_retry` leaves out those that cannot go again."""
    query = _COUNT_RETRIABLE if to_retry else _COUNT
    count: int = await connection.fetchval(query, *criteria.arguments())
    return count


async def decide_again(connection: Connection, criteria: QuarantineFilter) -> int:
    """Have the matching units decided again, if they can be, and return their number."""
    return len(await connection.fetch(_AGAIN, *criteria.arguments()))


async def drop(connection: Connection, criteria: QuarantineFilter, reason: str) -> int:
    """Drop the matching units, for a reason that is archived, and return their number."""
    return len(await connection.fetch(_DROP, *criteria.arguments(), reason))


_MATCHES = """(id = any($1) or $1::uuid[] is null) and ($2::text is null or reason = $2)
    and ($3::timestamptz is null or at >= $3) and ($4::timestamptz is null or at < $4)"""
_WAITING = f"again_at is null and dropped_at is null and {_MATCHES}"
_RETRIABLE = f"{_WAITING} and refusal = ''"
_LIST = f"""
select * from (
    select id, at, receipt, reason, length(raw) as size, refusal, drop_reason,
        coalesce(dropped_at, again_at) as settled_at,
        case when dropped_at is not null then '{DROPPED}' when again_at is not null then '{AGAIN}'
            else '{WAITING}' end as state
    from router.quarantine where {_MATCHES}
) unit where $5::text is null or state = $5 order by at, id limit $6
"""
_COUNT = f"select count(*) from router.quarantine where {_WAITING}"
_COUNT_RETRIABLE = f"select count(*) from router.quarantine where {_RETRIABLE}"
_AGAIN = f"update router.quarantine set again_at = now() where {_RETRIABLE} returning id"

# It is never decided, so its contents are not needed. The archive has them until they expire.
_DROP = f"""
update router.quarantine set dropped_at = now(), drop_reason = $5, raw = '', entry = null
where {_WAITING} returning id
"""
