"""Rate limit shared by all deliverer processes: the messages of the last second, in PostgreSQL.

One process at a time looks, claims and counts: two that looked at the same moment would both see
the room and both send. Nobody waits for another: who finds one at it claims at the next poll. A
process that stands still in the middle is ended by the server, with its claim.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from services.postgres.database import Connection

Rooms = Mapping[str, int]
Rates = Mapping[str, float]

TICKS = 51
"""Ticks of 20 ms that count: a whole second before the present tick, which has just begun. So a
number sends its `per_second` in 1.00 to 1.02 seconds, and never more in one: a burst on top of the
rate would be refused by Meta."""


TURN_LOCK = 0x70616365
"""Key of the advisory lock of the process whose turn it is ("pace")."""
TURN_SECONDS = 2
"""Silence of a process in its turn after which the server ends its session: a turn has four
statements, one after the other."""


async def take_turn(connection: Connection) -> bool:
    """Return whether this transaction has the turn, until it ends."""
    limit = f"{TURN_SECONDS}s"
    row = await connection.fetchrow(_TURN, limit, TURN_LOCK)
    return bool(row and row["has_turn"])


async def shared_capacity(connection: Connection, rooms: Rooms, rates: Rates) -> dict[str, int]:
    """Return the rooms of this process, limited to what was not sent in the last second."""
    paced = [number for number in rates if rooms.get(number)]
    if not paced:
        return dict(rooms)
    limits = [rooms[number] for number in paced], [rates[number] for number in paced]
    rows = await connection.fetch(_CAPACITY, paced, *limits, TICKS)
    return dict(rooms) | {row["number"]: row["room"] for row in rows}


async def consume_shared(connection: Connection, numbers: Iterable[str], rates: Rates) -> None:
    """Count one message for each of these numbers."""
    counts = Counter(number for number in numbers if number in rates)
    if counts:
        await connection.execute(_CONSUME, list(counts), list(counts.values()))


_TURN = """
select set_config('idle_in_transaction_session_timeout', $1, true),
    pg_try_advisory_xact_lock($2) as has_turn
"""

_NOW = "floor(extract(epoch from now()) * 50)::bigint"

_CAPACITY = f"""
select n.number,
    greatest(0, least(n.room, floor(n.rate) - coalesce(sum(p.messages), 0)))::int as room
from unnest($1::text[], $2::int[], $3::float8[]) n (number, room, rate)
    left join deliverer.pace p on p.number = n.number and p.tick > {_NOW} - $4::int
group by n.number, n.room, n.rate
"""

# Rows are locked in order of their numbers, so that processes cannot deadlock. A tick that is
# older than the one in its place comes from a process that was held up, and its messages are over.
_CONSUME = f"""
insert into deliverer.pace as p (number, place, tick, messages)
select number, {_NOW} % 64, {_NOW}, messages
from unnest($1::text[], $2::int[]) n (number, messages)
order by number
on conflict (number, place) do update set tick = excluded.tick,
    messages = excluded.messages + case when p.tick = excluded.tick then p.messages else 0 end
where p.tick <= excluded.tick
"""
