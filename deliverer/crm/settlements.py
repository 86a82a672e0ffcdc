"""Settlements of deliveries, written to PostgreSQL and then to the archive."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from services.amqp import topology
from services.amqp.publisher import Publisher, publish_until_confirmed
from services.contract import ArchiveBatch, Delivery, Record
from services.ids import created_at, uuid7
from services.postgres.database import Pool, retry_while_unavailable
from services.postgres.shut_rows import report_shut
from services.sealing.columns import DELIVERY, SENT, bind
from services.sealing.key_ring import RING

FINAL_STATES = ("settled", "parked")
"""Final states of a delivery without an operator's action."""
ASIDE = "aside"
"""State of a sidelined delivery, see `deliverer.crm.sidelined_store`."""
STORED_ANSWER_BYTES = 1024
"""Part of the refusing answer that is stored with a parked delivery."""


SHUT = "it does not open: its row was altered, or its working key is gone"
"""Reason of a delivery that is parked unopened. Its body is kept, since a key may come back."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """Final state of one delivery, until an operator has it retried."""

    destination: str
    event: UUID
    message: UUID | None = None
    conversation: str
    state: str
    attempts: int
    status: int
    at: datetime
    tenant: str = ""
    reason: str = ""
    body: bytes | None = None
    """The delivery itself and the start of the answer, if it is parked."""
    replays: int = 0
    """Times that an operator had it retried."""
    type: str = ""
    """Type of the event."""
    sequence: int = 0
    sealed: bytes | None = None
    """The delivery, sealed, if it was accepted and is kept to be sent again."""


def make_settlement(
    delivery: Delivery, destination: str, attempts: int, status: int, at: datetime, replays: int = 0
) -> Settlement:
    return Settlement(
        destination=destination,
        event=delivery.id,
        message=delivery.message,
        conversation=delivery.conversation,
        tenant=delivery.tenant,
        state="settled",
        attempts=attempts,
        status=status,
        at=at,
        replays=replays,
        type=delivery.type,
        sequence=delivery.sequence,
    )


def park_settlement(
    settlement: Settlement, delivery: Delivery, reason: str, answer: bytes
) -> Settlement:
    """Return the settlement as parked, with the delivery to retry and the start of the answer."""
    body = {"delivery": delivery, "answer": answer[:STORED_ANSWER_BYTES]}
    bound = bind(settlement.destination, settlement.event)
    sealed = RING.seal(msgspec.msgpack.encode(body), DELIVERY, bound)
    return msgspec.structs.replace(settlement, state="parked", reason=reason, body=sealed)


def keep_event(settlement: Settlement, delivery: Delivery) -> Settlement:
    """Return the settlement with its event, sealed, so that it can be sent again."""
    bound = bind(settlement.destination, settlement.event)
    sealed = RING.seal(msgspec.msgpack.encode(delivery), SENT, bound)
    return msgspec.structs.replace(settlement, sealed=sealed)


def settlement_record(settlement: Settlement) -> Record:
    """Return the record for the archive. Its id follows from event, destination and replays, so
    that a delivery settled twice, by a process and its successor, makes one record."""
    name = f"{settlement.destination} {settlement.event}"
    if settlement.replays:
        name += f" {settlement.state} {settlement.replays}"
    elif settlement.state == "dropped":
        name += " dropped"
    digest = hashlib.blake2b(name.encode(), digest_size=10)
    data = {
        "destination": settlement.destination,
        "event": settlement.event,
        "state": settlement.state,
        "attempts": settlement.attempts,
        "status": settlement.status,
        "reason": settlement.reason,
    }
    return Record(
        id=uuid7(created_at(settlement.event), digest.digest()),
        kind="delivery",
        at=settlement.at,
        data=msgspec.json.encode(data),
        tenant=settlement.tenant,
        conversation=settlement.conversation,
        message=settlement.message,
    )


async def park_shut(pool: Pool, destination: str, events: Sequence[UUID]) -> None:
    """Park deliveries that wait in the table and do not open. `Replays.outbox` has their records
    made."""
    report_shut("deliverer.delivery", *events)
    await pool.execute(_PARK_SHUT, destination, list(events), SHUT)


class Settlements:
    def __init__(self, pool: Pool, archive: Publisher) -> None:
        self._pool, self._archive = pool, archive

    async def write(self, settlements: list[Settlement]) -> None:
        """Return when all are in PostgreSQL and published to the archive. Replays are published
        with the other actions of operators, see `deliverer.crm.replays`."""
        # A delivery that was repeated after its channel was lost may occur twice.
        settlements = list({(s.destination, s.event): s for s in reversed(settlements)}.values())
        rows = [
            (s.destination, s.event, s.conversation, s.state, s.attempts, s.status, s.at, s.tenant,
             s.reason, s.body, s.message, s.replays, s.type, s.sequence, s.sealed)
            for s in settlements
        ]  # fmt: skip
        columns = [list(column) for column in zip(*rows, strict=True)]
        await retry_while_unavailable(lambda: self._pool.execute(_INSERT, *columns), "settle")
        if new := [one for one in settlements if not one.replays]:
            await self.publish(new)

    async def find_states(self, destination: str, events: Sequence[UUID]) -> dict[UUID, str]:
        """Return the state of each of these events that is settled or sidelined. Republish the
        records of settled ones: the process may have ended between the two writes. Replays and
        other actions of operators have their own outbox."""
        fetch = lambda: self._pool.fetch(_SELECT, destination, list(events))  # noqa: E731
        rows = await retry_while_unavailable(fetch, "settled")
        settlements = [Settlement(**row) for row in rows]
        final = [one for one in settlements if not one.replays and one.state in FINAL_STATES]
        if final:
            await self.publish(final)
        return {settlement.event: settlement.state for settlement in settlements}

    async def publish(self, settlements: Sequence[Settlement]) -> Sequence[Settlement]:
        """Return the settlements once the archive's queue has their records."""
        await self.publish_records([settlement_record(one) for one in settlements])
        return settlements

    async def publish_records(self, records: list[Record]) -> None:
        """Return once the archive's queue has these records."""
        batch = ArchiveBatch(records=records)
        await publish_until_confirmed(
            self._archive, topology.ARCHIVE_QUEUE, batch, may_stop=lambda: False
        )

    async def count_parked(self) -> dict[str, tuple[int, timedelta]]:
        """Return the number of parked deliveries of each destination that has any, and the age of
        the oldest."""
        rows = await self._pool.fetch(_COUNT_PARKED)
        return {row["destination"]: (row["count"], row["age"]) for row in rows}


