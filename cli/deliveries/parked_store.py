"""Table of parked deliveries: find, replay, cancel a replay, drop."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from cli.support.output import TO_FETCH, CommandRefused
from cli.support.working_keys import opening
from services.amqp.sealed_batch import open_put_aside
from services.contract import Delivery, DeliveryBatch
from services.postgres.database import Connection, Pool
from services.sealing.columns import DELIVERY, bind
from services.sealing.key_ring import RING

MAX_EVENT_IDS = 100
"""Most event ids in one audit entry, 4 kB; the entry also has their number."""
ABSENT = "there is no parked delivery {}"
GIVEN_UP = "{} was given up: what was said is in the archive, and not here to be tried again"
NOBODY = (
    "{0!r} is not in the configuration, so nobody would deliver its {1}: put it back there, or say "
    "by --destination which others"
)


class ParkedFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Criteria for parked deliveries; a criterion that is not set does not matter.

    `unreadable`: batch messages that could not be read, instead of all others.
    """

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
        """True if any criterion besides `unreadable` is set."""
        return self != ParkedFilter(unreadable=self.unreadable)

    def as_data(self) -> dict[str, Any]:
        """Return the criteria for an audit entry, with at most MAX_EVENT_IDS events."""
        events = [str(id) for id in self.events[:MAX_EVENT_IDS]]
        fields = msgspec.to_builtins(self) | {"events": events}
        return {name: value for name, value in fields.items() if value not in (None, [], False)}

    def arguments(self) -> tuple[Any, ...]:
        """Return the values of the parameters of `MATCHES`."""
        return (
            list(self.events) or None, self.destination, self.tenant, self.conversation,
            self.status, self.since, self.until, self.unreadable,
        )  # fmt: skip


MATCHES = """(event = any($1) or $1::uuid[] is null)
    and ($2::text is null or destination = $2) and ($3::text is null or tenant = $3)
    and ($4::text is null or conversation = $4) and ($5::int is null or status = $5)
    and ($6::timestamptz is null or at >= $6) and ($7::timestamptz is null or at < $7)
    and (conversation = '') = $8"""
PARKED = f"state = 'parked' and {MATCHES}"
"""Condition for matching deliveries that are parked."""
WAITING = f"state = 'replay' and body is not null and {MATCHES}"
"""Condition for matching parked deliveries that wait for a replay. One without a body was accepted,
and its owner has it sent again."""
ASIDE = f"state = 'aside' and {MATCHES}"
"""Condition for matching sidelined deliveries. A deliverer retries them; commands show them."""


