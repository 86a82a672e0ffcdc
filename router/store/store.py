"""The router's tables: read what a batch needs; write what it decided in one transaction."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from router.handlers.batch import Output
from router.model.changes import Changes, DecidedUnit
from router.model.decision import Decision, Quarantined
from router.model.snapshot import Relied, Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.output.retry_entry import retry_entry
from router.store.fencing import check_epoch, check_relied
from router.store.figures import save_figures
from router.store.heard import save_heard
from router.store.load import load_snapshot
from router.store.save import columns, save_changes
from router.store.version_table import VersionTable
from router.store.waiting import WaitingTable
from services.amqp.sealed_batch import is_sealed, open_put_aside
from services.contract import Delivery, Entry, PartitionBatch, Receipt, Timeout
from services.ids import CONVERSATION, NUMBER, created_at, min_id_at
from services.postgres.database import Connection, Pool
from services.postgres.shut_rows import RowShut, ShutRows, open_rows, report_shut, wait_for_keys
from services.sealing.brought_keys import open_brought_key
from services.sealing.columns import DECISION, DELIVERY, QUARANTINE, WAMID, bind
from services.sealing.key_ring import RING
from services.stops.stopped_numbers import not_stopped

SIGHTINGS = 1000
"""Unknown names of Meta's that are recorded at most, so that a flood of them cannot fill the table
or the log."""

TIMER_RELAY_LOCK = 0x74656C6C
"""Advisory lock of this database (ASCII "tell"): one router at a time publishes timers."""
REPUBLISH_AFTER = timedelta(minutes=10)
"""Republish a timer that is still unprocessed after this interval. It is longer than a normal
partition backlog; the inbox drops duplicates."""

STANDSTILL_SECONDS = 3.0
"""Patience with a commit of the router that held the partition: a commit takes milliseconds. The
session of a machine that is gone would keep its row until TCP gives up, some hours later."""

UNREADABLE = "it cannot be read, so it cannot be decided"
"""Reason why an AMQP message cannot go again."""

SOURCE_DAYS = 8
"""Retention of a source that publishes no more: longer than any batch waits in its partition."""

ACCEPTED_DAYS = 30
"""Retention of a missing batch that a person looked into."""

NOTHING_RELIED = Relied()
"""Value for decisions that read no rows of a conversation, such as a quarantine."""

BatchNumber = tuple[UUID, int]
"""Source and number of a batch."""
Sighting = tuple[str, str]
"""Kind and name of something of Meta's that we do not know."""
_encode = msgspec.msgpack.Encoder().encode
_decode_entry = msgspec.msgpack.Decoder(Entry).decode
_decode_delivery = msgspec.msgpack.Decoder(Delivery).decode


class BatchGaps(NamedTuple):
    """Batches that came: the next number of their sources, the numbers that are missing now, and
    those that came after all. It is stored before any of them is acknowledged."""

    next: Mapping[UUID, int]
    opened: Collection[BatchNumber]
    closed: Collection[BatchNumber]


class Committed(NamedTuple):
    """A commit: its transaction, and the sightings that are new."""

    transaction: int
    sightings: list[Sighting]


