"""The sheet of the balance in PostgreSQL: read it, and accept what is missing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from archiver.balance.sheet import BATCH, ENTRY, MISSABLE, Count, Missing, Sheet, build_lines
from archiver.balance.turn import take_turn
from services.postgres.database import Connection, Pool

LISTED = 100
"""Missing things that a sheet lists: enough to see what they have in common."""
ALL = "all"
"""Word for everything that is missing, in place of ids."""
GAP_SECONDS = 600
"""Time that a batch may be late: it is delivered again after its connection broke."""


async def load_sheet(pool: Pool, listed: int = LISTED) -> Sheet:
    """Load the sheet as the last round left it."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        progress = await connection.fetchrow(_PROGRESS)
        ended = await connection.fetch("select equation, subject, part, count from balance.total")
        open = await connection.fetch(_OPEN)
        missing = await connection.fetch(_MISSING, GAP_SECONDS, listed)
        counts = await connection.fetch(_COUNTS, GAP_SECONDS)
    assert progress
    return Sheet(
        begun_at=progress["begun_at"],
        round_at=progress["round_at"],
        past_at=progress["past_at"],
        lines=[*build_lines((Count(*row) for row in ended), (Count(*row) for row in open))],
        missing=[Missing(**row) for row in missing],
        missing_counts=dict.fromkeys(MISSABLE, 0)
        | {row["equation"]: row["count"] for row in counts},
    )


async def count_gaps(pool: Pool) -> dict[int, int]:
    """Return the number of batches that are missing for longer than GAP_SECONDS, by partition."""
    rows: list[Any] = await pool.fetch(_GAPS, GAP_SECONDS)
    return {row["partition"]: row["count"] for row in rows}


async def accept_missing(connection: Connection, ids: Sequence[str], operation: UUID) -> int:
    """Take these off the sheet, or with ALL everything that is missing now, because a person looked
    into it. Return their number. `operation` is the id of their entry for the record. The role must
    be that of the tables' owner. Busy if others have the turn."""
    await take_turn(connection)
    given = [id.lower() for id in ids]
    accepted: int = await connection.fetchval(_ACCEPT, ALL in ids, given, operation)
    return accepted


async def begin_anew(connection: Connection) -> None:
    """Begin the balance here and now, after a restore into another cluster.

    The role must be that of the tables' owner. Busy if others have the turn.
    """
    await take_turn(connection)
    for statement in _BEGIN_ANEW:
        await connection.execute(statement)


_PROGRESS = """
select begun_at, round_at, whole_at as past_at from balance.progress, balance.past
"""

_OPEN = """
select equation, subject, part, count(*) as count from balance.open
where equation <> 'receipt' and not is_gone group by 1, 2, 3
"""

_LOST = f"""
select equation, id::text as id, subject, began_at as since, is_gone from balance.open
where part = 'missing'
union all
select '{BATCH}', source || ':' || number, partition::text, since, false from balance.lost_batch
where since < now() - make_interval(secs => $1)
union all
select '{ENTRY}', position::text, '', since, true from balance.lost_entry where accepted_at is null
"""

_MISSING = f"{_LOST} order by since, id limit $2"
_COUNTS = f"select equation, count(*) as count from ({_LOST}) lost group by 1"

_GAPS = """
select partition, count(*) as count from balance.lost_batch
where since < now() - make_interval(secs => $1) group by 1
"""

_ACCEPT = """
with accepted as (
    delete from balance.open where part = 'missing' and ($1 or id::text = any($2::text[]))
    returning equation, id, subject, is_gone
), remembered as (
    insert into balance.accepted (equation, id, subject, operation)
    select equation, id, subject, $3 from accepted on conflict do nothing
), gap as (
    update router.gap set accepted_at = now()
    where accepted_at is null and ($1 or source || ':' || number = any($2::text[]))
    returning partition
), batches as (
    -- Those of a source that ended are a range, and accepted as one.
    select source, partition, next - lost_from as count from balance.published p
    where lost_at is not null and ($1 or exists (
        select from generate_series(p.lost_from, p.next - 1) n
        where p.source || ':' || n = any($2::text[])))
), range as (
    delete from balance.published p using batches b
    where (p.source, p.partition) = (b.source, b.partition)
), entry as (
    update balance.lost_entry set accepted_at = now(), operation = $3
    where accepted_at is null and ($1 or position::text = any($2::text[])) returning position
), summed as (
    insert into balance.total as t (equation, subject, part, count)
    select equation, subject, 'accepted', count(*) from accepted
    where equation <> 'receipt' and not is_gone group by 1, 2
    on conflict (equation, subject, part) do update set count = t.count + excluded.count
)
select (select count(*) from accepted) + (select count(*) from gap) + (select count(*) from entry)
    + (select coalesce(sum(count), 0)::bigint from batches)
"""

# Decisions of the other cluster may have numbers that are yet to come here.
_BEGIN_ANEW = (
    "update router.inbox set xact = null where xact >= pg_current_xact_id()::text::bigint",
    "update router.lease set published = 0",
    "truncate balance.total, balance.open, balance.consumer, balance.accepted, balance.lost_entry",
    "truncate balance.published",
    """
    insert into balance.progress (recorded, cluster) values (0, 0) on conflict do nothing
    """,
    "insert into balance.past default values on conflict do nothing",
    """
    update balance.progress set begun_at = now(), round_at = null,
        decided = pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        recorded = (select size from archiver.head),
        cluster = (select system_identifier from pg_control_system())
    """,
    """
    update balance.past set first_xact = decided, first_position = recorded, xact = decided,
        position = recorded, end_xact = decided, end_position = recorded, began_at = now(),
        whole_at = null from balance.progress
    """,
)
