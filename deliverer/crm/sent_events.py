"""Accepted events, sealed, for as long as their destination may have them sent again."""

import asyncio

from deliverer.crm.destination_kind import Destinations
from services import metrics
from services.postgres.database import Pool, retry_while_unavailable

CLEAR_SECONDS = 60.0
"""Interval between clearings."""
CLEARED_AT_ONCE = 5_000
"""Rows of one statement: a fraction of a second, so that no settlement waits for it."""
UNKNOWN_DAYS = 7
"""Least term of a destination that this process does not know: the default of `resend_days`.
Another may know it already, and one that was removed by mistake is put back."""


async def clear_sent_events(pool: Pool, destinations: Destinations) -> None:
    """Delete what is kept for longer than its destination may ask for it. One that is not there has
    the longest term of those that are, UNKNOWN_DAYS at least."""

    async def clear() -> str:
        days = {each.id: each.kept_days for each in destinations()}
        longest = max([UNKNOWN_DAYS, *days.values()])
        return await pool.execute(_CLEAR, list(days), list(days.values()), longest, CLEARED_AT_ONCE)

    while True:
        done = await retry_while_unavailable(clear, "sent events")
        count = int(done.removeprefix("DELETE "))
        metrics.rows_cleared.labels("deliverer.sent").inc(count)
        if count < CLEARED_AT_ONCE:
            await asyncio.sleep(CLEAR_SECONDS)


# The destinations are found one by one, each by the index.
_CLEAR = """
with recursive present as (
    select min(destination) as destination from deliverer.sent
    union all
    select (select min(destination) from deliverer.sent where destination > p.destination)
    from present p where p.destination is not null
), term as (
    select p.destination, coalesce(k.days, $3) as days
    from present p left join unnest($1::text[], $2::int[]) k (destination, days) using (destination)
    where p.destination is not null
), ended as (
    select s.destination, s.event from term t cross join lateral (
        select destination, event from deliverer.sent
        where destination = t.destination and at < now() - make_interval(days => t.days)
        order by at limit $4) s
    limit $4
)
delete from deliverer.sent s using ended e
where (s.destination, s.event) = (e.destination, e.event)
"""
