"""The router's tables: read what a batch needs, write what it decided, in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from router import statements
from router.conversation import Conversation
from router.decisions import Changes, Decided, Ground, Identity, Unit
from router.grounds import Version
from router.knowledge import Knowledge
from router.reading import read
from services.contract import Delivery, Receipt, Timeout
from services.database import Connection, Pool
from services.ids import made_at

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
_encode_json = msgspec.json.Encoder().encode


class Fenced(Exception):
    """Another router holds the partition now: nothing was written."""


class Store:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._seen: set[Sighting] = set()

    async def take_epoch(self, partition: int) -> int:
        """Become the writer of a partition; whoever held it before can write no more. Who stands
        still in the middle of a commit is not waited for: its session ends, and writes nothing."""
        async with self._pool.acquire() as connection:
            taking = asyncio.ensure_future(connection.fetchval(statements.TAKE_EPOCH, partition))
            try:
                done, _ = await asyncio.wait([taking], timeout=STANDSTILL_SECONDS)
                if not done:
                    pid = connection.get_server_pid()
                    await self._pool.execute(statements.END_WHO_BLOCKS, pid)
                epoch: int = await taking
            finally:
                if not taking.done():  # cut off: the connection is given back when it has ended
                    taking.cancel()
                    await asyncio.wait([taking])
        return epoch

    async def load(self, units: Sequence[Unit], ground: Ground) -> Knowledge:
        """Everything that deciding these units takes."""
        async with self._pool.acquire() as connection:
            return await read(connection, units, ground)

    async def commit(
        self, partition: int, epoch: int, decided: Sequence[Decided]
    ) -> list[Sighting]:
        """Write all of it, or nothing; Fenced when this router has lost the partition. What it
        holds that nobody ever saw before."""
        async with self._pool.acquire() as connection, connection.transaction():
            mine = await connection.fetchval(
                "select epoch from router.lease where partition = $1 for share", partition
            )
            if mine != epoch:
                raise Fenced
            await connection.execute(
                statements.INSERT_INBOX, *_columns([_row(*d) for d in decided], 5)
            )
            await self._write_changes(connection, [changes for _, _, changes in decided])
            aside = [
                (d.record, _receipt_id(u), d.reason, _raw(u))
                for u, d, _ in decided
                if d.kind == "quarantined"
            ]
            if aside:
                await connection.execute(statements.INSERT_QUARANTINE, *_columns(aside, 4))
            seen = {c.sighting: u.at for u, _, c in reversed(decided) if c.sighting}
            new = await self._write_sightings(connection, seen)
        self._seen = {*list(self._seen)[:SIGHTINGS], *seen} if seen else self._seen
        return new

    async def _write_changes(self, connection: Connection, changes: Sequence[Changes]) -> None:
        """The last state of each thing that changed, once."""
        if identities := [i for c in changes for i in c.identities]:
            await self._write_identities(connection, identities)
        changed = [each for c in changes for each in (c.other, c.conversation) if each]
        if conversations := {conversation.id: conversation for conversation in changed}:
            rows = [_conversation_row(c) for c in conversations.values()]
            await connection.execute(statements.UPSERT_CONVERSATION, *_columns(rows, 15))
        outgoing = {c.outgoing.id: c.outgoing for c in changes if c.outgoing}
        if outgoing:
            rows = [msgspec.structs.astuple(o) for o in outgoing.values()]
            await connection.execute(statements.UPSERT_OUTGOING, *_columns(rows, 11))
        if sends := [msgspec.structs.astuple(c.send) for c in changes if c.send]:
            await connection.execute(statements.INSERT_SEND, *_columns(sends, 12))
        if settled := [c.settled for c in changes if c.settled]:
            await connection.execute(statements.SETTLE_SEND, *_columns(settled, 2))
        await self._write_marks(connection, changes)
        await self._write_told(connection, changes)
        await self._write_consents(connection, changes)
        await self._write_timers(connection, changes)
        standings = {c.standing.number: c.standing for c in changes if c.standing}
        if standings:
            rows = [msgspec.structs.astuple(s) for s in standings.values()]
            await connection.execute(statements.UPSERT_STANDING, *_columns(rows, 7))

    async def _write_marks(self, connection: Connection, changes: Sequence[Changes]) -> None:
        """Of each citizen the one of what they wrote last."""
        asked = sorted((c.mark for c in changes if c.mark), key=lambda mark: mark.heard_at)
        if marks := {(mark.number, mark.person): mark for mark in asked}:
            rows = [msgspec.structs.astuple(marks[key]) for key in sorted(marks)]
            await connection.execute(statements.UPSERT_MARK, *_columns(rows, 7))

    async def _write_timers(self, connection: Connection, changes: Sequence[Changes]) -> None:
        """What has come is taken away, and what is waited for is set: the last of each kind."""
        if fired := [c.fired for c in changes if c.fired]:
            await connection.execute("delete from router.timer where id = any($1::uuid[])", fired)
        timers = {(t.conversation, t.kind): t for c in changes for t in c.timers}
        if timers:
            rows = [msgspec.structs.astuple(timers[key]) for key in sorted(timers)]
            await connection.execute(statements.UPSERT_TIMER, *_columns(rows, 5))

    async def _write_told(self, connection: Connection, changes: Sequence[Changes]) -> None:
        """What notices told of templates and preferences."""
        learnt = Knowledge()
        for template in (c.template for c in changes if c.template):
            learnt.template(template)
        for choice in (c.opt_out for c in changes if c.opt_out):
            learnt.opted(choice)
        if learnt.templates:
            rows = [
                msgspec.structs.astuple(learnt.templates[key]) for key in sorted(learnt.templates)
            ]
            await connection.execute(statements.UPSERT_TEMPLATE, *_columns(rows, 7))
        if learnt.opt_outs:
            rows = [
                msgspec.structs.astuple(learnt.opt_outs[key]) for key in sorted(learnt.opt_outs)
            ]
            await connection.execute(statements.UPSERT_OPT_OUT, *_columns(rows, 5))

    async def _write_consents(self, connection: Connection, changes: Sequence[Changes]) -> None:
        """What was agreed to, and then what ended it: what was given later stands."""
        consents = {c.consent.key: c.consent for c in changes if c.consent}
        if consents:
            rows = [msgspec.structs.astuple(consents[key]) for key in sorted(consents)]
            await connection.execute(statements.UPSERT_CONSENT, *_columns(rows, 9))
        ended = Knowledge()
        for withdrawal in (each for c in changes for each in c.withdrawals):
            ended.withdrew(withdrawal)
        if ended.withdrawals:
            rows = [
                msgspec.structs.astuple(ended.withdrawals[key]) for key in sorted(ended.withdrawals)
            ]
            await connection.execute(statements.UPSERT_WITHDRAWAL, *_columns(rows, 4))
            await connection.execute(statements.END_CONSENT, *_columns(rows, 4))

    async def _write_identities(
        self, connection: Connection, identities: Sequence[Identity]
    ) -> None:
        """An identifier belongs to one person at a time: it ends where it was, and begins here,
        unless it has ended altogether."""
        last = list({identity.key: identity for identity in identities}.values())
        ended = [(*identity.key, identity.valid_to or identity.valid_from) for identity in last]
        await connection.execute(statements.END_IDENTITY, *_columns(ended, 4))
        rows = [msgspec.structs.astuple(i)[:7] for i in last if i.valid_to is None]
        if rows:
            await connection.execute(statements.INSERT_IDENTITY, *_columns(rows, 7))

    async def _write_sightings(
        self, connection: Connection, seen: dict[Sighting, datetime]
    ) -> list[Sighting]:
        """Those that are new. Last in the transaction: whoever waits for another's holds nothing
        that the other still wants."""
        rows = [(*name, at) for name, at in sorted(seen.items()) if name not in self._seen]
        if not rows:
            return []
        new = await connection.fetch(statements.INSERT_SIGHTINGS, *_columns(rows, 3), SIGHTINGS)
        return [(row["kind"], row["name"]) for row in new]

    async def suspect(self, frame: bytes) -> int:
        """Write down that a message is being tried on its own; how often that was so before."""
        starts: int = await self._pool.fetchval(
            "insert into router.suspect (frame, starts) values ($1, 1)"
            " on conflict (frame) do update set starts = suspect.starts + 1 returning starts",
            frame,
        )
        return starts - 1

    async def clear(self, frame: bytes) -> None:
        await self._pool.execute("delete from router.suspect where frame = $1", frame)

    async def hold(self, told: Sequence[tuple[str, Delivery]]) -> None:
        """Keep events of a conversation that is held, in order."""
        rows = [(d.id, d.conversation, destination, _encode(d)) for destination, d in told]
        await self._pool.execute(statements.INSERT_HELD, *_columns(rows, 4))

    async def held(self, conversation: str, most: int) -> list[tuple[str, Delivery]]:
        """The first of what was kept of it, in order."""
        rows = await self._pool.fetch(statements.SELECT_HELD, conversation, most)
        return [(row["destination"], _delivery(row["delivery"])) for row in rows]

    async def held_since(self) -> datetime | None:
        """When the oldest event came that is kept of any conversation: its id sorts by time."""
        id = await self._pool.fetchval("select id from router.held order by id limit 1")
        return made_at(id) if id else None

    async def let_go(self, events: Sequence[UUID]) -> None:
        await self._pool.execute("delete from router.held where id = any($1::uuid[])", events)

    async def tell(self, now: datetime, most: int, resting: Sequence[str], say: Say) -> int:
        """Have `say` tell at most so many time-outs that are due, but for those of `resting`
        numbers; how many it told. What has come through is written down, and only that.

        No row is locked meanwhile: a partition that takes one away waits for no broker. Nothing is
        told while another router does it."""
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", TELLING):
                return 0
            rows = await connection.fetch(
                statements.SELECT_DUE, now, now - AGAIN, list(resting), most
            )
            told = await say([Timeout(**row, told_at=now) for row in rows]) if rows else []
            if told:
                await connection.execute(statements.MARK_TOLD, told, now)
        return len(told)

    async def due_since(self) -> datetime | None:
        """When the oldest time-out is, or was, due."""
        due: datetime | None = await self._pool.fetchval("select min(due_at) from router.timer")
        return due

    async def keep_version(self, new: Version) -> Version:
        """Write a version down that is not there yet; what is kept of it, by whoever came first."""
        row = msgspec.structs.astuple(new)
        await self._pool.execute(statements.INSERT_VERSION, *row)
        kept = await self._pool.fetchrow(
            "select * from router.version where version = $1", new.version
        )
        assert kept
        return Version(**kept)

    async def put_aside(self, id: UUID, reason: str, raw: bytes) -> None:
        """Keep an AMQP message that cannot be read."""
        await self._pool.execute(statements.INSERT_QUARANTINE, [id], [None], [reason], [raw])


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into the arrays that `unnest` takes."""
    return [[row[n] for row in rows] for n in range(width)]


def _row(*decided: Any) -> tuple[Any, ...]:
    """A row of the inbox."""
    unit, decision, changes = decided
    heard = changes.heard
    said = (heard.message, heard.wamid) if heard else (None, "")
    return (unit.key, _receipt_id(unit), _encode(decision), *said)


def _conversation_row(conversation: Conversation) -> tuple[Any, ...]:
    """PostgreSQL unnests an array of arrays to its elements, so the departments go as one text."""
    row = msgspec.structs.astuple(conversation)
    state = _encode_json(conversation.state).decode()
    return (*row[:11], " ".join(conversation.departments), *row[12:14], state)


def _receipt_id(unit: Unit) -> UUID:
    return unit.entry.id


def _raw(unit: Unit) -> bytes:
    if unit.item:
        return unit.item.raw
    return unit.entry.body if isinstance(unit.entry, Receipt) else _encode(unit.entry)
