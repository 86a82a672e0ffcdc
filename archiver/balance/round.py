"""One round of the balance, in one transaction: take what is new, follow what is open.

    router.inbox    -> begun   record, delivery, send: each id is open until its end is found
    archiver.entry  -> received   items of webhooks in the record, and decisions that are unknown

Its cost follows what is new and what is open, and not the size of the record. What cannot be found
although its partition has published it, and although its queue was drained since, is missing.
"""

from datetime import datetime, timedelta

import msgspec

from archiver.balance.decisions import ISSUED, ITEMS_FROM, LEFT, STATE
from archiver.balance.lost_batches import find_lost_batches
from archiver.balance.second_look import (
    BY_INDEX,
    Progress,
    continue_pass,
    fetch_by_position,
    make_pass,
)
from archiver.balance.turn import take_turn, try_turn
from services import clock
from services.postgres.database import Connection, Pool

DECISIONS, ENTRIES, OPEN = 20_000, 20_000, 50_000
"""Rows that one round takes at most of each: a second or two of work. A round that leaves some is
followed by another at once."""
PAST, PAST_AT_ONCE = 2_000, 20_000
"""Decisions and entries of the past that a round looks at again: of the archiver and of a command.
A round in half a minute sees five million a day, and a second look costs less than a first."""
ROUNDS = 100
"""Rounds of one command at most: two million new decisions, some three minutes."""
CONSUMER_SECONDS = 90
"""Silence after which a consumer has ended, and the broker has given its messages to another: its
heartbeats end within 33 s."""
RECEIPT_SECONDS = 3600
"""Time in which the other partitions of a receipt decide on their items."""
ITEM_SECONDS = 60
"""Time after which an item in the record without its decision is missing: by then a later round
knows if a router of an older version, which wrote no record's id, decided it."""
KEPT_DAYS = 7
"""No decision of fewer days is cleared: `inbox_days` is at least a day more, and clocks differ."""
BEHIND_SECONDS = 300
"""Age of a decision that a round could not take yet, from which the balance is behind."""


class OtherCluster(Exception):
    """The database was restored into another cluster, whose transactions are numbered anew."""


class Damaged(Exception):
    """The row that says how far the balance has come is gone."""


class Hidden(Exception):
    """Decisions are said to be cleared that cannot be, so that the balance would not see them."""

    def __init__(self) -> None:
        super().__init__("router.cleared has a time to which no decision can be cleared")


class RoundResult(msgspec.Struct, frozen=True):
    begun: int
    ended: int
    missing: int
    """Things that are missing since this round."""
    is_full: bool
    """True if more is waiting to be taken."""


async def run_round(pool: Pool, past: int = PAST) -> RoundResult | None:
    """Run one round, and look again at `past` decisions. None while another process runs one."""
    async with pool.acquire() as connection, connection.transaction():
        if not await try_turn(connection):
            return None
        result, begun_at = await _follow(connection)
        gone = await continue_pass(connection, past, begun_at)
        return msgspec.structs.replace(result, missing=result.missing + gone)


async def run_rounds(pool: Pool, progress: Progress | None = None) -> None:
    """Run rounds until nothing new is left, at most ROUNDS; then look at all of the past. Busy if
    others have the turn."""
    for _ in range(ROUNDS):
        async with pool.acquire() as connection, connection.transaction():
            await take_turn(connection)
            result, _ = await _follow(connection)
        if not result.is_full:
            break
    await make_pass(pool, PAST_AT_ONCE, progress)


async def _follow(connection: Connection) -> tuple[RoundResult, datetime]:
    """Take what is new and follow what is open. Return also the time when the balance began."""
    await connection.execute(BY_INDEX)
    latest = clock.now() - timedelta(KEPT_DAYS)
    progress = await connection.fetchrow(_PROGRESS, DECISIONS, ENTRIES, latest)
    if progress is None:
        raise Damaged
    if not progress["is_same_cluster"]:
        raise OtherCluster
    if progress["is_hidden"]:
        raise Hidden
    from_xact, to_xact = progress["from_xact"], progress["to_xact"]
    position, to_position = progress["from_position"], progress["to_position"]
    begun_at = await connection.fetchval(_EXCUSE, from_xact, to_xact)
    received = await fetch_by_position(
        connection, _RECEIVE, position, to_position, to_xact, begun_at
    )
    await fetch_by_position(connection, _INCOMPLETE, position, received)
    bounds = OPEN, CONSUMER_SECONDS, RECEIPT_SECONDS, ITEM_SECONDS
    followed = await connection.fetchrow(_FOLLOW, *bounds, from_xact, to_xact, begun_at)
    assert followed
    await connection.execute(_ADVANCE, to_xact, received, BEHIND_SECONDS)
    await find_lost_batches(connection, CONSUMER_SECONDS)
    has_moved = to_xact > from_xact or received > position
    return RoundResult(**followed, is_full=progress["is_full"] and has_moved), begun_at


