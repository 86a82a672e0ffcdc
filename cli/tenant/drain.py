"""Work of a stopped municipality that is still under way. Without any its package is final."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from cli.tenant.packer import Place
from services.amqp import topology
from services.postgres.database import Connection

MARGIN = timedelta(seconds=2)
"""Time by which reports of two processes may seem to be in another order."""
LATE = timedelta(seconds=10)
"""Time in which a request that a gateway let in before it refused is written and published, some
5 s."""
REPORTED_WITHIN = timedelta(seconds=90)
"""A consumer that is silent for longer has gone: services.drained_queues."""
WAITING = {
    "events": "events wait for a destination whose queue takes none: it must take them first",
    "outcomes": "results of sends were not published yet: is a deliverer running?",
    "sending": "messages are being sent: they are known within seconds",
    "records": "records could not be written: postkamer archive aside",
    "webhooks": "webhooks are in the router's quarantine: postkamer quarantine",
    "lists": "destruction lists are being carried out: they end by themselves",
    "actions": "actions of owners are not on the record yet: is a deliverer running?",
    "again": "deliveries or orders to send again: their destination must take them first",
    "closings": "closed conversations were not looked at for handing over: is an archiver running?",
    "handovers": "transcripts are being handed over: they are known within minutes",
}
"""Rows that must be gone -> what to do."""
NOT_DRAINED = (
    "{queue}: was not seen empty since: does its service run, and its destination take it?"
)


class Drain(msgspec.Struct, frozen=True):
    """State that was read: when the gateways had refused the municipality, when each queue was last
    seen empty, and the number of rows of each of WAITING."""

    refused_at: datetime
    settled_at: datetime | None
    """Time at which the last result of a send was published into a partition."""
    queues: Mapping[str, datetime | None]
    """Queue -> when all of its consumers had last done all that was in it."""
    rows: Mapping[str, int]


class Stages:
    """Queues that are emptied one after another: what is in one goes into the next."""

    def __init__(self, stages: Sequence[Sequence[str]]) -> None:
        self._stages = list(stages)
        self._reached: datetime | None = None
        """Time at which all queues of the last stage that is over were seen empty."""

    def obstacles(self, drain: Drain) -> list[str]:
        """Return what is under way, a sentence for each."""
        waiting = [
            f"{drain.rows[name]} {sentence}"
            for name, sentence in WAITING.items()
            if drain.rows.get(name)
        ]
        if waiting:
            return waiting
        while self._stages:
            refused_at = drain.refused_at + LATE
            begin = max(refused_at, drain.settled_at or refused_at)
            since = (self._reached or begin) + MARGIN
            seen = {queue: drain.queues.get(queue) for queue in self._stages[0]}
            if left := [queue for queue, at in seen.items() if at is None or at < since]:
                return [NOT_DRAINED.format(queue=queue) for queue in left]
            self._reached = max((at for at in seen.values() if at), default=since)
            del self._stages[0]
        return []


async def read_drain(connection: Connection, place: Place) -> Drain | None:
    """Return what is under way; None unless the gateways refuse each number of the
    municipality."""
    numbers = place.numbers
    values = place.tenant, list(numbers), list(place.destinations), place.hands_over
    row: Any = await connection.fetchrow(_DRAIN, *values)
    if row["refused"] != len(set(numbers)) or not numbers:
        return None
    queues = await connection.fetch(_QUEUES, REPORTED_WITHIN)
    return Drain(
        refused_at=row["refused_at"],
        settled_at=row["settled_at"],
        queues={each["queue"]: each["drained_at"] for each in queues},
        rows={name: row[name] for name in WAITING},
    )


def stages_of(
    numbers: Sequence[str], destinations: Sequence[str], partitions: int
) -> list[list[str]]:
    """Return the queues of a municipality in the order in which they are emptied. Pure."""
    places = {topology.partition_of(each, partitions) for each in numbers}
    return [
        sorted(map(topology.partition_queue, places)),
        sorted(map(topology.destination_queue, destinations)),
        [topology.ARCHIVE_QUEUE],
    ]


_DRAIN = """
select
    (select count(refused_at) from sharing.stopped_number s where s.number = any($2)) as refused,
    (select max(refused_at) from sharing.stopped_number s where s.number = any($2)) as refused_at,
    (select max(published_at) from deliverer.outcome o where o.number = any($2)) as settled_at,
    (select count(*) from router.waiting w where w.destination = any($3)) as events,
    (select count(*) from deliverer.outcome o
        where o.number = any($2) and o.published_at is null) as outcomes,
    (select count(*) from deliverer.ledger l
        where l.number = any($2) and l.state = 'sending') as sending,
    (select count(*) from archiver.quarantine q
        where split_part(q.conversation, '-', 1) = any($2)) as records,
    (select count(*) from router.quarantine q
        where q.number = any($2) and q.dropped_at is null and q.published_at is null) as webhooks,
    (select count(*) from archiver.destruction_list d
        where d.tenant = $1 and d.state = 'destroying') as lists,
    (select count(*) from deliverer.owner_action a where a.tenant = $1) as actions,
    (select count(*) from deliverer.resend r where r.tenant = $1 and r.finished_at is null)
        + (select count(*) from deliverer.delivery d
            where d.destination = any($3) and d.tenant = $1 and d.state = 'replay') as again,
    (select count(*) from archiver.entry e, archiver.handover_progress p
        where $4 and e.position >= p.position and e.tenant = $1
            and e.kind in ('conversation', 'valuation')) as closings,
    (select count(*) from archiver.handover h
        where h.tenant = $1 and h.claimed_until > now()) as handovers
"""
_QUEUES = """
select queue, case when bool_and(drained_at is not null) then min(drained_at) end as drained_at
from balance.consumer
where seen_at > now() - $1::interval group by queue
"""
