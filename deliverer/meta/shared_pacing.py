"""How many may go by now, of all processes together: what was sent is a debt that time pays.

Two that look at the same moment both see what may go; then both write it down, and wait for it. So
their pace is right over any few seconds, and nobody holds anything that a death would keep.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from deliverer.transport.pacer import BURST_SECONDS
from services.postgres.database import Connection

Rooms = Mapping[str, int]
Rates = Mapping[str, float]


async def shared_capacity(connection: Connection, rooms: Rooms, rates: Rates) -> dict[str, int]:
    """Of the rooms of this process, what the others leave."""
    some = [number for number in rates if rooms.get(number)]
    if not some:
        return dict(rooms)
    asked = [rooms[number] for number in some], [rates[number] for number in some]
    rows = await connection.fetch(_LEFT, some, *asked)
    return dict(rooms) | {row["number"]: row["room"] for row in rows}


async def consume_shared(connection: Connection, numbers: Iterable[str], rates: Rates) -> None:
    """A message of each of these goes."""
    counts = Counter(number for number in numbers if number in rates)
    if counts:
        paid = list(counts.values()), [rates[number] for number in counts]
        await connection.execute(_TOOK, list(counts), *paid)


_LEFT = """
select n.number,
    greatest(0, least(n.room, floor(extract(epoch from now() - p.paid_until) * n.rate)))::int
        as room
from unnest($1::text[], $2::int[], $3::float8[]) n (number, room, rate)
    left join deliverer.pace p using (number)
"""

# As much may be caught up with as in one process, and always one message. In order of their
# numbers, so that no two processes wait for each other.
_SPARE = f"make_interval(secs => greatest({BURST_SECONDS}, 1 / {{0}}.per_second))"
_TOOK = f"""
insert into deliverer.pace as p (number, per_second, paid_until)
select number, per_second,
    now() - {_SPARE.format("n")} + make_interval(secs => messages / per_second)
from unnest($1::text[], $2::int[], $3::float8[]) n (number, messages, per_second)
order by number
on conflict (number) do update set per_second = excluded.per_second,
    paid_until = greatest(p.paid_until, now() - {_SPARE.format("excluded")})
        + (excluded.paid_until - (now() - {_SPARE.format("excluded")}))
"""