class Store:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.waiting, self.versions = WaitingTable(pool), VersionTable(pool)
        self._seen: set[Sighting] = set()
        self._held = ShutRows("router.held")

    async def take_epoch(self, partition: int) -> int:
        """Become the only writer of a partition, and return the fencing epoch.

        A previous holder that stands still in the middle of a commit is not waited for: its
        session is ended, and writes nothing.
        """
        async with self._pool.acquire() as connection:
            taking = asyncio.ensure_future(connection.fetchval(TAKE_EPOCH, partition))
            try:
                done, _ = await asyncio.wait([taking], timeout=STANDSTILL_SECONDS)
                if not done:
                    pid = connection.get_server_pid()
                    await self._pool.execute(END_BLOCKERS, pid)
                epoch: int = await taking
            finally:
                if not taking.done():  # cancelled: return the connection when the query has ended
                    taking.cancel()
                    await asyncio.wait([taking])
        return epoch

    async def load_brought_keys(self) -> tuple[dict[str, bytes], frozenset[str]]:
        """Return the keys that municipalities brought, by municipality, and those of which it does
        not open. Whoever changes one makes every partition be taken anew: read them after the
        epoch."""
        rows = await self._pool.fetch("select tenant, sealed from router.brought_key")
        opened, shut = await open_rows(rows, _read_brought_key)
        if shut:
            report_shut("router.brought_key", *(row["tenant"] for row in shut))
        return dict(opened), frozenset(row["tenant"] for row in shut)

    async def load(self, units: Sequence[WorkUnit], context: RoutingContext) -> Snapshot:
        """Load everything that deciding these units takes. Raises RowShut."""
        try:
            async with self._pool.acquire() as connection:
                return await load_snapshot(connection, units, context)
        except RowShut as shut:
            if not shut.lacks_key:
                raise
        await wait_for_keys()
        async with self._pool.acquire() as connection:
            return await load_snapshot(connection, units, context)

    async def is_decided(self, unit: WorkUnit) -> bool:
        """Return whether a unit was decided, also if that decision does not open."""
        query = "select exists (select from router.inbox where key = $1)"
        return bool(await self._pool.fetchval(query, unit.key))

    async def is_parsed(self, unit: WorkUnit) -> bool:
        """Return whether the receipt of a unit was parsed before: an item of it was decided."""
        moment = min_id_at(unit.at), min_id_at(unit.at + timedelta(milliseconds=1))
        return bool(await self._pool.fetchval(IS_PARSED, unit.source, *moment))

    async def commit(
        self,
        partition: int,
        epoch: int,
        decided: Sequence[DecidedUnit],
        outputs: Mapping[bytes, Output],
        gaps: BatchGaps | None = None,
        relied: Relied = NOTHING_RELIED,
    ) -> Committed:
        """Write everything or nothing. `outputs` has the output of each by the key of its unit.

        Raises PartitionFenced when this router has lost the partition, and ConversationForgotten
        when something of `relied` was destroyed.
        """
        quarantined: list[tuple[Any, ...]] = []
        if any(isinstance(decision, Quarantined) for _, decision, _ in decided):
            # In a thread: cutting many items out of a large body takes seconds.
            quarantined = await asyncio.to_thread(_quarantine_rows, decided)
        async with self._pool.acquire() as connection, connection.transaction():
            transaction = await check_epoch(connection, partition, epoch)
            await check_relied(connection, relied)
            rows = [_inbox_row(*each, outputs[each[0].key]) for each in decided]
            await connection.execute(INSERT_INBOX, partition, *columns(rows, 13))
            await save_changes(connection, [changes for _, _, changes in decided])
            await save_heard(connection, decided)
            await save_figures(connection, decided)
            if gaps:
                await _write_gaps(connection, partition, gaps)
            if quarantined:
                await connection.execute(INSERT_QUARANTINE, *columns(quarantined, 8))
            seen = {c.sighting: u.at for u, _, c in reversed(decided) if c.sighting}
            new = await self._write_sightings(connection, seen)
        self._seen = {*list(self._seen)[:SIGHTINGS], *seen} if seen else self._seen
        return Committed(transaction, new)

    async def _write_sightings(
        self, connection: Connection, seen: dict[Sighting, datetime]
    ) -> list[Sighting]:
        """Write sightings, and return the new ones.

        This is the last statement of the transaction: a router that waits here for another holds
        no lock that the other still needs.
        """
        rows = [(*name, at) for name, at in sorted(seen.items()) if name not in self._seen]
        if not rows:
            return []
        new = await connection.fetch(INSERT_SIGHTINGS, *columns(rows, 3), SIGHTINGS)
        return [(row["kind"], row["name"]) for row in new]

    async def mark_published(self, partition: int, epoch: int, transaction: int) -> None:
        """Note that everything up to this transaction is published. Without effect once another
        router has the partition."""
        await self._pool.execute(MARK_LEASE, partition, epoch, transaction)

    async def load_gaps(self, partition: int) -> tuple[list[BatchNumber], list[BatchNumber]]:
        """Return the next batch number of each source, and the missing batches, as the last holder
        of the partition left them."""
        async with self._pool.acquire() as connection:
            await connection.execute(DELETE_SOURCES, partition, SOURCE_DAYS)
            await connection.execute(DELETE_ACCEPTED, partition, ACCEPTED_DAYS)
            sources = await connection.fetch(SELECT_SOURCES, partition)
            gaps = await connection.fetch(SELECT_GAPS, partition)
        return [(r["source"], r["next"]) for r in sources], [
            (r["source"], r["number"]) for r in gaps
        ]

    async def save_gaps(self, partition: int, epoch: int, gaps: BatchGaps) -> None:
        """Store what batches came where nothing was decided.

        The commit waits for no disk: the next commit of a decision takes it along. Raises
        PartitionFenced when this router has lost the partition.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("set local synchronous_commit = off")
            await check_epoch(connection, partition, epoch)
            await _write_gaps(connection, partition, gaps)

    async def mark_suspect(self, key: bytes) -> int:
        """Record that an entry is being tried on its own; return how often it was before."""
        starts: int = await self._pool.fetchval(
            "insert into router.suspect (frame, starts) values ($1, 1)"
            " on conflict (frame) do update set starts = suspect.starts + 1 returning starts",
            key,
        )
        return starts - 1

    async def unmark_suspect(self, key: bytes) -> None:
        """Take back the mark of one attempt."""
        await self._pool.execute(
            "update router.suspect set starts = starts - 1 where frame = $1", key
        )

    async def clear_suspect(self, key: bytes) -> None:
        await self._pool.execute("delete from router.suspect where frame = $1", key)

    async def withhold_events(
        self, partition: int, epoch: int, events: Sequence[tuple[str, Delivery]]
    ) -> None:
        """Store events of a withheld conversation, in order. Raises PartitionFenced when this
        router has lost the partition: the next holder may have released them already."""
        rows = [
            (d.id, d.conversation, destination, _sealed_event(d, destination))
            for destination, d in events
        ]
        async with self._pool.acquire() as connection, connection.transaction():
            await check_epoch(connection, partition, epoch)
            await connection.execute(INSERT_HELD, *columns(rows, 4))

    async def withheld_events(self, conversation: str, most: int) -> list[tuple[str, Delivery]]:
        """Return the first withheld events of a conversation in order, at most `most`. One that
        does not open stays, and those behind it pass."""
        after = 0
        while rows := await self._pool.fetch(SELECT_HELD, conversation, most, after):
            if events := await self._held.open_others(rows, _read_withheld):
                return events
            after = rows[-1]["n"]
        return []

    async def withheld_since(self) -> datetime | None:
        """Return the time of the oldest withheld event: its id sorts by time."""
        id = await self._pool.fetchval("select id from router.held order by id limit 1")
        return created_at(id) if id else None

    async def delete_withheld(self, partition: int, epoch: int, events: Sequence[UUID]) -> None:
        """Delete events that were published. Raises PartitionFenced when this router has lost the
        partition."""
        async with self._pool.acquire() as connection, connection.transaction():
            await check_epoch(connection, partition, epoch)
            await connection.execute(DELETE_HELD, events)

    @asynccontextmanager
    async def timer_relay_lock(self) -> AsyncIterator[bool]:
        """Lock the relay of timers: true, or false while another router has the lock."""
        async with self._pool.acquire() as connection, connection.transaction():
            lock = "select pg_try_advisory_xact_lock($1)"
            yield await connection.fetchval(lock, TIMER_RELAY_LOCK)

    async def due_timers(
        self, now: datetime, limit: int, suspended: Sequence[str]
    ) -> list[Timeout]:
        """Return due timers, except those of `suspended` numbers and of stopped ones.

        No row is locked, so a partition that deletes one does not wait for the relay.
        """
        rows = await self._pool.fetch(SELECT_DUE, limit, suspended, now, now - REPUBLISH_AFTER)
        return [Timeout(**row, told_at=now) for row in rows]

    async def mark_timers_published(self, timers: Sequence[Timeout]) -> None:
        ids = [timer.id for timer in timers]
        await self._pool.execute(MARK_PUBLISHED, ids, timers[0].told_at)

    async def due_since(self) -> datetime | None:
        """Return when the oldest timer is or was due; those of stopped numbers rest."""
        due: datetime | None = await self._pool.fetchval(SELECT_OLDEST_DUE)
        return due

    async def quarantine_message(self, id: UUID, reason: str, raw: bytes) -> None:
        """Store an AMQP message that cannot be read. One whose key is gone may be decided when the
        key is given back."""
        sealed = RING.seal(raw, QUARANTINE, bind(id))
        entry, refusal = (sealed, "") if is_sealed(raw) else (None, UNREADABLE)
        row = (id, None, reason, sealed, entry, refusal, "", "")
        await self._pool.execute(INSERT_QUARANTINE, *columns([row], 8))

    async def count_quarantined(self) -> int:
        """Return the number of quarantined units that wait for a person."""
        count: int = await self._pool.fetchval(COUNT_QUARANTINED)
        return count

    async def retries(
        self, limit: int, suspended: Sequence[str]
    ) -> list[tuple[UUID, Sequence[Entry] | None]]:
        """Return the quarantined entries that a person wants decided again, except `suspended`: one
        of a unit, and all of a message whose key was gone. None stands for an entry that a newer
        version wrote, and this one cannot read. One that does not open waits for a person again."""
        rows = await self._pool.fetch(SELECT_RETRIES, limit, suspended)
        opened, shut = await open_rows(rows, lambda row: (row["id"], _read_entries(row)))
        if shut:
            report_shut("router.quarantine", *(row["id"] for row in shut))
            await self._pool.execute(CANCEL_RETRIES, [row["id"] for row in shut])
        return opened

    async def mark_retries_published(self, ids: Sequence[UUID]) -> None:
        await self._pool.execute(MARK_RETRIES_PUBLISHED, ids)


async def _write_gaps(connection: Connection, partition: int, gaps: BatchGaps) -> None:
    for statement, rows in (
        (UPSERT_SOURCES, gaps.next.items()),
        (INSERT_GAPS, gaps.opened),
        (DELETE_GAPS, gaps.closed),
    ):
        if rows:
            await connection.execute(statement, partition, *columns(sorted(rows), 2))


def _inbox_row(
    unit: WorkUnit, decision: Decision, changes: Changes, output: Output
) -> tuple[Any, ...]:
    """Return the row of a decision. PostgreSQL unnests an array of arrays to single elements, so
    each list of ids is one text. The number of an entry that belongs to no municipality may be
    any text."""
    inbound = changes.inbound
    message, wamid = (inbound.message, inbound.wamid) if inbound else (None, "")
    return (
        unit.key,
        unit.source,
        RING.seal(_encode(decision), DECISION, bind(unit.key)),
        message,
        RING.seal_text(wamid, WAMID, bind(message)),
        unit.number if decision.tenant and unit.number.isdigit() else "",
        unit.item_index is not None,
        isinstance(decision, Quarantined),
        decision.record,
        " ".join(map(str, _record_ids(unit, output))),
        " ".join(str(event.id) for _, event in output.events),
        " ".join(destination for destination, _ in output.events),
        changes.send.id if changes.send else None,
    )


def _record_ids(unit: WorkUnit, output: Output) -> list[UUID]:
    """Return the ids of the records of a decision, and of the body with its first item."""
    ids = [record.id for record in output.records]
    return [unit.receipt, *ids] if unit.receipt and not unit.item_index else ids


def _sealed_event(event: Delivery, destination: str) -> bytes:
    bound = bind(event.id, event.conversation, destination)
    return RING.seal(_encode(event), DELIVERY, bound)


def _read_withheld(row: Any) -> tuple[str, Delivery]:
    bound = bind(row["id"], row["conversation"], row["destination"])
    return row["destination"], _decode_delivery(RING.unseal(row["delivery"], DELIVERY, bound))


def _read_brought_key(row: Any) -> tuple[str, bytes]:
    return row["tenant"], open_brought_key(RING, row["tenant"], row["sealed"])


def _read_entries(row: Any) -> Sequence[Entry] | None:
    body = RING.unseal(row["entry"], QUARANTINE, bind(row["id"]))
    if is_sealed(body):
        return open_put_aside(PartitionBatch, body).entries
    try:
        return [_decode_entry(body)]
    except msgspec.DecodeError:
        return None


def _quarantine_rows(decided: Sequence[DecidedUnit]) -> list[tuple[Any, ...]]:
    return [
        (
            decision.record,
            unit.source,
            decision.reason,
            RING.seal(_raw(unit), QUARANTINE, bind(decision.record)),
            *_retry(unit, decision.record),
            *quarantine_place(unit),
        )
        for unit, decision, _ in decided
        if isinstance(decision, Quarantined)
    ]


def _retry(unit: WorkUnit, id: UUID) -> tuple[bytes | None, str]:
    """Return the entry that decides a quarantined unit again, or the reason why there is none."""
    entry = retry_entry(unit)
    if isinstance(entry, str):
        return None, entry
    return RING.seal(_encode(entry), QUARANTINE, bind(id)), ""


def quarantine_place(unit: WorkUnit) -> tuple[str, str]:
    """Return the number and the conversation of a unit; '' for what is no id of one, since both may
    be any text."""
    number = unit.number if NUMBER.fullmatch(unit.number) else ""
    return number, unit.conversation if CONVERSATION.fullmatch(unit.conversation) else ""


def _raw(unit: WorkUnit) -> bytes:
    if unit.item:
        return unit.item.raw
    return unit.entry.body if isinstance(unit.entry, Receipt) else _encode(unit.entry)


# A record has the time of its receipt. One that was quarantined and is no item of its body was not
# parsed.
IS_PARSED = """
select exists (select from router.inbox where record >= $2 and record < $3 and receipt = $1
    and (is_item or not is_quarantined))