# An event is kept as of its first delivery, so that its term cannot be prolonged. One that was in
# hand when its conversation was destroyed is not kept: what was dropped is ordered by nobody.
_KEEP = """
insert into deliverer.sent (destination, event, at, sealed)
select destination, event, at, sealed
from unnest($1::text[], $2::uuid[], $7::timestamptz[], $15::bytea[])
    as new (destination, event, at, sealed)
where sealed is not null and not exists (select from deliverer.delivery d
    where d.destination = new.destination and d.event = new.event
        and d.state = 'dropped' and d.due_at is null)
on conflict do nothing
"""

# An operator may take back or drop a replay while it is in flight: then its result counts. `due_at`
# is set until that result is written, once.
_INSERT = f"""
with kept as ({_KEEP})
insert into deliverer.delivery as d (destination, event, conversation, state, attempts, status, at,
    tenant, reason, body, message, replays, type, sequence)
select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::int[],
    $7::timestamptz[], $8::text[], $9::text[], $10::bytea[], $11::uuid[], $12::int[],
    $13::text[], $14::bigint[])
on conflict (destination, event) do update set state = excluded.state,
    attempts = d.attempts + excluded.attempts, status = excluded.status, at = excluded.at,
    reason = excluded.reason, body = excluded.body, told = false, due_at = null,
    owner_told = false, type = excluded.type, sequence = excluded.sequence
where d.state = 'aside' or d.replays = excluded.replays and (
    d.state = 'replay' or d.due_at is not null and (
        d.state = 'parked' or d.state = 'dropped' and excluded.state = 'settled'))
"""

_PARK_SHUT = """
update deliverer.delivery set state = 'parked', reason = $3, at = now(), told = false,
    owner_told = false, due_at = null
where destination = $1 and event = any($2::uuid[]) and state in ('aside', 'replay')
"""

_COUNT_PARKED = """
select destination, count(*) as count, now() - min(at) as age
from deliverer.delivery where state = 'parked' group by destination
"""

_SELECT = """
select destination, event, conversation, state, attempts, status, at, tenant, reason, message,
    replays
from deliverer.delivery where destination = $1 and event = any($2::uuid[])
"""
