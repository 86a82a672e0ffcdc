"""The table of waiting events: a line for each partition and destination, in order.

The holder of a partition alone appends, so it knows where each line ends. No statement reads more
rows than it returns, however many wait: the conditions are on the primary key, and the first and
the last row tell how much waits.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from operator import itemgetter
from typing import Any

import msgspec

from router.store.fencing import PartitionFenced
from services.contract import Delivery
from services.postgres.database import Pool
from services.postgres.shut_rows import ShutRows
from services.sealing.columns import DELIVERY, bind
from services.sealing.key_ring import RING

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Delivery).decode


class LineEnd(msgspec.Struct, frozen=True):
    """Place of the last event in a line, and the bytes of all that ever were before it, with it.
    Both grow as long as the line is not empty."""

    n: int = 0
    total: int = 0


class WaitingEvent(msgspec.Struct, frozen=True):
    """One row: its event, its place, its bytes, those up to it, and when it was refused."""

    event: Delivery
    n: int
    size: int
    total: int
    at: datetime


class WaitingTable:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._shut = ShutRows("router.waiting", itemgetter("event"))
        self._passed: dict[tuple[int, str], int] = {}
        """Line -> place up to which nothing opens that is still in it."""

    async def is_empty(self, partition: int) -> bool:
        """Return whether nothing of a partition waits."""
        query = "select not exists (select from router.waiting where partition = $1)"
        return bool(await self._pool.fetchval(query, partition))

    async def lines(self, partition: int) -> dict[str, LineEnd]:
        """Return the destinations for which something of a partition waits, and each line's end.
        From here on, the events that did not open are tried again."""
        self._passed = {line: n for line, n in self._passed.items() if line[0] != partition}
        rows = await self._pool.fetch(SELECT_LINES, partition)
        return {row["destination"]: LineEnd(row["n"], row["total"]) for row in rows}

    async def append(
        self,
        partition: int,
        epoch: int,
        destination: str,
        end: LineEnd,
        events: Sequence[Delivery],
    ) -> LineEnd:
        """Put events behind the end of a line, and return its new end. An event that is in the line
        stays where it is.

        Raises PartitionFenced when this router has lost the partition.
        """
        encoded = [
            RING.seal(_encode(event), DELIVERY, bind(destination, event.id)) for event in events
        ]
        totals = list(accumulate(map(len, encoded), initial=end.total))[1:]
        places = list(range(end.n + 1, end.n + 1 + len(events)))
        values = places, [event.id for event in events], encoded, totals
        if not await self._pool.fetchval(APPEND, partition, epoch, destination, *values):
            raise PartitionFenced
        return LineEnd(places[-1], totals[-1])

    async def head(
        self, partition: int, destination: str, after: int, count: int
    ) -> list[WaitingEvent]:
        """Return the first events behind the place `after`. One that does not open stays in line,
        and those behind it pass."""
        line = partition, destination
        after = max(after, self._passed.get(line, 0))
        while rows := await self._pool.fetch(SELECT_HEAD, *line, after, count):
            if events := await self._shut.open_others(rows, _read_row):
                return events
            after = self._passed[line] = rows[-1]["n"]
        return []

    async def remove(self, partition: int, destination: str, places: Sequence[int]) -> None:
        """Remove the events at these places of a line."""
        await self._pool.execute(REMOVE, partition, destination, places)


def _read_row(row: Any) -> WaitingEvent:
    bound = bind(row["destination"], row["event"])
    event = _decode(RING.unseal(row["delivery"], DELIVERY, bound))
    return WaitingEvent(event, row["n"], row["size"], row["total"], row["at"])


# Steps over the rows of each destination, of which there may be millions.
SELECT_LINES = """
with recursive line as (
    select min(destination) as destination from router.waiting where partition = $1
    union all
    select (select min(w.destination) from router.waiting w
        where w.partition = $1 and w.destination > line.destination)
    from line where line.destination is not null
)
select destination, n, total from line, lateral (
    select n, total from router.waiting w
    where w.partition = $1 and w.destination = line.destination order by n desc limit 1
) as last
"""

# The lock on the lease keeps the epoch from changing until the rows are written. A place that is
# taken is an error: this router does not know the line's end any more.
APPEND = """
with lease as materialized (
    select epoch from router.lease where partition = $1 and epoch = $2 for share
), added as (
    insert into router.waiting (partition, destination, n, event, delivery, size, total)
    select $1, $3, n, event, delivery, length(delivery), total
    from lease, unnest($4::bigint[], $5::uuid[], $6::bytea[], $7::bigint[])
        as new (n, event, delivery, total)
    on conflict (destination, event) do nothing
)
select exists (select from lease)
"""

SELECT_HEAD = """
select destination, event, delivery, n, size, total, at from router.waiting
where partition = $1 and destination = $2 and n > $3 order by n limit $4
"""

REMOVE = """
delete from router.waiting where partition = $1 and destination = $2 and n = any($3::bigint[])
"""
