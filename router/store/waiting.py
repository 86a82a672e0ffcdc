"""The table of waiting events: a line for each partition and destination, in order.

The place of a row and the bytes up to it are stored with it, so the first and the last row tell how
much waits, and this costs the same however much that is.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from router.store.fencing import PartitionFenced
from services.contract import Delivery
from services.postgres.database import Connection, Pool

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Delivery).decode


class LineState(msgspec.Struct, frozen=True):
    """Events that wait for one destination, their bytes, and the time since which the first one
    waits."""

    events: int = 0
    bytes: int = 0
    since: datetime | None = None

    def __add__(self, added: "LineState") -> "LineState":
        """Return the state with events at the end."""
        return LineState(
            self.events + added.events, self.bytes + added.bytes, self.since or added.since
        )


class LineHead(msgspec.Struct, frozen=True):
    """The first events of a line, as many as one message holds, and the place of the last."""

    events: list[Delivery]
    last: int
    state: LineState


class WaitingTable:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def is_empty(self, partition: int) -> bool:
        """Return whether nothing of a partition waits."""
        query = "select not exists (select from router.waiting where partition = $1)"
        return bool(await self._pool.fetchval(query, partition))

    async def lines(self, partition: int) -> dict[str, LineState]:
        """Return the destinations for which something of a partition waits, and how much."""
        async with self._pool.acquire() as connection:
            names = [r["destination"] for r in await connection.fetch(SELECT_LINES, partition)]
            return {name: await _load_state(connection, partition, name) for name in names}

    async def append(
        self, partition: int, epoch: int, destination: str, events: Sequence[Delivery]
    ) -> LineState:
        """Put events at the end of a line, except those that are in it; return what was added.

        Raises PartitionFenced when this router has lost the partition.
        """
        ids, encoded = [event.id for event in events], [_encode(event) for event in events]
        row = await self._pool.fetchrow(APPEND, partition, destination, ids, encoded, epoch)
        if row is None:
            raise PartitionFenced
        return LineState(**row)

    async def head(
        self, partition: int, destination: str, max_events: int, max_bytes: int
    ) -> LineHead:
        """Return the first events of a line: those within both limits, but at least one."""
        async with self._pool.acquire() as connection:
            limits = max_events, max_bytes
            rows = await connection.fetch(SELECT_HEAD, partition, destination, *limits)
            state = await _load_state(connection, partition, destination)
        last = rows[-1]["n"] if rows else 0
        return LineHead([_decode(row["delivery"]) for row in rows], last, state)

    async def remove(self, partition: int, destination: str, last: int) -> None:
        """Remove the first events of a line, up to the place `last`."""
        await self._pool.execute(REMOVE, partition, destination, last)


async def _load_state(connection: Connection, partition: int, destination: str) -> LineState:
    row = await connection.fetchrow(SELECT_STATE, partition, destination)
    return LineState(**row) if row else LineState()


# Steps over the rows of each destination, of which there may be millions.
SELECT_LINES = """
with recursive line as (
    select min(destination) as destination from router.waiting where partition = $1
    union all
    select (select min(w.destination) from router.waiting w
        where w.partition = $1 and w.destination > line.destination)
    from line where line.destination is not null
)
select destination from line where destination is not null
"""

# One statement, as the partition waits for it at every batch while a queue is full. The lock on the
# lease keeps the epoch from changing until the rows are written.
APPEND = """
with lease as materialized (
    select epoch from router.lease where partition = $1 and epoch = $5 for share
), new as (
    select event, delivery, length(delivery) as size, position
    from lease, unnest($3::uuid[], $4::bytea[]) with ordinality as given (event, delivery, position)
    where not exists (
        select from router.waiting w where w.destination = $2 and w.event = given.event)
), last as (
    select n, total from router.waiting where partition = $1 and destination = $2
    order by n desc limit 1
), added as (
    insert into router.waiting (partition, destination, n, event, delivery, size, total)
    select $1, $2, coalesce(last.n, 0) + row_number() over line, event, delivery, size,
        coalesce(last.total, 0) + sum(size) over line
    from new left join last on true
    window line as (order by position)
    on conflict (destination, event) do nothing returning size, at
)
select count(size) as events, coalesce(sum(size), 0) as bytes, min(at) as since
from lease left join added on true group by lease.epoch
"""

SELECT_HEAD = """
with first as (
    select n, total - size as before from router.waiting
    where partition = $1 and destination = $2 order by n limit 1
)
select w.n, w.delivery from router.waiting w, first
where w.partition = $1 and w.destination = $2 and w.n < first.n + $3
    and (w.n = first.n or w.total <= first.before + $4)
order by w.n
"""

SELECT_STATE = """
select last.n - first.n + 1 as events, last.total - first.total + first.size as bytes,
    first.at as since
from (
    select n, total, size, at from router.waiting where partition = $1 and destination = $2
    order by n limit 1
) as first, (
    select n, total from router.waiting where partition = $1 and destination = $2
    order by n desc limit 1
) as last
"""

REMOVE = "delete from router.waiting where partition = $1 and destination = $2 and n <= $3"
