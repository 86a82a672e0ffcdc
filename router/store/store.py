"""The router's tables: read what a batch needs, write what it decided, in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from router.model.decision import DecidedUnit, RoutingContext, WorkUnit
from router.model.snapshot import Snapshot
from router.ruleset.context import RulesetVersion
from router.store import sql
from router.store.load import load_snapshot
from router.store.save import columns, write
from services.contract import Delivery, Receipt, Timeout
from services.ids import created_at
from services.postgres.database import Connection, Pool

SIGHTINGS = 1000
"""Names of unknown things that are told of; whoever sends more of them tells nothing new."""

TELLING = 0x74656C6C
"""One router at a time tells time-outs ("tell"): an advisory lock, of this database."""
AGAIN = timedelta(minutes=10)
"""After which a time-out is told again that was told and is still there: longer than any queue of a
partition takes in ordinary days; what is told twice is decided once."""

STANDSTILL_SECONDS = 3.0
"""For a commit of whoever held the partition: it takes milliseconds. A machine that is gone would
keep its row for as long as TCP believes in it, some hours."""

Sighting = tuple[str, str]
Say = Callable[[list[Timeout]], Awaitable[list[UUID]]]
"""Tells time-outs to their partitions; the ids of those that are safe there."""
_encode = msgspec.msgpack.Encoder().encode
_delivery = msgspec.msgpack.Decoder(Delivery).decode


class PartitionFenced(Exception):
    """Another router holds the partition now: nothing was written."""


class Store:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._seen: set[Sighting] = set()

    async def take_epoch(self, partition: int) -> int:
        """Become the writer of a partition; whoever held it before can write no more. Who stands
        still in the middle of a commit is not waited for: its session ends, and writes nothing."""
        async with self._pool.acquire() as connection:
            taking = asyncio.ensure_future(connection.fetchval(sql.TAKE_EPOCH, partition))
            try:
                done, _ = await asyncio.wait([taking], timeout=STANDSTILL_SECONDS)
                if not done:
                    pid = connection.get_server_pid()
                    await self._pool.execute(sql.END_WHO_BLOCKS, pid)
                epoch: int = await taking
            finally:
                if not taking.done():  # cut off: the connection is given back when it has ended
                    taking.cancel()
                    await asyncio.wait([taking])
        return epoch

    async def load(self, units: Sequence[WorkUnit], ground: RoutingContext) -> Snapshot:
        """Everything that deciding these units takes."""
        async with self._pool.acquire() as connection:
            return await load_snapshot(connection, units, ground)

    async def commit(
        self, partition: int, epoch: int, decided: Sequence[DecidedUnit]
    ) -> list[Sighting]:
        """Write all of it, or nothing; Fenced when this router has lost the partition. What it
        holds that nobody ever saw before."""
        async with self._pool.acquire() as connection, connection.transaction():
            mine = await connection.fetchval(
                "select epoch from router.lease where partition = $1 for share", partition
            )
            if mine != epoch:
                raise PartitionFenced
            await connection.execute(sql.INSERT_INBOX, *columns([_row(*d) for d in decided], 5))
            await write(connection, [changes for _, _, changes in decided])
            aside = [
                (d.record, _receipt_id(u), d.reason, _raw(u))
                for u, d, _ in decided
                if d.kind == "quarantined"
            ]
            if aside:
                await connection.execute(sql.INSERT_QUARANTINE, *columns(aside, 4))
            seen = {c.sighting: u.at for u, _, c in reversed(decided) if c.sighting}
            new = await self._write_sightings(connection, seen)
        self._seen = {*list(self._seen)[:SIGHTINGS], *seen} if seen else self._seen
        return new

    async def _write_sightings(
        self, connection: Connection, seen: dict[Sighting, datetime]
    ) -> list[Sighting]:
        """Those that are new. Last in the transaction: whoever waits for another's holds nothing
        that the other still wants."""
        rows = [(*name, at) for name, at in sorted(seen.items()) if name not in self._seen]
        if not rows:
            return []
        new = await connection.fetch(sql.INSERT_SIGHTINGS, *columns(rows, 3), SIGHTINGS)
        return [(row["kind"], row["name"]) for row in new]

    async def mark_suspect(self, frame: bytes) -> int:
        """Write down that a message is being tried on its own; how often that was so before."""
        starts: int = await self._pool.fetchval(
            "insert into router.suspect (frame, starts) values ($1, 1)"
            " on conflict (frame) do update set starts = suspect.starts + 1 returning starts",
            frame,
        )
        return starts - 1

    async def clear_suspect(self, frame: bytes) -> None:
        await self._pool.execute("delete from router.suspect where frame = $1", frame)

    async def hold_events(self, told: Sequence[tuple[str, Delivery]]) -> None:
        """Keep events of a conversation that is held, in order."""
        rows = [(d.id, d.conversation, destination, _encode(d)) for destination, d in told]
        await self._pool.execute(sql.INSERT_HELD, *columns(rows, 4))

    async def held(self, conversation: str, most: int) -> list[tuple[str, Delivery]]:
        """The first of what was kept of it, in order."""
        rows = await self._pool.fetch(sql.SELECT_HELD, conversation, most)
        return [(row["destination"], _delivery(row["delivery"])) for row in rows]

    async def held_since(self) -> datetime | None:
        """When the oldest event came that is kept of any conversation: its id sorts by time."""
        id = await self._pool.fetchval("select id from router.held order by id limit 1")
        return created_at(id) if id else None

    async def delete_held(self, events: Sequence[UUID]) -> None:
        await self._pool.execute("delete from router.held where id = any($1::uuid[])", events)

    async def publish_due_timers(
        self, now: datetime, most: int, resting: Sequence[str], say: Say
    ) -> int:
        """Have `say` tell at most so many time-outs that are due, but for those of `resting`
        numbers; how many it told. What has come through is written down, and only that.

        No row is locked meanwhile: a partition that takes one away waits for no broker. Nothing is
        told while another router does it."""
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", TELLING):
                return 0
            rows = await connection.fetch(sql.SELECT_DUE, now, now - AGAIN, list(resting), most)
            told = await say([Timeout(**row, told_at=now) for row in rows]) if rows else []
            if told:
                await connection.execute(sql.MARK_TOLD, told, now)
        return len(told)

    async def due_since(self) -> datetime | None:
        """When the oldest time-out is, or was, due."""
        due: datetime | None = await self._pool.fetchval("select min(due_at) from router.timer")
        return due

    async def keep_version(self, new: RulesetVersion) -> RulesetVersion:
        """Write a version down that is not there yet; what is kept of it, by whoever came first."""
        row = msgspec.structs.astuple(new)
        await self._pool.execute(sql.INSERT_VERSION, *row)
        kept = await self._pool.fetchrow(
            "select * from router.version where version = $1", new.version
        )
        assert kept
        return RulesetVersion(**kept)

    async def put_aside(self, id: UUID, reason: str, raw: bytes) -> None:
        """Keep an AMQP message that cannot be read."""
        await self._pool.execute(sql.INSERT_QUARANTINE, [id], [None], [reason], [raw])


def _row(*decided: Any) -> tuple[Any, ...]:
    """A row of the inbox."""
    unit, decision, changes = decided
    heard = changes.heard
    said = (heard.message, heard.wamid) if heard else (None, "")
    return (unit.key, _receipt_id(unit), _encode(decision), *said)


def _receipt_id(unit: WorkUnit) -> UUID:
    return unit.entry.id


def _raw(unit: WorkUnit) -> bytes:
    if unit.item:
        return unit.item.raw
    return unit.entry.body if isinstance(unit.entry, Receipt) else _encode(unit.entry)
