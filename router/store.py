"""The router's tables: read what a batch needs, write what it decided, in one transaction."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from router.decisions import (
    Changes,
    Conversation,
    Decision,
    Ground,
    Identity,
    Knowledge,
    Outgoing,
    Unit,
)
from router.statuses import our_message, wamid_key
from services.contract import Command, SendOutcome
from services.database import Connection, Pool
from services.whatsapp import items

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Decision).decode


class Fenced(Exception):
    """Another router holds the partition now: nothing was written."""


class Store:
    def __init__(self, pool: Pool, ground: Ground) -> None:
        self._pool, self._ground = pool, ground

    async def take_epoch(self, partition: int) -> int:
        """Become the writer of a partition; whoever held it before can write no more."""
        epoch: int = await self._pool.fetchval(
            "insert into router.lease (partition, epoch) values ($1, 1)"
            " on conflict (partition) do update set epoch = lease.epoch + 1 returning epoch",
            partition,
        )
        return epoch

    async def load(self, units: Sequence[Unit]) -> Knowledge:
        """Everything that deciding these units takes."""
        known = Knowledge()
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_INBOX, [unit.key for unit in units])
            for row in rows:
                known.decided[row["key"]] = row["receipt"], _decode(row["decision"])
            await self._load_outgoing(connection, units, known)
            await self._load_people(connection, units, known)
            await self._load_conversations(connection, units, known)
        return known

    async def _load_outgoing(
        self, connection: Connection, units: Iterable[Unit], known: Knowledge
    ) -> None:
        ids: list[UUID] = []
        wamids: list[bytes] = []
        for unit in units:
            if isinstance(unit.entry, SendOutcome):
                ids.append(unit.entry.message)
            elif isinstance(unit.item, items.Status):
                ids += filter(None, [our_message(unit.item)])
                wamids.append(wamid_key(unit.item.id, self._ground))
        if ids or wamids:
            for row in await connection.fetch(_OUTGOING, ids, wamids):
                known.sent(Outgoing(**row))

    async def _load_people(
        self, connection: Connection, units: Iterable[Unit], known: Knowledge
    ) -> None:
        hashes = {
            self._ground.hash(number.tenant, identity.kind, identity.value)
            for unit in units
            if (number := self._ground.config.number(_number(unit)))
            for identity in _identities(unit)
        }
        conversations = _conversation_ids(units, known)
        if hashes or conversations:
            for row in await connection.fetch(_PEOPLE, list(hashes), conversations):
                known.identity(Identity(**row))

    async def _load_conversations(
        self, connection: Connection, units: Iterable[Unit], known: Knowledge
    ) -> None:
        ids = _conversation_ids(units, known)
        if ids or known.people:
            for row in await connection.fetch(_CONVERSATIONS, ids, list(known.people)):
                fields = dict(row)
                closed = fields.pop("closed_at")
                conversation = Conversation(**fields)
                known.conversations[conversation.id] = conversation
                if closed is None:
                    known.conversation(conversation)

    async def commit(
        self,
        partition: int,
        epoch: int,
        decided: Sequence[tuple[Unit, Decision, Changes]],
    ) -> None:
        """Write all of it, or nothing; Fenced when this router has lost the partition."""
        async with self._pool.acquire() as connection, connection.transaction():
            mine = await connection.fetchval(
                "select epoch from router.lease where partition = $1 for share", partition
            )
            if mine != epoch:
                raise Fenced
            inbox = [(u.key, _receipt_id(u), _encode(d)) for u, d, _ in decided]
            await connection.execute(_INSERT_INBOX, *_columns(inbox, 3))
            await self._write_changes(connection, [changes for _, _, changes in decided])
            aside = [
                (d.record, _receipt_id(u), d.reason, _raw(u))
                for u, d, _ in decided
                if d.kind == "quarantined"
            ]
            if aside:
                await connection.execute(_INSERT_QUARANTINE, *_columns(aside, 4))

    async def _write_changes(self, connection: Connection, changes: Sequence[Changes]) -> None:
        """The last state of each thing that changed, once."""
        if identities := [i for c in changes for i in c.identities]:
            await self._write_identities(connection, identities)
        conversations = {c.conversation.id: c.conversation for c in changes if c.conversation}
        if conversations:
            rows = [msgspec.structs.astuple(c) for c in conversations.values()]
            await connection.execute(_UPSERT_CONVERSATION, *_columns(rows, 11))
        outgoing = {c.outgoing.id: c.outgoing for c in changes if c.outgoing}
        if outgoing:
            rows = [msgspec.structs.astuple(o) for o in outgoing.values()]
            await connection.execute(_UPSERT_OUTGOING, *_columns(rows, 10))
        if sends := [msgspec.structs.astuple(c.send) for c in changes if c.send]:
            await connection.execute(_INSERT_SEND, *_columns(sends, 8))
        if settled := [c.settled for c in changes if c.settled]:
            await connection.execute(_SETTLE_SEND, *_columns(settled, 2))

    async def _write_identities(
        self, connection: Connection, identities: Sequence[Identity]
    ) -> None:
        """An identifier belongs to one person at a time: it ends where it was, and begins here."""
        rows = list({(i.tenant, i.kind, i.hash): i for i in identities}.values())
        columns = _columns([msgspec.structs.astuple(row) for row in rows], 6)
        await connection.execute(_END_IDENTITY, *columns[:3], columns[5])
        await connection.execute(_INSERT_IDENTITY, *columns)

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

    async def put_aside(self, id: UUID, reason: str, raw: bytes) -> None:
        """Keep an AMQP message that cannot be read."""
        await self._pool.execute(_INSERT_QUARANTINE, [id], [None], [reason], [raw])


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into the arrays that `unnest` takes."""
    return [[row[n] for row in rows] for n in range(width)]


