"""Carry out approved destruction lists, a batch of conversations at a time.

A batch is one transaction: the database destroys what is listed and not held, the log gets a record
for each, and before the commit an order stands outside the database, so that no restore brings
anything back. A kill between two batches loses nothing, since what is done is no longer listed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

import structlog

from archiver.destruction.destruction_list import DestructionList, ListEvent
from archiver.destruction.list_store import ListStore, list_record
from archiver.encryption.key_store import KeyStore, Place
from archiver.index.record_fields import GROUNDS, Destruction
from archiver.log.destruction_record import destruction_records
from archiver.log.erasure import BESIDE, COUNT_DESTRUCTION
from archiver.log.past_destruction import Row, load_first_destructions
from archiver.log.writer import writer_in_transaction
from archiver.orders.order import Order, Unreadable
from archiver.orders.order_keeper import OrderKeeper, OutsideAhead
from archiver.retention.hold_store import HoldStore
from services import clock, metrics
from services.contract import Record
from services.files.object_store import ObjectExists, StoreUnavailable
from services.postgres.database import Connection, Pool, retry_while_unavailable

BATCH = 250
"""Conversations in one transaction: some 0.3 s, in which no record is written. A hold that is
placed waits no longer."""
POLL_SECONDS = 10.0
"""Interval between two looks for a list whose waiting time is over; it is counted in days."""
LATE_SECONDS = 600.0
"""Interval between two looks for what came late. It is readable for so long to those who may read
the record."""
PAUSE_SECONDS = 0.05
"""Pause between two batches, in which waiting records are written."""
UNREAD = "it was destroyed before, and the record of that does not open"
"""Ground of what comes late, if nothing tells the first one."""
MACHINE = "postkamer"
"""Author of what no person does."""
Finish = Callable[[Connection, DestructionList], Awaitable[None]]
"""Declares what was destroyed of a list that ended, in the transaction that ends it if it was not
withdrawn."""

AHEAD = (
    "orders of destruction stand outside that this database does not know, or that do not open; ask"
    " postkamer archive replay"
)

log = structlog.get_logger()


class Destroyer:
    """Destroyer of what is on approved lists. The archiver's role is enough: the database decides
    what it may destroy."""

    def __init__(self, pool: Pool, keys: KeyStore, orders: OrderKeeper, finish: Finish) -> None:
        self._pool, self._keys, self._orders, self._finish = pool, keys, orders, finish

    async def run(self) -> None:
        """Carry out lists for as long as the service runs; of several archivers one at a time."""
        while True:
            await retry_while_unavailable(partial(self._try, self.carry_out_due), "destruction")
            await asyncio.sleep(POLL_SECONDS)

    async def run_late(self) -> None:
        """Look for records that came after the destruction of their conversation, for as long as
        the service runs. A delivery may have been under way, or a status: its record gets a new
        key, since each record that was acknowledged is written."""
        while True:
            await retry_while_unavailable(
                partial(self._try, self._destroy_all_late), "late records"
            )
            await asyncio.sleep(LATE_SECONDS)

    async def _destroy_all_late(self) -> None:
        has_more = True
        while has_more:
            has_more = await self.destroy_late()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do what is due. Without the object store, or with orders outside that this
        database does not know, nothing is destroyed. An order of a try that timed out may come into
        a slow store just before that of the next try, and is settled by the try after."""
        try:
            await work()
        except (StoreUnavailable, ObjectExists) as error:
            log.warning("destruction.waits", reason=str(error))
        except (OutsideAhead, Unreadable):
            log.error("destruction.waits", reason=AHEAD)

    async def carry_out_due(self) -> None:
        """Carry out every list that is due."""
        async with self._pool.acquire() as connection:
            due = [row["id"] for row in await connection.fetch(_DUE)]
            stopped = [row["id"] for row in await connection.fetch(_STOPPED)]
        for id in due:
            await self.carry_out(id)
        for id in stopped:
            await self.declare_stopped(id)

    async def declare_stopped(self, id: str) -> None:
        """Declare what was destroyed of a list that was withdrawn meanwhile."""
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(TURN):
                return  # another archiver is at it
            found = await ListStore(connection, self._keys).lock(id)
            if found and not await connection.fetchval(_IS_DECLARED, id):
                await self._finish(connection, found)

    async def carry_out(self, id: str) -> None:
        """Carry out one list, from where it stands."""
        has_more = True
        while has_more:
            has_more = await self.destroy_batch(id)
            await asyncio.sleep(PAUSE_SECONDS)

    async def destroy_batch(self, id: str) -> bool:
        """Destroy the next batch, or end the list; False once there is nothing left to do."""
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(TURN):
                return False  # another archiver is at it
            found = await self._begun(connection, id)
            if found is None:
                return False
            wanted = [row["conversation"] for row in await connection.fetch(_NEXT, id, BATCH)]
            if not wanted:
                await self._end(connection, found)
                return False
            cause = Cause(found.tenant, GROUNDS[found.kind], found.id, found.approved_by or "")
            forget = partial(connection.fetch, _DESTROY, found.id, wanted)
            order = await self._destroy(connection, cause, wanted, forget)
        if order:
            await self._orders.confirm(order)
            metrics.conversations_destroyed.inc(len(order.conversations))
        return True

    async def destroy_late(self) -> bool:
        """Destroy again what has a key again, since a record came after the destruction; of one
        cause. Return False if there is nothing."""
        async with self._pool.acquire() as connection, connection.transaction():
            late = await connection.fetch(_LATE, BATCH) if await connection.fetchval(TURN) else []
            if not late:
                return False
            places = [(row["tenant"], row["conversation"]) for row in late]
            cause, wanted = await self._first_cause(connection, places)
            forget = partial(connection.fetch, _DESTROY_AGAIN, cause.tenant, wanted)
            order = await self._destroy(connection, cause, wanted, forget)
        if order:
            await self._orders.confirm(order)
            log.info("destruction.again", count=len(order.conversations))
        return order is not None

    async def _first_cause(
        self, connection: Connection, places: Sequence[Place]
    ) -> tuple["Cause", list[str]]:
        """Return why the first of these was destroyed, and those that were for the same."""
        tenant, first = places[0]
        wanted = [conversation for of, conversation in places if of == tenant]
        destroyed = await load_first_destructions(connection, self._keys, tenant, wanted)
        causes = {each: _cause_of(tenant, destroyed.get(each)) for each in wanted}
        return causes[first], [each for each in wanted if causes[each] == causes[first]]

    async def _destroy(
        self,
        connection: Connection,
        cause: "Cause",
        wanted: Sequence[str],
        forget: Callable[[], Awaitable[Sequence[Row]]],
    ) -> Order | None:
        """Destroy what may go, and return the order for it; None if nothing may. `forget` returns
        the conversations that are gone."""
        beside = [row[0] for row in await connection.fetch(BESIDE, cause.tenant, wanted)]
        gone = [row[0] for row in await forget()]
        if not gone:
            return None
        erased = [row["id"] for row in await connection.fetch(_ERASED, beside)]
        order = Order(
            number=await self._orders.next_number(connection),
            kind="conversations",
            at=clock.now(),
            tenant=cause.tenant,
            conversations=tuple(gone),
            beside=tuple(erased),
            ground=cause.ground,
            list=cause.list,
            by=cause.by,
        )
        await self._orders.give(connection, order)
        await connection.execute(COUNT_DESTRUCTION)
        await self._write(connection, destruction_records(order, gone, cause.first_at))
        return order

    async def _begun(self, connection: Connection, id: str) -> DestructionList | None:
        """Return a list that is being destroyed, and begin it if it is due."""
        found = await ListStore(connection, self._keys).lock(id)
        if found is None or found.state not in ("approved", "destroying"):
            return None
        if found.state == "approved":
            await HoldStore(connection, self._keys).follow_persons(found.tenant)
            await connection.execute(_BEGIN, id)
            await self._note(connection, found, "begun")
        return found

    async def _end(self, connection: Connection, found: DestructionList) -> None:
        await connection.execute(_END, found.id)
        counts = await ListStore(connection, self._keys).counts(found.id)
        await self._note(connection, found, "destroyed", counts.get("destroyed", 0))
        await self._finish(connection, found)
        log.info("list.destroyed", list=found.id, count=counts.get("destroyed", 0))

    async def _note(
        self, connection: Connection, found: DestructionList, event: str, count: int | None = None
    ) -> None:
        step = ListEvent(list=found.id, event=event, by=MACHINE, conversations=count)
        await self._write(connection, [list_record(found.tenant, step, clock.now())])

    async def _write(self, connection: Connection, records: Sequence[Record]) -> None:
        await writer_in_transaction(connection, self._keys).add(records)


