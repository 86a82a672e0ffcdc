"""The sheet of the balance in PostgreSQL: read it, and accept what is missing."""

from typing import Any

from archiver.balance.sheet import BATCH, EQUATIONS, Count, Missing, Sheet, build_lines
from services.postgres.database import Connection, Pool

LISTED = 100
"""Missing things that a sheet lists: enough to see what they have in common."""
GAP_SECONDS = 600
"""Time that a batch may be late: it is delivered again after its connection broke."""


async def load_sheet(pool: Pool, listed: int = LISTED) -> Sheet:
    """Load the sheet as the last round left it."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        progress = await connection.fetchrow("select begun_at, round_at from balance.progress")
        ended = await connection.fetch("select equation, subject, part, count from balance.total")
        open = await connection.fetch(_OPEN)
        missing = await connection.fetch(_MISSING, GAP_SECONDS, listed)
        counts = await connection.fetch(_COUNTS, GAP_SECONDS)
    assert progress
    return Sheet(
        begun_at=progress["begun_at"],
        round_at=progress["round_at"],
        lines=[*build_lines((Count(*row) for row in ended), (Count(*row) for row in open))],
        missing=[Missing(**row) for row in missing],
        missing_counts=dict.fromkeys(MISSABLE, 0)
        | {row["equation"]: row["count"] for row in counts},
    )


async def count_gaps(pool: Pool) -> dict[int, int]:
    """Return the number of batches that are missing for longer than GAP_SECONDS, by partition."""
    rows: list[Any] = await pool.fetch(_GAPS, GAP_SECONDS)
    return {row["partition"]: row["count"] for row in rows}


async def accept_missing(connection: Connection, id: str) -> list[str]:
    """Take something missing off the sheet, because a person looked into it. Return the equations
    that it was missing in. The role must be that of the tables' owner."""
    rows = await connection.fetch(_ACCEPT, id)
    return [row["equation"] for row in rows]


MISSABLE = ("receipt", *(equation.name for equation in EQUATIONS), BATCH)

_OPEN = """
select equation, subject, part, count(*) as count from balance.open
where equation <> 'receipt' group by 1, 2, 3
"""

_LOST = f"""
select equation, id::text as id, subject, began_at as since from balance.open
where part = 'missing'
union all
select '{BATCH}', source || ':' || number, partition::text, since from router.gap
where accepted_at is null and since < now() - make_interval(secs => $1)
"""

_MISSING = f"{_LOST} order by since, id limit $2"
_COUNTS = f"select equation, count(*) as count from ({_LOST}) lost group by 1"

_GAPS = """
select partition, count(*) as count from router.gap
where accepted_at is null and since < now() - make_interval(secs => $1) group by 1
"""

_ACCEPT = f"""
with accepted as (
    delete from balance.open where id::text = $1 and part = 'missing'
    returning equation, subject
), gap as (
    update router.gap set accepted_at = now()
    where source || ':' || number = $1 and accepted_at is null returning partition
), summed as (
    insert into balance.total as t (equation, subject, part, count)
    select equation, subject, 'accepted', count(*) from accepted
    where equation <> 'receipt' group by 1, 2
    on conflict (equation, subject, part) do update set count = t.count + excluded.count
)
select equation from accepted union all select '{BATCH}' from gap
"""
