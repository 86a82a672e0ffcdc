"""Counts of what was put aside because it could not be read, decided or archived, by where and why.
No row shows what it is about, and none is changed here: that takes an operator."""

from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.destinations.delivery_store import COUNTED, MAX_REASONS
from gateway.destinations.ownership import QuarantineScope
from services.postgres.database import ANSWER_SECONDS, Pool
from services.tasks import with_timeout


class QuarantineCounts(msgspec.Struct, frozen=True):
    """Rows with `place`, `reason`, `count` and `oldest_at`, the most frequent first."""

    by_department: list[dict[str, Any]]
    by_destination: list[dict[str, Any]]
    by_number: list[dict[str, Any]]

    def of(self, destination: str, departments: Iterable[str]) -> list[dict[str, Any]]:
        """Return those of a destination and of the departments whose events go there."""
        names = frozenset(departments)
        rows = [row for row in self.by_department if row["name"] in names]
        rows += [row for row in self.by_destination if row["name"] == destination]
        return merge_counts(rows)


def merge_counts(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add up rows of the same place and reason, whatever they are of. Pure."""
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = row["place"], row["reason"]
        other = merged.get(key)
        count, oldest_at = row["count"], row["oldest_at"]
        if other:
            count, oldest_at = count + other["count"], min(oldest_at, other["oldest_at"])
        merged[key] = row | {"count": count, "oldest_at": oldest_at}
    return sorted(merged.values(), key=lambda row: (-row["count"], row["oldest_at"]))[:MAX_REASONS]


class QuarantineStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def count(self, scope: QuarantineScope) -> QuarantineCounts:
        """Return what waits in this scope, COUNTED of each place at most."""
        departments = await self._fetch(_BY_DEPARTMENT, scope.tenant, list(scope.departments))
        destinations = await self._fetch(_BY_DESTINATION, list(scope.destinations))
        numbers = await self._fetch(_BY_NUMBER, list(scope.numbers)) if scope.numbers else []
        return QuarantineCounts(departments, destinations, numbers)

    async def _fetch(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        rows = await with_timeout(ANSWER_SECONDS, self._pool.fetch(sql, *arguments))
        return [dict(row) for row in rows]


_ROUTER = "router.quarantine q where q.again_at is null and q.dropped_at is null"
_ARCHIVER = "archiver.quarantine q where q.conversation <> ''"


def _grouped(*selects: str) -> str:
    """Return the query that counts the rows of some places, by name and reason."""
    rows = " union all ".join(f"({each} order by q.at limit {COUNTED})" for each in selects)
    return f"""
select place, name, reason, count(*) as count, min(at) as oldest_at from ({rows}) found
group by place, name, reason order by count(*) desc, min(at) limit {COUNTED}
"""


def _of_departments(place: str, rows: str) -> str:
    table, _, condition = rows.partition(" where ")
    return f"""
select '{place}' as place, c.department as name, q.reason, q.at
from {table} join router.conversation c on c.id = q.conversation
where {condition} and c.tenant = $1 and c.department = any($2::text[])
"""


def _of_numbers(place: str, number: str, rows: str) -> str:
    return f"""
select '{place}' as place, {number} as name, q.reason, q.at from {rows}
and {number} = any($1::text[])
and not exists (select from router.conversation c where c.id = q.conversation)
"""


_BY_DEPARTMENT = _grouped(
    _of_departments("router", _ROUTER), _of_departments("archiver", _ARCHIVER)
)
_BY_DESTINATION = _grouped("""
select 'deliverer' as place, q.destination as name, q.reason, q.at from deliverer.delivery q
where q.destination = any($1::text[]) and q.state = 'parked' and q.conversation = ''
""")
"""An unreadable batch is parked as one delivery of no conversation."""
_BY_NUMBER = _grouped(
    _of_numbers("router", "q.number", _ROUTER),
    _of_numbers("archiver", "split_part(q.conversation, '-', 1)", _ARCHIVER),
)
"""Rows of no conversation that is known. The id of a conversation begins with its number."""