"""

TAKE_EPOCH = """
insert into router.lease (partition, epoch) values ($1, 1)
on conflict (partition) do update set epoch = lease.epoch + 1 returning epoch
"""

# Sessions of other routers only: another holder of the row, such as an administrator, is waited
# for.
END_BLOCKERS = """
select pg_terminate_backend(pid) from pg_stat_activity
where pid = any(pg_blocking_pids($1)) and usename = current_user
"""

MARK_LEASE = """
update router.lease set published = $3, published_at = now()
where partition = $1 and epoch = $2 and published < $3
"""

INSERT_INBOX = """
insert into router.inbox (partition, key, receipt, decision, message, wamid, number, is_item,
    is_quarantined, record, records, events, destinations, send)
select $1::int, key, receipt, decision, message, wamid, number, is_item, is_quarantined, record,
    string_to_array(records, ' ')::uuid[], string_to_array(events, ' ')::uuid[],
    string_to_array(destinations, ' '), send
from unnest($2::bytea[], $3::uuid[], $4::bytea[], $5::uuid[], $6::text[], $7::text[], $8::bool[],
    $9::bool[], $10::uuid[], $11::text[], $12::text[], $13::text[], $14::uuid[])
    as new (key, receipt, decision, message, wamid, number, is_item, is_quarantined, record,
        records, events, destinations, send)
