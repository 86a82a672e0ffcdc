"""What happened, into the record: take, write in one transaction, acknowledge.

A batch that the database refuses is taken record by record; the record that it refuses is kept
aside whole, its siblings go on.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import msgspec
import structlog

from archiver.store import Store
from services import clock, contract, observe
from services.consumer import Inbox
from services.contract import ArchiveBatch, Record
from services.database import until_it_answers
from services.incoming import Incoming

FRAMES = 64
"""Envelopes in hand, of 256 KiB each: 16 MiB, enough to cover the pace at full speed."""
PACE_SECONDS = 0.05
"""Between the starts of two transactions: nobody waits for the archive."""

log = structlog.get_logger()


class Intake:
    def __init__(self, store: Store) -> None:
        self._store = store
        self.behind = timedelta()
        """What happened so long ago is being written now."""

    async def work(self, inbox: Inbox) -> None:
        """Until the channel is lost or let go."""
        loop = asyncio.get_running_loop()
        while True:
            frames = await inbox.take(FRAMES)
            started = loop.time()
            records = [record for frame in frames for record in await self._read(frame)]
            if records:
                await self._write(records)
            await inbox.ack_all(frames)
            await asyncio.sleep(max(0.0, started + PACE_SECONDS - loop.time()))

    async def _read(self, frame: Incoming) -> list[Record]:
        """The records of an envelope. KeyError for a newer version's: it stays in the queue."""
        try:
            batch = contract.decode(frame.kind, frame.body)
        except msgspec.DecodeError:
            batch = None
        if isinstance(batch, ArchiveBatch):
            return batch.records
        await self._put_aside("an envelope that cannot be read", frame.body)
        return []

    async def _write(self, records: Sequence[Record]) -> None:
        try:
            await until_it_answers(lambda: self._store.add(records), "records")
        except Exception as error:
            log.warning("records.refused", count=len(records), exc_info=error)
            for record in records:
                await self._write_alone(record)
        for record in records:
            observe.archive_records.labels(kind=record.kind).inc()
        self.behind = clock.now() - max(record.at for record in records)
        observe.archive_lag_seconds.set(self.behind.total_seconds())

    async def _write_alone(self, record: Record) -> None:
        try:
            await until_it_answers(lambda: self._store.add([record]), "record")
        except Exception as error:
            log.error("record.refused", record=record.id, kind=record.kind, exc_info=error)
            await self._put_aside(
                "the database refused this record", msgspec.msgpack.encode(record)
            )

    async def _put_aside(self, reason: str, body: bytes) -> None:
        observe.quarantined.labels(reason=reason).inc()
        await until_it_answers(partial(self._store.put_aside, reason, body), "aside")