# Rows of transactions before the oldest that still runs are all there to be seen.
_PROGRESS = """
with bound as (
    select coalesce(decided, 0) as from_xact, recorded as from_position,
        cluster = (select system_identifier from pg_control_system()) as is_same_cluster,
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon,
        (select size from archiver.head) as size
    from balance.progress
), taken as (
    select b.*, (
        select xact + 1 from router.inbox where xact >= from_xact and xact < horizon
        order by xact offset $1 limit 1) as full_to
    from bound b
)
select from_xact, least(coalesce(full_to, horizon), horizon) as to_xact, from_position,
    least(size, from_position + $2) as to_position, is_same_cluster,
    full_to is not null or size > from_position + $2 as is_full,
    exists (select from router.cleared where first_at > $3) as is_hidden
from taken
"""

_ADD = """
insert into balance.total as t (equation, subject, part, count)
select equation, subject, part, count from sums
on conflict (equation, subject, part) do update set count = t.count + excluded.count
"""

# A router of an older version writes no ids with its decisions. The balance begins after the last
# of these: during an upgrade such a router runs on the new tables.
_EXCUSE = """
update balance.progress set begun_at = greatest(begun_at, (
    select max(decided_at) from router.inbox where xact >= $1 and xact < $2 and record is null))
returning begun_at + interval '1 second'
"""

# An item in the record without its decision is missing in the router. One that came before the
# balance began has no row to be found by. The entries end before the first whose decision is not
# taken yet.
_RECEIVE = f"""
with read as materialized (
    select e.id, e.kind, e.position, i.xact, i.number,
        split_part(e.conversation, '-', 1) as wrote_to,
        i.record is not null or e.kind = 'segment' as is_known
    from archiver.entry e left join router.inbox i on i.record = e.id
    where e.position >= $1 and e.position < $2 and e.item is not null
        and not exists (select from archiver.former_entry f where f.entry = e.id)
        and not exists ({LEFT})
), cut as materialized (
    select coalesce(min(position), $2) as position from read where xact >= $3
), new as materialized (
    select read.* from read, cut where read.position < cut.position
), unknown as (
    insert into balance.open (equation, id, subject, part)
    select 'item', id, wrote_to, 'under way' from new
    where not is_known and id >= archiver.first_id(greatest($4, {ITEMS_FROM}))
    on conflict do nothing
), sums as (
    select 'item' as equation, coalesce(number, wrote_to) as subject,
        case when kind = 'segment' then 'repeated' else 'received' end as part, count(*) as count
    from new where is_known group by 2, 3
), added as ({_ADD})
select position from cut
"""

# What came from another installation was balanced there.
#
# The items of a receipt are numbered from 0, over all its copies. The ids of their entries have the
# time of the receipt; the other months are searched only if some lack.
_INCOMPLETE = f"""
with came as materialized (
    select distinct receipt, to_timestamp(
        ('x' || left(replace(receipt::text, '-', ''), 12))::bit(48)::bigint / 1000.0) as at
    from archiver.entry e where position >= $1 and position < $2 and item > 0
        and not exists (select from archiver.former_entry f where f.entry = e.id)
        and not exists ({LEFT})
), near as materialized (
    select receipt, (
        select count(distinct item) > max(item) from archiver.entry e
        where e.receipt = c.receipt and e.item is not null
            and e.id >= archiver.first_id(c.at - interval '1 hour')
            and e.id < archiver.first_id(c.at + interval '1 hour')) as is_whole
    from came c
)
insert into balance.open (equation, id, subject, part)
select 'receipt', receipt, '', 'under way' from near n
where is_whole is distinct from true and (
    select count(distinct item) <= max(item) from archiver.entry e
    where e.receipt = n.receipt and e.item is not null)
on conflict do nothing
"""

