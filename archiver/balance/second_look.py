"""The second look: what has ended must still be there.

A pass looks at every decision and every entry of the record once, in their order; then the next
pass begins. What is there no more is missing, and marked as gone: the sums have it as ended. A pass
ends where the past ended as it began, so a busy router does not prolong it.

The archiver continues its pass in each round. A command makes a pass of its own beside it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from archiver.balance.decisions import ISSUED, ITEMS_FROM, LEFT, NOT_CLEARED, STATE
from archiver.balance.turn import take_turn
from services.postgres.database import Connection, Pool

Progress = Callable[[int, int], None]
"""Takes the entries that were looked at, and their number."""


class Place(NamedTuple):
    """Place of a pass, and its end: transactions of decisions and positions in the record."""

    xact: int
    position: int
    end_xact: int
    end_position: int
    began_at: datetime

    @property
    def is_end(self) -> bool:
        return self.xact >= self.end_xact and self.position >= self.end_position


async def continue_pass(connection: Connection, count: int, begun_at: datetime) -> int:
    """Look at the next `count` decisions and entries of the archiver's pass. Return how many are
    gone. Items from before `begun_at` have no decision to be found by."""
    place = await _load_place(connection, _STORED)
    place, gone = await _look_again(connection, place, count, begun_at)
    if place.is_end:
        await connection.execute(_END, place.began_at)
        place = await _load_place(connection, _BEGINNING)
    await connection.execute(_STORE, *place)
    return gone


async def make_pass(pool: Pool, count: int, progress: Progress | None = None) -> None:
    """Look at all of the past, `count` decisions and entries at a time."""
    place = None
    while place is None or not place.is_end:
        async with pool.acquire() as connection, connection.transaction():
            await take_turn(connection)
            await connection.execute(BY_INDEX)
            place = place or await _load_place(connection, _BEGINNING)
            begun_at = await connection.fetchval(_BEGUN)
            place, _ = await _look_again(connection, place, count, begun_at)
            if place.is_end:
                await connection.execute(_END, place.began_at)
        if progress:
            progress(place.position, place.end_position)


async def _load_place(connection: Connection, query: str) -> Place:
    # The row may have been deleted by hand, like any other.
    await connection.execute("insert into balance.past default values on conflict do nothing")
    row = await connection.fetchrow(query)
    assert row
    return Place(*row)


async def _look_again(
    connection: Connection, place: Place, count: int, begun_at: datetime
) -> tuple[Place, int]:
    to_xact = await connection.fetchval(_TO_XACT, place.xact, place.end_xact, count)
    to_position = min(place.end_position, place.position + count)
    gone = await connection.fetchval(_DECISIONS, place.xact, to_xact)
    positions = place.position, to_position
    gone += await fetch_by_position(connection, _ENTRIES, *positions, begun_at)
    return place._replace(xact=to_xact, position=to_position), gone


# Each id is looked up in an index. The planner knows the tables of the balance as empty or full, as
# they happen to be when they are analyzed, and would read whole tables.
BY_INDEX = """
set local enable_hashjoin = off;
set local enable_mergejoin = off;
set local enable_seqscan = off
"""


async def fetch_by_position(connection: Connection, query: str, *arguments: object) -> Any:
    """Return the value of a query of a range of positions, planned anew each time: a plan from when
    a month was empty reads all of that month, until it is analyzed. Other queries keep their plan,
    since planning takes longer with each month of the record."""
    await connection.execute("set local plan_cache_mode = force_custom_plan")
    value = await connection.fetchval(query, *arguments)
    await connection.execute("set local plan_cache_mode = auto")
    return value


_BEGUN = "select begun_at + interval '1 second' from balance.progress"
# No pass ends or begins beyond what was taken: somebody wrote such a place.
_STORED = """
select xact, position, least(end_xact, coalesce(decided, 0)), least(end_position, recorded),
    began_at
from balance.past, balance.progress
"""
_BEGINNING = """
select case when first_xact <= decided then first_xact else 0 end,
    case when first_position <= recorded then first_position else 0 end,
    coalesce(decided, 0), recorded, now()
from balance.past, balance.progress
"""
_STORE = """
update balance.past set xact = $1, position = $2, end_xact = $3, end_position = $4, began_at = $5
"""
_END = "update balance.past set whole_at = greatest(whole_at, $1)"
_TO_XACT = """
select coalesce((select xact + 1 from router.inbox where xact >= $1 and xact < $2
    order by xact offset $3 - 1 limit 1), $2)
"""

# What is open is followed by the round, and is not looked at twice.
_NAME = """
insert into balance.open (equation, id, subject, partition, xact, part, is_gone)
select equation, id, subject, partition, xact, 'missing', true from gone
on conflict do nothing returning 1
"""
_IS_KNOWN = """
exists (select from balance.open o
    where (o.equation, o.id, o.subject) = (l.equation, l.id, l.subject))
or exists (select from balance.accepted a
    where (a.equation, a.id, a.subject) = (l.equation, l.id, l.subject))
"""

_DECISIONS = f"""
with decided as materialized (
    select xact, partition, number, is_quarantined, record, records, events, destinations, send
    from router.inbox where xact >= $1 and xact < $2 and decided_at >= {NOT_CLEARED}
), issued as materialized ({ISSUED}), found as materialized (
    select l.*, {STATE} as state from issued l
), gone as (
    select * from found l where state is null and not ({_IS_KNOWN})
), named as ({_NAME})
select count(*) from named
"""

# The positions of the record are dense, so an entry that is gone leaves a hole, also one that no
# decision names.
_ENTRIES = f"""
with there as materialized (
    select id, position, split_part(conversation, '-', 1) as wrote_to,
        item is not null and kind <> 'segment'
            and id >= archiver.first_id(greatest($3, {ITEMS_FROM}))
            and not exists ({LEFT}) as is_item
    from archiver.entry e where position >= $1 and position < $2
), items as materialized (
    select 'item' as equation, id, wrote_to as subject, null::int as partition,
        null::bigint as xact
    from there where is_item
), gone as (
    select * from items l where not exists (select from router.inbox i where i.record = l.id)
        and not ({_IS_KNOWN})
), named as ({_NAME}), back as (
    delete from balance.lost_entry where position >= $1 and position < $2
        and accepted_at is null and position in (select position from there)
), lost as (
    insert into balance.lost_entry (position)
    select generate_series($1::bigint, $2::bigint - 1) except select position from there
    on conflict do nothing returning 1
)
select (select count(*) from named) + (select count(*) from lost)
"""
