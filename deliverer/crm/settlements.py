"""Writing down what was delivered: to PostgreSQL, then to the archive; then it is so."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.amqp import topology
from services.amqp.publisher import Publisher, publish_until_confirmed
from services.contract import ArchiveBatch, Delivery, Record
from services.ids import created_at, uuid7
from services.postgres.database import Pool, retry_while_unavailable

FIRST_STATES = ("settled", "parked")
"""What a delivery comes to without anybody's doing."""
ASIDE = "aside"
"""It waits, as `deliverer.asides` says."""
FIRST_KILOBYTE = 1024
"""Of a refusing answer, kept with a parked delivery."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one delivery, for good, or until a person sets it to be tried again: `replays`
    is how often that was done. `body` is the delivery itself when it is parked."""

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
    replays: int = 0


def settlement(
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
    )


def parked(settled: Settlement, delivery: Delivery, reason: str, answer: bytes) -> Settlement:
    """The same, parked: with what is needed to try it again and to see why it was refused."""
    kept = {"delivery": delivery, "answer": answer[:FIRST_KILOBYTE]}
    return msgspec.structs.replace(
        settled, state="parked", reason=reason, body=msgspec.msgpack.encode(kept)
    )


def record(settled: Settlement) -> Record:
    """The archive's record of it. Its id follows from the event, the destination and how often it
    was set to be tried again: settled twice, by a process and by the next one, it is one record."""
    named = f"{settled.destination} {settled.event}"
    if settled.replays:
        named += f" {settled.state} {settled.replays}"
    elif settled.state == "dropped":
        named += " dropped"
    chance = hashlib.blake2b(named.encode(), digest_size=10)
    data = {
        "destination": settled.destination,
        "event": settled.event,
        "state": settled.state,
        "attempts": settled.attempts,
        "status": settled.status,
        "reason": settled.reason,
    }
    return Record(
        id=uuid7(created_at(settled.event), chance.digest()),
        kind="delivery",
        at=settled.at,
        data=msgspec.json.encode(data),
        tenant=settled.tenant,
        conversation=settled.conversation,
        message=settled.message,
    )


class Settlements:
    def __init__(self, pool: Pool, archive: Publisher) -> None:
        self._pool, self._archive = pool, archive

    async def write(self, settled: list[Settlement]) -> None:
        """Return when all of it is in PostgreSQL, and on its way to the archive: what was tried
        again is told with what people did, by `deliverer.replays`."""
        # One that was delivered again when its channel was lost may be in here twice.
        settled = list({(s.destination, s.event): s for s in reversed(settled)}.values())
        rows = [
            (s.destination, s.event, s.conversation, s.state, s.attempts, s.status, s.at, s.tenant,
             s.reason, s.body, s.message, s.replays)
            for s in settled
        ]  # fmt: skip
        columns = [list(column) for column in zip(*rows, strict=True)]
        await retry_while_unavailable(lambda: self._pool.execute(_INSERT, *columns), "settle")
        if first := [one for one in settled if not one.replays]:
            await self.tell(first)

    async def known(self, destination: str, events: Sequence[UUID]) -> dict[UUID, str]:
        """Which of these were settled before, or stand aside: event -> state. The records of what
        was settled go to the archive once more: the process may have ended between the two. Not of
        what a person had a hand in since."""
        fetch = lambda: self._pool.fetch(_SELECT, destination, list(events))  # noqa: E731
        rows = await retry_while_unavailable(fetch, "settled")
        found = [Settlement(**row) for row in rows]
        if first := [one for one in found if not one.replays and one.state in FIRST_STATES]:
            await self.tell(first)
        return {settled.event: settled.state for settled in found}

    async def tell(self, settled: Iterable[Settlement]) -> None:
        batch = ArchiveBatch(records=[record(one) for one in settled])
        await publish_until_confirmed(
            self._archive, topology.ARCHIVE_QUEUE, batch, may_stop=lambda: False
        )

    async def parked(self, destination: str) -> int:
        counted: Any = await self._pool.fetchval(
            "select count(*) from deliverer.delivery where destination = $1 and state = 'parked'",
            destination,
        )
        return int(counted)


# What a person had tried again, and perhaps took back or gave up while it was under way: what came
# of it counts. `due_at` is there until that is written down, once.
_INSERT = """
insert into deliverer.delivery as d (destination, event, conversation, state, attempts, status, at,
    tenant, reason, body, message, replays)
select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::int[],
    $7::timestamptz[], $8::text[], $9::text[], $10::bytea[], $11::uuid[], $12::int[])
on conflict (destination, event) do update set state = excluded.state,
    attempts = d.attempts + excluded.attempts, status = excluded.status, at = excluded.at,
    reason = excluded.reason, body = excluded.body, told = false, due_at = null
where d.state = 'aside' or d.replays = excluded.replays and (
    d.state = 'replay' or d.due_at is not null and (
        d.state = 'parked' or d.state = 'dropped' and excluded.state = 'settled'))
"""

_SELECT = """
select destination, event, conversation, state, attempts, status, at, tenant, reason, message,
    replays
from deliverer.delivery where destination = $1 and event = any($2::uuid[])
"""