class Cause(NamedTuple):
    """Why conversations of a municipality are destroyed, as their record has it."""

    tenant: str
    ground: str
    list: str
    by: str
    first_at: datetime | None = None
    """Time of the first destruction, if only a restore brought it here."""


def _cause_of(tenant: str, first: Destruction | None) -> Cause:
    if first is None:
        return Cause(tenant, UNREAD, "", "")
    return Cause(tenant, first.ground, first.list, first.by, first.first_at)


# A list that has begun is ended; none is begun of a municipality whose final package is written.
_DUE = """
select id from archiver.destruction_list l
where state = 'destroying' or state = 'approved' and approved_at + waiting <= now()
    and not exists (select from sharing.stopped_number s
        where s.tenant = l.tenant and s.left_at is not null)
order by approved_at, id
"""
_STOPPED = """
select l.id from archiver.destruction_list l where l.state = 'withdrawn' and l.begun_at is not null
    and not exists (select from archiver.declaration d where d.list = l.id)
    and exists (select from archiver.destruction_item i
        where i.list = l.id and i.state = 'destroyed')
"""
_IS_DECLARED = "select exists (select from archiver.declaration where list = $1)"
TURN = "select pg_try_advisory_xact_lock(hashtext('archiver.destroyer'))"
"""One archiver destroys at a time: two would wait for each other's rows."""
WAIT_TURN = "select pg_advisory_xact_lock(hashtext('archiver.destroyer'))"
"""The same for who changes rows that a destruction deletes, and can wait for its batch."""
_NEXT = """
select conversation from archiver.destruction_item
where list = $1 and state = 'listed' order by conversation limit $2
"""
_ERASED = "select id from archiver.entry where id = any($1::uuid[]) and salt is null"
_DESTROY = "select archiver.destroy_conversations($1, $2)"
_LATE = "select tenant, conversation from archiver.late_conversations($1)"
_DESTROY_AGAIN = "select archiver.destroy_again($1, $2)"
_BEGIN = "select archiver.begin_list($1)"
_END = "select archiver.end_list($1)"
