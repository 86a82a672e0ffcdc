"""Rate limit shared by all deliverer processes: a leaky bucket in PostgreSQL.

Two processes that look at the same moment both see room and both send; then both wait for that
debt. So the rate is right over a few seconds, and no process holds a lock that its death would
keep.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from deliverer.transport.pacer import BURST_SECONDS
from services.postgres.database import Connection

Rooms = Mapping[str, int]
Rates = Mapping[str, float]


async def shared_capacity(connection: Connection, rooms: Rooms, rates: Rates) -> dict[str, int]:
    """Return the rooms of this process, limited to what the other processes leave."""
    paced = [number for number in rates if rooms.get(number)]
    if not paced:
        return dict(rooms)
    limits = [rooms[number] for number in paced], [rates[number] for number in paced]
    rows = await connection.fetch(_CAPACITY, paced, *limits)
    return dict(rooms) | {row["number"]: row["room"] for row in rows}


async def consume_shared(connection: Connection, numbers: Iterable[str], rates: Rates) -> None:
    """Count one message for each of these numbers."""
    counts = Counter(number for number in numbers if number in rates)
    if counts:
        messages = list(counts.values()), [rates[number] for number in counts]
        await connection.execute(_CONSUME, list(counts), *messages)


_CAPACITY = """
select n.number,
    greatest(0, least(n.room, floor(extract(epoch from now() - p.paid_until) * n.rate)))::int
        as room
from unnest($1::text[], $2::int[], $3::float8[]) n (number, room, rate)
    left join deliverer.pace p using (number)
"""

# The burst is that of a pacer in one process, and at least one message. Rows are locked in order of
# their numbers, so that processes cannot deadlock.
_BURST = f"make_interval(secs => greatest({BURST_SECONDS}, 1 / {{0}}.per_second))"
_CONSUME = f"""
insert into deliverer.pace as p (number, per_second, paid_until)
select number, per_second,
    now() - {_BURST.format("n")} + make_interval(secs => messages / per_second)
from unnest($1::text[], $2::int[], $3::float8[]) n (number, messages, per_second)
order by number
on conflict (number) do update set per_second = excluded.per_second,
    paid_until = greatest(p.paid_until, now() - {_BURST.format("excluded")})
        + (excluded.paid_until - (now() - {_BURST.format("excluded")}))
"""