class Parked(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A delivery without its contents. In state replay or aside it is retried from `due_at`."""

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
    """A delivery as it is stored, with the first kilobyte of the answer that refused it."""

    delivery: Delivery
    answer: bytes


async def list_parked(pool: Pool, criteria: ParkedFilter) -> list[Parked]:
    """Return the matching deliveries, the oldest first, at most TO_FETCH."""
    rows = await pool.fetch(_LIST, *criteria.arguments(), TO_FETCH)
    return [Parked(**row) for row in rows]


async def count_parked(connection: Connection, criteria: ParkedFilter) -> int:
    count: int = await connection.fetchval(_COUNT.format(PARKED), *criteria.arguments())
    return count


async def count_unreadable(pool: Pool, criteria: ParkedFilter) -> int:
    """Return how many batch messages could not be read, of those that match in all else."""
    unread = msgspec.structs.replace(criteria, unreadable=True)
    count: int = await pool.fetchval(_COUNT.format(PARKED), *unread.arguments())
    return count


async def count_waiting(connection: Connection, criteria: ParkedFilter) -> int:
    count: int = await connection.fetchval(_COUNT.format(WAITING), *criteria.arguments())
    return count


async def cancel_replay(connection: Connection, criteria: ParkedFilter) -> int:
    """Park deliveries that wait for a replay, and return their number.

    A deliverer finishes the ones that it has started, and stores their outcome.
    """
    return len(await connection.fetch(_CANCEL, *criteria.arguments()))


async def find_parked(pool: Pool, event: UUID) -> list[tuple[Parked, StoredDelivery]]:
    """Return the delivery of an event at each destination that refused it."""
    rows = await pool.fetch(_SHOW, *ParkedFilter(events=(event,)).arguments())
    if not rows:
        raise CommandRefused(ABSENT.format(event))
    with opening(f"the delivery {event}"):
        return [
            (
                Parked(**{name: row[name] for name in Parked.__struct_fields__}),
                msgspec.msgpack.decode(open_delivery(row), type=StoredDelivery),
            )
            for row in rows
        ]


async def replay(
    connection: Connection, criteria: ParkedFilter, per_second: int, to: Sequence[str]
) -> int:
    """Start a replay of deliveries to these destinations, the oldest first; return their number.

    Deliveries to other destinations stay parked.
    """
    return len(await connection.fetch(_REPLAY, *criteria.arguments(), per_second, list(to)))


async def replay_unreadable(
    connection: Connection, criteria: ParkedFilter, per_second: int, to: Sequence[str]
) -> int:
    """Start a replay of the deliveries in batch messages whose key was gone and is back; return
    their number. Those that are known here stay as they are.

    CommandRefused for a message that does not open.
    """
    number = 0
    for row in await connection.fetch(_UNREADABLE, *criteria.arguments(), list(to)):
        with opening(f"the message {row['event']}"):
            deliveries = open_put_aside(DeliveryBatch, open_delivery(row)).deliveries
        for delivery in deliveries:
            seconds = number / per_second
            number += await connection.fetchval(_ADD_REPLAY, *_replay_row(row, delivery), seconds)
        await connection.execute(_SETTLE, row["destination"], row["event"])
    return number


def open_delivery(row: Any) -> bytes:
    """Return the body of a row. Raises KeyUnknown and Unsealable."""
    return RING.unseal(row["body"], DELIVERY, bind(row["destination"], row["event"]))


def _replay_row(row: Any, delivery: Delivery) -> tuple[Any, ...]:
    body = {"delivery": delivery, "answer": b""}
    bound = bind(row["destination"], delivery.id)
    sealed = RING.seal(msgspec.msgpack.encode(body), DELIVERY, bound)
    about = delivery.id, delivery.message, delivery.tenant, delivery.conversation
    return row["destination"], *about, row["reason"], sealed, delivery.type, delivery.sequence


async def require_destinations(
    connection: Connection, criteria: ParkedFilter, to: Sequence[str]
) -> None:
    """Raise CommandRefused if a delivery was dropped or its destination is not configured."""
    await require_not_dropped(connection, criteria)
    if others := await connection.fetch(_UNCONFIGURED, *criteria.arguments(), list(to)):
        raise CommandRefused(
            "\n".join(NOBODY.format(row["destination"], row["n"]) for row in others)
        )


async def drop(connection: Connection, criteria: ParkedFilter, reason: str) -> int:
    """Drop deliveries, for a reason that is archived, and return their number."""
    return len(await connection.fetch(_DROP, *criteria.arguments(), reason))


async def require_not_dropped(connection: Connection, criteria: ParkedFilter) -> None:
    """Raise CommandRefused if one of these events was dropped: nothing is left to replay."""
    if dropped := await connection.fetch(_DROPPED, list(criteria.events), criteria.tenant):
        raise CommandRefused("\n".join(GIVEN_UP.format(row["event"]) for row in dropped))


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
    due_at = now() + make_interval(secs => (q.place - 1) / $9::float8)
from (
    select destination, event, row_number() over (partition by destination order by at, event)
        as place
    from (select * from deliverer.delivery where {PARKED} and destination = any($10) for update)
        parked
) q
where (d.destination, d.event) = (q.destination, q.event) returning d.event
"""

_UNREADABLE = f"""
select destination, event, reason, body from deliverer.delivery
where {PARKED} and destination = any($9) order by at, event for update
"""
_ADD_REPLAY = """
with added as (
    insert into deliverer.delivery (destination, event, message, tenant, conversation, state,
        attempts, status, reason, body, type, sequence, at, due_at, replays)
    values ($1, $2, $3, $4, $5, 'replay', 0, 0, $6, $7, $8, $9, now(),
        now() + make_interval(secs => $10), 1)
    on conflict do nothing returning event)
select count(*) from added
"""

# Its deliveries have rows of their own now.
_SETTLE = """
update deliverer.delivery set state = 'settled', body = null, told = false, replays = replays + 1
where (destination, event) = ($1, $2)
"""

# `due_at` does not change, so that a deliverer that has started one can still store its outcome.
_CANCEL = f"""
update deliverer.delivery set state = 'parked'
where {WAITING} returning event
"""
_UNCONFIGURED = f"""
select destination, count(*) as n from deliverer.delivery
where {PARKED} and destination <> all($9) group by destination order by destination
"""

# It is never delivered, so its contents are not needed. The archive has them until they expire.
_DROP = f"""
update deliverer.delivery set state = 'dropped', reason = $9, at = now(), told = false, body = null
where {PARKED} returning event
"""
_DROPPED = """
select distinct event from deliverer.delivery d where event = any($1) and state = 'dropped'
    and ($2::text is null or tenant = $2)
    and not exists (select from deliverer.delivery o where o.event = d.event and o.state = 'parked')
order by event
"""
