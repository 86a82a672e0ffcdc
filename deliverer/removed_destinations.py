"""Work of destinations that the configuration has no more: it ends, and is seen.

Nobody delivers to such a destination and nobody polls its tasks. Without an end their rows would
stay for ever, and no metric has them.
"""

import asyncio
from collections.abc import Collection, Sequence
from functools import partial

import structlog

from services.config.organisation import Destination
from services.postgres.database import Pool, retry_while_unavailable

ROUND_SECONDS = 3600.0
"""Interval between rounds: a twenty-fourth of the patience."""
PATIENCE_HOURS = 24
"""Time for which such work is left as it is: a destination that one deliverer has already and
another has not yet is no removed one, and one that was removed by mistake is put back."""
REMOVED = "its destination was removed from the configuration"

log = structlog.get_logger()


async def end_removed_destinations(pool: Pool, destinations: Sequence[Destination]) -> None:
    """End the work of removed destinations for as long as this runs."""
    ids = [each.id for each in destinations]
    while True:
        await retry_while_unavailable(partial(end_work, pool, ids), "removed destinations")
        await asyncio.sleep(ROUND_SECONDS)


async def end_work(pool: Pool, configured: Collection[str]) -> None:
    """Park the deliveries that wait for other destinations than these, and end their tasks, the
    commands that wait for them, and the orders of their owners."""
    parameters = list(configured), PATIENCE_HOURS
    async with pool.acquire() as connection, connection.transaction():
        for row in await connection.fetch(_PARK, *parameters, REMOVED):
            log.warning("destination.removed", destination=row["destination"], count=row["count"])
        await connection.execute(_END_TASKS, *parameters)
        await connection.execute(_DROP_WAITING_COMMANDS, *parameters)
        await connection.execute(_END_ORDERS, *parameters)


# A row without a body is an accepted event that was to be sent again: it was delivered once, and
# there is nothing to park.
_PARK = """
with ended as (
    update deliverer.delivery
    set state = case when body is null then 'settled' else 'parked' end,
        reason = case when body is null then reason else $3 end,
        at = case when body is null then at else now() end, told = told and body is null,
        due_at = null, claimed_by = null, claimed_until = null
    where destination <> all($1::text[]) and state in ('aside', 'replay')
        and due_at < now() - make_interval(hours => $2)
    returning destination, resend, state
), counted as (
    update deliverer.resend r set ended = ended + n.count
    from (select resend, count(*) from ended where state = 'settled' group by resend) n
    where r.id = n.resend
)
select destination, count(*) from ended group by destination
"""

# The objects stay in the register of Open Klant, where the task is not touched.
_END_TASKS = """
update deliverer.internetaak set ended = true, ended_at = now()
where destination <> all($1::text[]) and not ended
    and greatest(looked_at, asked_at, changing_at) < now() - make_interval(hours => $2)
"""

# A closing that waits for the result of an answer: the result would come to this destination. The
# conversation stays open, and closes as others do when nobody writes.
_DROP_WAITING_COMMANDS = """
delete from deliverer.found_command
where destination <> all($1::text[]) and waits_for is not null
    and found_at < now() - make_interval(hours => $2)
"""

_END_ORDERS = """
update deliverer.resend set finished_at = now()
where destination <> all($1::text[]) and finished_at is null
    and greatest(ordered_at, next_at) < now() - make_interval(hours => $2)
"""
