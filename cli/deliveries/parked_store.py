"""Deliveries that are parked: found, tried again, taken back from that, given up."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from cli.support.database import CommandRefused
from services.contract import Delivery
from services.postgres.database import Connection, Pool

MAX_LISTED = 1000
"""Deliveries in one list, the oldest."""
MAX_EVENT_IDS = 100
"""Events by their ids in one record of what a person did, 4 kB; it says how many there were."""
GIVEN_UP = "{} was given up: what was said is in the archive, and not here to be tried again"
NOBODY = (
    "{0!r} is not in the configuration, so nobody would deliver its {1}: put it back there, or say "
    "by --destination which others"
)


class ParkedFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which parked deliveries; what is not given does not matter. `unreadable`: envelopes that
    could not be read, which cannot be tried again, or (None) all but these."""

    events: tuple[UUID, ...] = ()
    destination: str | None = None
    tenant: str | None = None
    conversation: str | None = None
    status: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    unreadable: bool = False

    @property
    def is_narrow(self) -> bool:
        return self != ParkedFilter(unreadable=self.unreadable)

    def criteria(self) -> dict[str, Any]:
        """What was given, for the record: of many events the first."""
        given = msgspec.to_builtins(self) | {
            "events": [str(id) for id in self.events[:MAX_EVENT_IDS]]
        }
        return {name: value for name, value in given.items() if value not in (None, [], False)}

    def arguments(self) -> tuple[Any, ...]:
        """As `WHICH` takes them."""
        return (
            list(self.events) or None, self.destination, self.tenant, self.conversation,
            self.status, self.since, self.until, self.unreadable,
        )  # fmt: skip


MATCHES = """(event = any($1) or $1::uuid[] is null)
    and ($2::text is null or destination = $2) and ($3::text is null or tenant = $3)
    and ($4::text is null or conversation = $4) and ($5::int is null or status = $5)
    and ($6::timestamptz is null or at >= $6) and ($7::timestamptz is null or at < $7)
    and (conversation = '') = $8"""
PARKED, WAITING = f"state = 'parked' and {MATCHES}", f"state = 'replay' and {MATCHES}"
"""Of these: what nobody has, and what a person wants to be tried again."""
ASIDE = f"state = 'aside' and {MATCHES}"
"""What stands aside: it is tried by itself, and only looked at here."""


class Parked(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Without a word of what was said. State replay, or aside: it waits to be tried again, from
    `due_at`."""

    state: str
    due_at: datetime | None
    event: UUID
    destination: str
    tenant: str
    conversation: str
    at: datetime
    status: int
    attempts: int
    replays: int
    reason: str


class StoredDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a delivery: itself, and the first kilobyte of the answer that refused it."""

    delivery: Delivery
    answer: bytes


async def list_parked(pool: Pool, wanted: ParkedFilter) -> list[Parked]:
    """The oldest first."""
    rows = await pool.fetch(_LIST, *wanted.arguments(), MAX_LISTED)
    return [Parked(**row) for row in rows]


async def count_parked(connection: Connection, wanted: ParkedFilter) -> int:
    count: int = await connection.fetchval(_COUNT.format(PARKED), *wanted.arguments())
    return count


async def count_waiting(connection: Connection, wanted: ParkedFilter) -> int:
    count: int = await connection.fetchval(_COUNT.format(WAITING), *wanted.arguments())
    return count


async def cancel_replay(connection: Connection, wanted: ParkedFilter) -> int:
    """Have what waits to be tried again parked as before; how many. What a deliverer has under way
    by now it finishes, and what came of it is written down."""
    rows = await connection.fetch(_TAKE_BACK, *wanted.arguments())
    return len(rows)


async def find_parked(pool: Pool, event: UUID) -> list[tuple[Parked, StoredDelivery]]:
    """At each destination that refused it."""
    rows = await pool.fetch(_SHOW, *ParkedFilter(events=(event,)).arguments())
    if not rows:
        raise CommandRefused(f"there is no parked delivery {event}")
    return [
        (
            Parked(**{name: row[name] for name in Parked.__struct_fields__}),
            msgspec.msgpack.decode(row["body"], type=StoredDelivery),
        )
        for row in rows
    ]


async def replay(
    connection: Connection, wanted: ParkedFilter, per_second: int, to: Sequence[str]
) -> int:
    """Have them tried again from now on, the oldest first, so many a second; how many. What is for
    others than these destinations stays as it is."""
    rows = await connection.fetch(_REPLAY, *wanted.arguments(), per_second, list(to))
    return len(rows)


async def require_destinations(
    connection: Connection, wanted: ParkedFilter, to: Sequence[str]
) -> None:
    """Whether there is somebody to deliver all of it."""
    await require_not_dropped(connection, wanted.events)
    if others := await connection.fetch(_FOR_OTHERS, *wanted.arguments(), list(to)):
        raise CommandRefused(
            "\n".join(NOBODY.format(row["destination"], row["n"]) for row in others)
        )


async def drop(connection: Connection, wanted: ParkedFilter, reason: str) -> int:
    """Give them up, for a reason that goes on the record; how many."""
    rows = await connection.fetch(_DROP, *wanted.arguments(), reason)
    return len(rows)


async def require_not_dropped(connection: Connection, events: Sequence[UUID]) -> None:
    """Of what is named: there is nothing left of it to try again."""
    if gone := await connection.fetch(_GIVEN_UP, list(events)):
        raise CommandRefused("\n".join(GIVEN_UP.format(row["event"]) for row in gone))


_FIELDS = (
    "state, event, destination, tenant, conversation, at, status, attempts, replays, reason,"
    " case when state <> 'parked' then due_at end as due_at"
)
_HERE = f"(({PARKED}) or ({WAITING}) or ({ASIDE}))"
_LIST = f"select {_FIELDS} from deliverer.delivery where {_HERE} order by at, event limit $9"
_COUNT = "select count(*) from deliverer.delivery where {}"
_SHOW = f"select {_FIELDS}, body from deliverer.delivery where {_HERE} order by destination"

_REPLAY = f"""
update deliverer.delivery d set state = 'replay', replays = d.replays + 1, failed = 0,
    claimed_by = null, claimed_until = null,
    due_at = now() + make_interval(secs => (q.place - 1) / $9::float8)
from (
    select destination, event, row_number() over (partition by destination order by at, event)
        as place
    from (select * from deliverer.delivery where {PARKED} and destination = any($10) for update)
        parked
) q
where (d.destination, d.event) = (q.destination, q.event) returning d.event
"""

# `due_at` stays: by it a deliverer that has one under way may still write down what came of it.
_TAKE_BACK = f"""
update deliverer.delivery set state = 'parked', claimed_by = null, claimed_until = null
where {WAITING} returning event
"""
_FOR_OTHERS = f"""
select destination, count(*) as n from deliverer.delivery
where {PARKED} and destination <> all($9) group by destination order by destination
"""

# Nobody will deliver it, so nobody needs what was said; the archive has it, for its time.
_DROP = f"""
update deliverer.delivery set state = 'dropped', reason = $9, at = now(), told = false, body = null
where {PARKED} returning event
"""
_GIVEN_UP = """
select distinct event from deliverer.delivery d where event = any($1) and state = 'dropped'
    and not exists (select from deliverer.delivery o where o.event = d.event and o.state = 'parked')
order by event
"""
