"""Failures of destinations in PostgreSQL, for their owners."""

from deliverer.crm.condition import Condition
from services import clock
from services.postgres.database import Pool

SAME_FAILURE_SECONDS = 60.0
"""A destination that works for less than this and fails again has failed all the time."""


class ConditionStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def store(self, destination: str, condition: Condition) -> None:
        """Store that a destination fails, or works again. One process at a time delivers to it."""
        at = clock.now()
        if condition.works:
            await self._pool.execute(_END, destination, at)
            return
        fields = (
            condition.refuses, condition.status, condition.failure, condition.whose,
            condition.reason,
        )  # fmt: skip
        await self._pool.execute(_STORE, destination, at, SAME_FAILURE_SECONDS, *fields)


_END = """
update deliverer.destination_failure set ended_at = $2 where destination = $1 and ended_at is null
"""
_STORE = """
insert into deliverer.destination_failure as f
    (destination, since, refuses, status, failure, whose, reason)
values ($1, $2, $4, $5, $6, $7, $8)
on conflict (destination) do update set
    since = case when f.ended_at < excluded.since - make_interval(secs => $3)
        then excluded.since else f.since end,
    ended_at = null, refuses = excluded.refuses, status = excluded.status,
    failure = excluded.failure, whose = excluded.whose, reason = excluded.reason
"""