"""

DELETE_SOURCES = """
delete from router.source where partition = $1 and seen_at < now() - make_interval(days => $2)
"""

SELECT_SOURCES = """
select source, next from router.source where partition = $1 order by seen_at
"""

SELECT_GAPS = """
select source, number from router.gap where partition = $1 and accepted_at is null
"""

DELETE_ACCEPTED = """
delete from router.gap where partition = $1 and accepted_at < now() - make_interval(days => $2)
"""

UPSERT_SOURCES = """
insert into router.source (partition, source, next)
select $1::int, * from unnest($2::uuid[], $3::bigint[])
on conflict (partition, source) do update set next = excluded.next, seen_at = now()
"""

INSERT_GAPS = """
insert into router.gap (partition, source, number)
select $1::int, * from unnest($2::uuid[], $3::bigint[]) on conflict do nothing
"""

DELETE_GAPS = """
delete from router.gap g using unnest($2::uuid[], $3::bigint[]) c (source, number)
where g.partition = $1 and (g.source, g.number) = (c.source, c.number)
"""

INSERT_HELD = """
insert into router.held (id, conversation, destination, delivery)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[]) on conflict do nothing
"""

DELETE_HELD = "delete from router.held where id = any($1::uuid[])"

SELECT_HELD = """
select id, n, conversation, destination, delivery from router.held
where conversation = $1 and n > $3 order by n limit $2
"""

INSERT_QUARANTINE = """
insert into router.quarantine (id, receipt, reason, raw, entry, refusal, number, conversation)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::bytea[], $6::text[],
    $7::text[], $8::text[])
