"""Lease on the deliveries of a destination that wait in tables: sidelined ones and replays.

The broker gives the messages of a queue to one process, but rows come to all that ask. While a
queue changes hands, and after an outage of the database, two processes may take a destination for
theirs. So one process at a time has the lease of the destination, and delivers what is in its
tables.
"""

from datetime import datetime
from uuid import UUID

from services.postgres.database import Pool

LEASE_SECONDS = 90.0
"""Time after which another process gets the lease of one that was killed."""
RENEW_SECONDS = 10.0
"""Age at which a lease is renewed. The rest is enough for LONGEST_ATTEMPT_SECONDS, and for 15 s in
which the database is away."""
LONGEST_ATTEMPT_SECONDS = 65.0
"""Nothing starts when less than this is left, so that it ends before another process begins: a mail
takes 60 s at most (`deliverer.transport.smtp_client`)."""


class TableLeases:
    """`process` is the id under which leases are taken."""

    def __init__(self, pool: Pool, process: UUID) -> None:
        self._pool, self._process = pool, process

    async def take(self, destination: str) -> datetime | None:
        """Take the lease or renew it. Return since when this process has it without a break; None
        while another has it."""
        since: datetime | None = await self._pool.fetchval(
            _TAKE, destination, self._process, LEASE_SECONDS
        )
        return since

    async def release(self, destination: str) -> None:
        """Leave the lease to another process, if this one has it."""
        await self._pool.execute(_RELEASE, destination, self._process)


# The row is locked by who comes first, and the condition is tested again with what that one wrote.
_TAKE = """
insert into deliverer.table_lease as l (destination, process, since, ends_at)
values ($1, $2, now(), now() + make_interval(secs => $3))
on conflict (destination) do update set process = excluded.process, ends_at = excluded.ends_at,
    since = case when l.process = excluded.process then l.since else excluded.since end
where l.process = excluded.process or l.ends_at < now()
returning since
"""

_RELEASE = "delete from deliverer.table_lease where (destination, process) = ($1, $2)"