def _receipt_id(unit: Unit) -> UUID:
    return unit.entry.id


def _raw(unit: Unit) -> bytes:
    return unit.item.raw if unit.item else getattr(unit.entry, "body", b"")


def _number(unit: Unit) -> str:
    if isinstance(unit.entry, Command | SendOutcome):
        return unit.entry.number
    return unit.item.number if unit.item else ""


def _identities(unit: Unit) -> tuple[items.Identity, ...]:
    if isinstance(unit.item, items.Message):
        return (*unit.item.person.identities, *unit.item.becomes)
    if isinstance(unit.entry, Command) and unit.entry.to:
        return (items.Identity("phone", unit.entry.to),)
    return ()


def _conversation_ids(units: Iterable[Unit], known: Knowledge) -> list[str]:
    """Conversations that are named, rather than found through a person."""
    named = {u.entry.conversation for u in units if isinstance(u.entry, Command)}
    named |= {outgoing.conversation for outgoing in known.outgoing.values()}
    return [id for id in named if id]


_INBOX = "select key, receipt, decision from router.inbox where key = any($1::bytea[])"

_OUTGOING = """
select id, tenant, number, conversation, department, status, changed_at, reason, code, wamid_hash
from router.outgoing where id = any($1::uuid[]) or wamid_hash = any($2::bytea[])
"""

_PEOPLE = """
select tenant, kind, hash, value, person, valid_from from router.identity
where valid_to is null and person in (
    select person from router.identity where valid_to is null and hash = any($1::bytea[])
    union select person from router.conversation where id = any($2::text[])
)
"""

_CONVERSATIONS = """
select id, tenant, number, person, department, rule, reason, since, opened_at, last_inbound_at,
    sequence, closed_at
from router.conversation
where id = any($1::text[]) or (person = any($2::uuid[]) and closed_at is null)
"""

_INSERT_INBOX = """
insert into router.inbox (key, receipt, decision)
select * from unnest($1::bytea[], $2::uuid[], $3::bytea[])
"""

_INSERT_QUARANTINE = """
insert into router.quarantine (id, receipt, reason, raw)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[])
on conflict do nothing
"""

_END_IDENTITY = """
update router.identity i set valid_to = n.at
from unnest($1::text[], $2::text[], $3::bytea[], $4::timestamptz[]) n (tenant, kind, hash, at)
where (i.tenant, i.kind, i.hash) = (n.tenant, n.kind, n.hash) and i.valid_to is null
"""

_INSERT_IDENTITY = """
insert into router.identity (tenant, kind, hash, value, person, valid_from)
select * from unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::uuid[],
    $6::timestamptz[])
"""

_UPSERT_CONVERSATION = """
insert into router.conversation (id, tenant, number, person, department, rule, reason, since,
    opened_at, last_inbound_at, sequence)
select * from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[],
    $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::bigint[])
on conflict (id) do update set department = excluded.department, rule = excluded.rule,
    reason = excluded.reason, since = excluded.since, last_inbound_at = excluded.last_inbound_at,
    sequence = excluded.sequence
"""

_UPSERT_OUTGOING = """
insert into router.outgoing (id, tenant, number, conversation, department, status, changed_at,
    reason, code, wamid_hash)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::timestamptz[], $8::text[], $9::int[], $10::bytea[])
on conflict (id) do update set status = excluded.status, changed_at = excluded.changed_at,
    reason = excluded.reason, code = excluded.code, wamid_hash = excluded.wamid_hash
"""

_INSERT_SEND = """
insert into deliverer.ledger (id, number, conversation, person, address_kind, address, content,
    created_at, due_at)
select id, number, conversation, person, address_kind, address,
    convert_from(content, 'UTF8')::jsonb, created_at, created_at
from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[],
    $7::bytea[], $8::timestamptz[])
    as new (id, number, conversation, person, address_kind, address, content, created_at)
on conflict (id) do nothing
"""

_SETTLE_SEND = """
update deliverer.ledger l set state = 'sent', wamid = s.wamid
from unnest($1::uuid[], $2::text[]) s (id, wamid)
where l.id = s.id and l.state in ('sending', 'unknown')
"""
