"""Work of destinations that the configuration has no more: it ends, and is seen.

Nobody delivers to such a destination and nobody polls its tasks. Without an end their rows would
stay for ever, and no metric has them.
"""

import asyncio
from collections.abc import Collection, Sequence
from functools import partial

import structlog

from deliverer.crm.resends import SET_FINISHED
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
with waiting as materialized (
    select destination, event, body is null as is_over from deliverer.delivery
    where destination <> all($1::text[]) and state in ('aside', 'replay')
        and due_at < now() - make_interval(hours => $2)
    for update
), ended as (
    update deliverer.delivery d
    set state = case when is_over then 'settled' else 'parked' end,
        reason = case when is_over then reason else $3 end,
        at = case when is_over then at else now() end, told = told and is_over,
        resend = case when is_over then null else resend end,
        due_at = null, claimed_by = null, claimed_until = null
    from waiting w where (d.destination, d.event) = (w.destination, w.event)
)
select destination, count(*) from waiting group by destination
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

_END_ORDERS = f"""
update deliverer.resend r {SET_FINISHED}
where destination <> all($1::text[]) and finished_at is null
    and greatest(ordered_at, next_at) < now() - make_interval(hours => $2)
"""
