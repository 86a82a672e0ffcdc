"""Intake of the archive: receive batch messages, seal, write in one transaction, acknowledge.

One batch is sealed while another is written. If the database refuses a batch, its records are
written one by one. A record that cannot be sealed or that the database refuses goes to quarantine
in full, and the others go on.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import structlog

from archiver.log.append import Entry
from archiver.log.writer import CannotSeal, SealedBeforeErasure, Writer
from archiver.quarantine import Quarantine
from services import clock, metrics, tracing
from services.amqp.consumer import ConsumerStopping, Inbox
from services.amqp.incoming_message import IncomingMessage
from services.amqp.sealed_batch import open_body, read_batch
from services.contract import ArchiveBatch, Record
from services.postgres.database import retry_while_unavailable
from services.tasks import background_task, first_or_watchdog

PREFETCH = 128
"""Unacknowledged messages, of at most 256 KiB each: 32 MiB."""
BATCH_MESSAGES = PREFETCH // 4
"""Messages in one batch. A quarter of the prefetch: one batch is written and one is sealed while
the messages of later ones arrive. With half of it, every other batch held only the one or two
messages that had arrived in time."""
BATCH_BYTES = 4 * 1024 * 1024
"""Bytes in one batch: about as many records as one transaction takes. At most three batches are in
memory, each as messages, records and entries: one being sealed, one ready, one being written."""
TRANSACTION_RECORDS, SHARED_TRANSACTION_RECORDS = 5000, 200
"""Records in one transaction, which takes a sixth of a second; and when others wait to write, since
they wait for this transaction before they can show the record."""
MIN_INTERVAL_SECONDS = 0.05
"""Minimum interval between the starts of two transactions. No caller waits for the intake."""

EPOCH = datetime.fromtimestamp(0, UTC)

log = structlog.get_logger()


class Batch(msgspec.Struct, frozen=True):
    """Messages of one batch, their records, and the sealed entries."""

    messages: list[IncomingMessage]
    records: list[Record]
    entries: list[Entry]


class Intake:
    def __init__(self, writer: Writer, quarantine: Quarantine) -> None:
        self._writer, self._quarantine = writer, quarantine
        self.lag = timedelta()
        """Age of the newest record that was new in the transaction that was written last."""

    async def work(self, inbox: Inbox) -> None:
        """Consume until the channel is lost or the consumer stops."""
        ready: asyncio.Queue[Batch] = asyncio.Queue(maxsize=1)
        async with background_task(self._write_batches(inbox, ready)) as write_task:
            try:
                while True:
                    messages = await first_or_watchdog(
                        inbox.take(BATCH_MESSAGES, BATCH_BYTES), write_task
                    )
                    batch = await first_or_watchdog(self._seal_batch(messages), write_task)
                    await first_or_watchdog(ready.put(batch), write_task)
            except ConsumerStopping:
                await first_or_watchdog(ready.join(), write_task)
                raise

    async def _seal_batch(self, messages: list[IncomingMessage]) -> Batch:
        records = [record for message in messages for record in await self._decode_records(message)]
        return Batch(messages, records, await self._seal_records(records))

    async def _seal_records(self, records: list[Record]) -> list[Entry]:
        try:
            return await retry_while_unavailable(partial(self._writer.seal, records), "keys")
        except CannotSeal:
            pass
        except Exception as error:
            log.warning("records.unsealable", count=len(records), exc_info=error)
        return [entry for record in records for entry in await self._seal_one(record)]

    async def _seal_one(self, record: Record) -> list[Entry]:
        try:
            return await retry_while_unavailable(partial(self._writer.seal, [record]), "keys")
        except CannotSeal as error:
            await self._refuse(record, str(error))
        except Exception as error:
            log.error("record.unsealable", record=record.id, kind=record.kind, exc_info=error)
            await self._refuse(record, "it cannot be sealed")
        return []

    async def _decode_records(self, message: IncomingMessage) -> list[Record]:
        """Return the records of a message. A type of a newer version raises KeyError, and the
        message stays in the queue."""
        try:
            batch = await read_batch(message.type, message.body)
        except msgspec.DecodeError:
            batch = None
        if isinstance(batch, ArchiveBatch):
            return batch.records
        body = open_body(message.type, message.body)
        await self._put_aside("an envelope that cannot be read", body)
        return []

    async def _write_batches(self, inbox: Inbox, ready: "asyncio.Queue[Batch]") -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = await ready.get()
            started = loop.time()
            await self._write_batch(batch)
            _record_spans(batch.records, loop.time() - started)
            await inbox.ack_all(batch.messages)
            ready.task_done()
            await asyncio.sleep(max(0.0, started + MIN_INTERVAL_SECONDS - loop.time()))

    async def _write_batch(self, batch: Batch) -> None:
        start = 0
        while start < len(batch.entries):
            end = start + (SHARED_TRANSACTION_RECORDS if self._writer.busy else TRANSACTION_RECORDS)
            try:
                self._count(await self._write_transaction(batch.entries[start:end], batch.records))
            except SealedBeforeErasure:  # records already written are left out
                entries = await self._seal_records(batch.records)
                batch, end = msgspec.structs.replace(batch, entries=entries), 0
            start = end

    def _count(self, new: Sequence[Entry]) -> None:
        """Count what was written. A repeat is none: a router publishes some records again at its
        start, and they would show an archive that is late."""
        for kind, count in Counter(entry.columns.kind for entry in new).items():
            metrics.archive_records.labels(kind=kind).inc(count)
        if new:
            self.lag = clock.now() - max(entry.columns.at for entry in new)
            metrics.archive_lag_seconds.set(self.lag.total_seconds())

    async def _write_transaction(
        self, entries: Sequence[Entry], records: Sequence[Record]
    ) -> list[Entry]:
        """Return the entries that are new."""
        try:
            return await retry_while_unavailable(partial(self._writer.write, entries), "records")
        except SealedBeforeErasure:
            raise
        except Exception as error:
            log.warning("records.refused", count=len(entries), exc_info=error)
            return [new for entry in entries for new in await self._write_one(entry, records)]

    async def _write_one(self, entry: Entry, records: Sequence[Record]) -> list[Entry]:
        try:
            return await retry_while_unavailable(partial(self._writer.write, [entry]), "record")
        except SealedBeforeErasure:
            raise
        except Exception as error:
            record = next(record for record in records if record.id == entry.columns.id)
            log.error("record.refused", record=record.id, kind=record.kind, exc_info=error)
            await self._refuse(record, "the database refused this record")
            return []

    async def _refuse(self, record: Record, reason: str) -> None:
        await self._put_aside(reason, _encode_record(record), record)

    async def _put_aside(self, reason: str, body: bytes, record: Record | None = None) -> None:
        metrics.quarantined.labels(reason=reason).inc()
        await retry_while_unavailable(partial(self._quarantine.add, reason, body, record), "aside")


def _record_spans(records: Sequence[Record], seconds: float) -> None:
    """Record the writing of a batch that took `seconds`, in the traces of its records."""
    if tracing.is_on():
        for record in records:
            tracing.record_step(
                "record", record.traceparent, seconds, record=record.id, message=record.message
            )


def _encode_record(record: Record) -> bytes:
    """Encode a record for quarantine. A time that cannot be expressed in UTC is replaced by
    EPOCH."""
    try:
        return msgspec.msgpack.encode(record)
    except OverflowError:
        return msgspec.msgpack.encode(msgspec.structs.replace(record, at=EPOCH))
