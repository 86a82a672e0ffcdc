"""Sends again what an owner ordered: makes replays of deliveries, at the rate of the destination.

`deliverer.crm.replays` delivers them, between new deliveries. One order of a destination runs at a
time; a process that ends is followed by another, from the place in the table.
"""

import asyncio
from functools import partial

import structlog

from deliverer.crm.destination_kind import Destinations
from services.postgres.database import Pool, retry_while_unavailable
from services.postgres.lookout import Pause

POLL_SECONDS = 1.0
POLL: Pause = partial(asyncio.sleep, POLL_SECONDS)
AHEAD_SECONDS = 2
"""Replays of an order that wait are those of so many seconds at most: a slow destination decides
the pace."""

log = structlog.get_logger()


async def run_resends(pool: Pool, destinations: Destinations, pause: Pause = POLL) -> None:
    """Take the next events of each order, for as long as this runs."""

    async def advance() -> None:
        for row in await pool.fetch(_RUNNING, [each.id for each in destinations()]):
            taken = await pool.fetchrow(_TAKE, row["id"], AHEAD_SECONDS)
            is_at_end = taken and taken["looked"] and not taken["found"]
            if is_at_end and (destination := await pool.fetchval(_FINISH, row["id"])):
                log.info("resend.done", destination=destination)

    while True:
        await retry_while_unavailable(advance, "resends")
        await pause()


WAITS = """
select true from deliverer.resend where finished_at is null order by destination limit 1
"""

_RUNNING = """
select id from deliverer.resend
where destination = any($1) and finished_at is null order by ordered_at
"""

# The next second of an order, oldest delivery first: then those of a conversation keep their order.
# Nothing is taken while more than AHEAD_SECONDS of it wait.
_TAKE = """
with job as (
    select * from deliverer.resend r
    where id = $1 and finished_at is null and next_at <= now() + interval '1 second'
        and (select count(*) from deliverer.delivery d where d.resend = r.id and d.state = 'replay')
            <= per_second * $2::int
    for update skip locked
), found as (
    select * from (
        (select s.at, s.event from job j
        join deliverer.sent s on s.destination = j.destination
            and (s.at, s.event) > (j.taken_at, j.taken_event) and s.at < j.until
        join deliverer.delivery d on d.destination = s.destination and d.event = s.event
        where d.tenant = j.tenant and d.state = 'settled'
            and j.state is distinct from 'parked' and (j.events is null or s.event = any(j.events))
        order by s.at, s.event limit (select per_second from job))
        union all
        (select d.at, d.event from job j
        join deliverer.delivery d on d.destination = j.destination and d.state = 'parked'
            and (d.at, d.event) > (j.taken_at, j.taken_event) and d.at < j.until
        where d.tenant = j.tenant and d.conversation <> ''
            and j.state is distinct from 'delivered'
            and (j.events is null or d.event = any(j.events))
        order by d.at, d.event limit (select per_second from job))
    ) both_states order by at, event limit (select per_second from job)
), placed as (
    select f.at, f.event, row_number() over (order by f.at, f.event) as place from found f
), moved as (
    update deliverer.delivery d set state = 'replay', replays = d.replays + 1, failed = 0,
        resend = j.id,
        due_at = greatest(j.next_at, now())
            + make_interval(secs => (p.place - 1) / j.per_second::float8)
    from job j, placed p
    where d.destination = j.destination and d.event = p.event and d.state in ('settled', 'parked')
), advanced as (
    update deliverer.resend r set taken_at = last.at, taken_event = last.event,
        next_at = greatest(r.next_at, now())
            + make_interval(secs => last.place / r.per_second::float8)
    from (select at, event, place from placed order by place desc limit 1) last
    where r.id = $1
)
select (select count(*) from job) as looked, (select count(*) from placed) as found
"""

# A named event that was not taken and is not there any more ended before its turn.
SET_FINISHED = """
set finished_at = now(), ended = ended + (
    select count(*) from unnest(r.events) as named (event)
    where not exists (
        select from deliverer.delivery d
        where d.destination = r.destination and d.event = named.event
            and (d.resend = r.id or d.state in ('parked', 'replay')
                or d.state = 'settled' and exists (
                    select from deliverer.sent s
                    where s.destination = d.destination and s.event = d.event))))
"""
_FINISH = f"""
update deliverer.resend r {SET_FINISHED}
where id = $1 and not exists (
    select from deliverer.delivery d where d.resend = r.id and d.state = 'replay')
returning destination
"""