# The state of each id is looked up in the tables of its owner, and then judged. Most of what is new
# has ended when it is first looked for: it never becomes a row.
_FOLLOW = f"""
with drained as materialized (
    select queue, min(coalesce(drained_at, '-infinity')) as at from balance.consumer
    where seen_at > now() - make_interval(secs => $2) group by queue
), decided as materialized (
    select xact, partition, number, is_item, is_quarantined, record, records, events, destinations,
        send
    from router.inbox where xact >= $5 and xact < $6
), begun as materialized (
    {ISSUED}
), looked as materialized (
    select equation, id, subject, partition, xact, part, published_at, began_at, is_gone,
        false as is_new
    from balance.open order by looked_at limit $1
), look as (
    select * from looked
    union all
    select equation, id, subject, partition, xact, 'under way', null, now(), false, true
    from begun
), found as materialized (
    select l.*, {STATE} as state
    from look l
), judged as materialized (
    select f.equation, f.id, f.subject, f.partition, f.xact, f.is_new, f.is_gone, f.part as was,
        case
            when is_gone and state is not null then 'recorded'  -- it is back
            when state is not null then state
            when f.part = 'missing' then 'missing'  -- until it is found, or accepted
            when equation in ('send', 'quarantine') then 'missing'
            when equation = 'item' and f.id < archiver.first_id(greatest($7, {ITEMS_FROM}))
                then 'recorded'
            when equation = 'item' and began_at < now() - make_interval(secs => $4) then 'missing'
            when equation = 'receipt' and began_at < now() - make_interval(secs => $3)
                then 'missing'
            when f.published_at < d.at then 'missing'
            else 'under way'
        end as part,
        -- Where it waits in a table it may yet be published.
        case when state is null then coalesce(
            f.published_at, case when p.published >= f.xact then now() end) end as published_at
    from found f
    left join router.lease p on p.partition = f.partition
    left join drained d on d.queue = case f.equation
        when 'record' then 'archiver.records' else 'deliverer.destination.' || f.subject end
), ended as materialized (
    select * from judged
    where part in ('recorded', 'settled', 'dropped', 'again', 'sent', 'failed')
), remaining as materialized (
    select * from judged
    where part not in ('recorded', 'settled', 'dropped', 'again', 'sent', 'failed')
), closed as (
    delete from balance.open o using ended e
    where not e.is_new and (o.equation, o.id, o.subject) = (e.equation, e.id, e.subject)
), moved as (
    update balance.open o set part = r.part, published_at = r.published_at, looked_at = now()
    from remaining r
    where not r.is_new and (o.equation, o.id, o.subject) = (r.equation, r.id, r.subject)
), opened as (
    insert into balance.open (equation, id, subject, partition, xact, part, published_at)
    select equation, id, subject, partition, xact, part, published_at from remaining where is_new
    on conflict do nothing returning equation, subject
), sums as (
    select equation, subject, 'begun' as part, count(*) as count from (
        select equation, subject from ended where is_new union all select * from opened) began
    group by 1, 2
    union all
    select 'item', number, case when is_quarantined then 'quarantined' else 'decided' end, count(*)
    from decided where is_item group by 2, 3
    union all
    select equation, subject, part, count(*) from ended
    where equation not in ('item', 'receipt') and not is_gone group by 1, 2, 3
), added as ({_ADD})
select (select count(*) from begun) as begun, (select count(*) from ended) as ended,
    (select count(*) from remaining where part = 'missing' and was <> 'missing') as missing
"""

# A transaction that stays open holds everything later back: then the balance is behind, and says so
# by the time of its last round. The router clears nothing that is not taken.
_ADVANCE = """
with taken as (
    update router.cleared set taken_at = coalesce((
        select decided_at from router.inbox where xact >= $1 order by xact limit 1), now())
)
update balance.progress set decided = $1, recorded = $2, round_at = case when (
    select decided_at from router.inbox where xact >= $1 order by xact limit 1
) < now() - make_interval(secs => $3) then round_at else now() end
"""