on conflict do nothing
"""

COUNT_QUARANTINED = """
select count(*) from router.quarantine where again_at is null and dropped_at is null
"""

SELECT_RETRIES = f"""
select id, entry from router.quarantine
where again_at is not null and published_at is null and id <> all($2::text[]::uuid[])
    and {not_stopped("number")}
order by again_at, id limit $1
"""

CANCEL_RETRIES = """
update router.quarantine set again_at = null where id = any($1::uuid[]) and published_at is null
"""

MARK_RETRIES_PUBLISHED = """
update router.quarantine set published_at = now(), raw = '', entry = null
where id = any($1::uuid[])
"""

SELECT_OLDEST_DUE = f"select min(due_at) from router.timer where {not_stopped('number')}"

SELECT_DUE = f"""
select id, conversation, number, kind, due_at as at from router.timer
where due_at <= $3 and (told_at is null or told_at <= $4) and number <> all($2::text[])
    and {not_stopped("number")}
order by due_at, id limit $1
"""

# A locked row is about to be deleted by its partition: it is not waited for.
MARK_PUBLISHED = """
update router.timer set told_at = $2 where id in (
    select id from router.timer where id = any($1::uuid[]) for update skip locked)
"""

INSERT_SIGHTINGS = """
insert into router.sighting (kind, name, first_at)
select * from unnest($1::text[], $2::text[], $3::timestamptz[])
where (select count(*) from router.sighting) < $4
on conflict do nothing returning kind, name
"""
