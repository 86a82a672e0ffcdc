"""The second look: what has ended must still be there.

A pass looks at every decision and every item of the record once, in their order, some in each
round; then the next pass begins. What is there no more is missing, and marked as gone: the sums
have it as ended. A pass ends where the past ended as it began, so a busy router does not prolong
it.
"""

from datetime import datetime
from typing import NamedTuple

from archiver.balance.decisions import ISSUED, STATE
from services.postgres.database import Connection, Pool


async def begin_pass(pool: Pool) -> None:
    """Begin a pass here and now: after it, what it does not name was there at this time."""
    await pool.execute(_BEGIN)


class Look(NamedTuple):
    """Some of the past that was looked at again."""

    gone: int
    position: int
    """Entries of the record that the pass has looked at."""
    end_position: int
    has_ended: bool
    """True if it was the last of its pass."""


async def look_again(connection: Connection, count: int, begun_at: datetime) -> Look:
    """Look at the next `count` decisions and items of the pass. Items from before `begun_at` have
    no decision to be found by."""
    bounds = await connection.fetchrow(_BOUNDS, count)
    assert bounds
    to_xact, to_position = bounds["to_xact"], bounds["to_position"]
    gone = await connection.fetchval(_DECISIONS, bounds["xact"], to_xact)
    gone += await connection.fetchval(_ITEMS, bounds["position"], to_position, begun_at)
    has_ended = to_xact >= bounds["end_xact"] and to_position >= bounds["end_position"]
    if has_ended:
        await connection.execute(_END)
        await connection.execute(_BEGIN)
    else:
        await connection.execute(_MOVE, to_xact, to_position)
    return Look(gone, to_position, bounds["end_position"], has_ended)


_BEGIN = """
update balance.past set xact = first_xact, position = first_position, began_at = now(),
    end_xact = coalesce(decided, 0), end_position = recorded from balance.progress
"""
_END = "update balance.past set whole_at = began_at"
_MOVE = "update balance.past set xact = $1, position = $2"

_BOUNDS = """
select xact, position, end_xact, end_position, coalesce((
        select i.xact + 1 from router.inbox i where i.xact >= p.xact and i.xact < p.end_xact
        order by i.xact offset $1 - 1 limit 1), p.end_xact) as to_xact,
    least(end_position, position + $1) as to_position
from balance.past p
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
    from router.inbox where xact >= $1 and xact < $2
), issued as materialized ({ISSUED}), found as materialized (
    select l.*, {STATE} as state from issued l
), gone as (
    select * from found l where state is null and not ({_IS_KNOWN})
), named as ({_NAME})
select count(*) from named
"""

_ITEMS = f"""
with items as materialized (
    select 'item' as equation, id, split_part(conversation, '-', 1) as subject,
        null::int as partition, null::bigint as xact
    from archiver.entry
    where position >= $1 and position < $2 and item is not null and kind <> 'segment'
        and id >= archiver.first_id($3)
), gone as (
    select * from items l where not exists (select from router.inbox i where i.record = l.id)
        and not ({_IS_KNOWN})
), named as ({_NAME})
select count(*) from named
"""
