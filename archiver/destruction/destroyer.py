"""Carry out approved destruction lists, a batch of conversations at a time.

A batch is one transaction: the database destroys what is listed and not held, and the log gets a
record for each. A kill between two batches loses nothing, since what is done is no longer listed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec
import structlog

from archiver.destruction.destruction_list import DestructionList, ListEvent
from archiver.destruction.list_store import ListStore, list_record
from archiver.encryption.key_store import KeyStore
from archiver.index.record_fields import Destruction
from archiver.log.writer import DESTRUCTION, writer_in_transaction
from services import clock, metrics
from services.contract import Record
from services.postgres.database import Connection, Pool, retry_while_unavailable

BATCH = 250
"""Conversations in one transaction: some 0.3 s, in which no record is written. A hold that is
placed waits no longer."""
POLL_SECONDS = 10.0
"""Interval between two looks for a list whose waiting time is over; it is counted in days."""
PAUSE_SECONDS = 0.05
"""Pause between two batches, in which waiting records are written."""
MACHINE = "postkamer"
"""Author of what no person does."""
GROUNDS = {"term": "the term of the selection list is over", "request": "an erasure was granted"}
"""Kind of list -> ground, as the record of a destruction has it."""
Finish = Callable[[Connection, DestructionList], Awaitable[None]]
"""Declares in the transaction that ends a list what was destroyed."""

log = structlog.get_logger()


class Destroyer:
    """Destroyer of what is on approved lists. The archiver's role is enough: the database decides
    what it may destroy."""

    def __init__(self, pool: Pool, keys: KeyStore, finish: Finish) -> None:
        self._pool, self._keys, self._finish = pool, keys, finish

    async def run(self) -> None:
        """Carry out lists for as long as the service runs; of several archivers one at a time."""
        while True:
            await retry_while_unavailable(self.carry_out_due, "destruction")
            await asyncio.sleep(POLL_SECONDS)

    async def carry_out_due(self) -> None:
        """Carry out every list that is due."""
        async with self._pool.acquire() as connection:
            due = [row["id"] for row in await connection.fetch(_DUE)]
        for id in due:
            await self.carry_out(id)

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
            beside = [row[0] for row in await connection.fetch(_BESIDE, found.tenant, wanted)]
            gone = [row[0] for row in await connection.fetch(_DESTROY, id, wanted)]
            erased = [row["id"] for row in await connection.fetch(_ERASED, beside)]
            await connection.execute(COUNT_DESTRUCTION)
            records = [destruction_record(found, each) for each in gone]
            records += [destruction_record(found, "", each) for each in erased]
            await self._write(connection, records)
        metrics.conversations_destroyed.inc(len(gone))
        return True

    async def _begun(self, connection: Connection, id: str) -> DestructionList | None:
        """Return a list that is being destroyed, and begin it if it is due."""
        found = await ListStore(connection, self._keys).lock(id)
        if found is None or found.state not in ("approved", "destroying"):
            return None
        if found.state == "approved":
            await connection.execute(_BEGIN, id)
            await self._note(connection, found, "begun")
        return found

    async def _end(self, connection: Connection, found: DestructionList) -> None:
        await connection.execute(_END, found.id)
        counts = await ListStore(connection, self._keys).counts(found.id)
        await self._note(connection, found, "destroyed", counts.get("destroyed", 0))
        await self._finish(connection, found)
        log.info("list.destroyed", list=found.id, **counts)

    async def _note(
        self, connection: Connection, found: DestructionList, event: str, count: int | None = None
    ) -> None:
        step = ListEvent(list=found.id, event=event, by=MACHINE, conversations=count)
        await self._write(connection, [list_record(found.tenant, step, clock.now())])

    async def _write(self, connection: Connection, records: Sequence[Record]) -> None:
        await writer_in_transaction(connection, self._keys).add(records)


def destruction_record(
    found: DestructionList, conversation: str, entry: UUID | None = None
) -> Record:
    """Return the record of one destroyed conversation, or of an entry outside any: on which ground,
    by which list, and who approved it."""
    destruction = Destruction(
        GROUNDS[found.kind],
        found.tenant,
        conversation,
        entry,
        list=found.id,
        by=found.approved_by or "",
    )
    return Record(
        id=clock.new_id(),
        kind=DESTRUCTION,
        at=clock.now(),
        data=msgspec.json.encode(destruction),
        tenant=found.tenant,
        conversation=conversation,
        message=entry,
    )


_DUE = """
select id from archiver.destruction_list
where state = 'destroying' or state = 'approved' and approved_at + waiting <= now()
order by approved_at, id
"""
TURN = "select pg_try_advisory_xact_lock(hashtext('archiver.destroyer'))"
"""One archiver destroys at a time: two would wait for each other's rows."""
_NEXT = """
select conversation from archiver.destruction_item
where list = $1 and state = 'listed' order by conversation limit $2
"""
_BESIDE = "select archiver.entries_beside($1, $2)"
"""Entries of the same people outside any conversation, which go with their last one."""
_ERASED = "select id from archiver.entry where id = any($1::uuid[]) and salt is null"
_DESTROY = "select archiver.destroy_conversations($1, $2)"
_BEGIN = "select archiver.begin_list($1)"
_END = "select archiver.end_list($1)"
COUNT_DESTRUCTION = "update archiver.head set destructions = destructions + 1"
