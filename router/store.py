"""The router's tables: read what a batch needs, write what it decided, in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from router.decisions import (
    Changes,
    Conversation,
    Decided,
    Ground,
    Identity,
    Unit,
)
from router.knowledge import Knowledge
from router.reading import read
from services.contract import Receipt
from services.database import Connection, Pool

SIGHTINGS = 1000
"""Names of unknown things that are told of; whoever sends more of them tells nothing new."""

Sighting = tuple[str, str]
_encode = msgspec.msgpack.Encoder().encode


class Fenced(Exception):
    """Another router holds the partition now: nothing was written."""


class Store:
    def __init__(self, pool: Pool, ground: Ground) -> None:
        self._pool, self._ground = pool, ground
        self._seen: set[Sighting] = set()

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
        async with self._pool.acquire() as connection:
            return await read(connection, units, self._ground)

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
            await connection.execute(_INSERT_INBOX, *_columns([_row(*d) for d in decided], 5))
            await self._write_changes(connection, [changes for _, _, changes in decided])
            aside = [
                (d.record, _receipt_id(u), d.reason, _raw(u))
                for u, d, _ in decided
                if d.kind == "quarantined"
            ]
            if aside:
                await connection.execute(_INSERT_QUARANTINE, *_columns(aside, 4))
            seen = {c.sighting: u.at for u, _, c in reversed(decided) if c.sighting}
            new = await self._write_sightings(connection, seen)
        self._seen = {*list(self._seen)[:SIGHTINGS], *seen} if seen else self._seen
        return new

    async def _write_changes(self, connection: Connection, changes: Sequence[Changes]) -> None:
        """The last state of each thing that changed, once."""
        if identities := [i for c in changes for i in c.identities]:
            await self._write_identities(connection, identities)
        conversations = {c.conversation.id: c.conversation for c in changes if c.conversation}
        if conversations:
            rows = [_conversation_row(c) for c in conversations.values()]
            await connection.execute(_UPSERT_CONVERSATION, *_columns(rows, 14))
        outgoing = {c.outgoing.id: c.outgoing for c in changes if c.outgoing}
        if outgoing:
            rows = [msgspec.structs.astuple(o) for o in outgoing.values()]
            await connection.execute(_UPSERT_OUTGOING, *_columns(rows, 11))
        if sends := [msgspec.structs.astuple(c.send) for c in changes if c.send]:
            await connection.execute(_INSERT_SEND, *_columns(sends, 11))
        if settled := [c.settled for c in changes if c.settled]:
            await connection.execute(_SETTLE_SEND, *_columns(settled, 2))
        await self._write_told(connection, changes)

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
            await connection.execute(_UPSERT_TEMPLATE, *_columns(rows, 7))
        if learnt.opt_outs:
            rows = [
                msgspec.structs.astuple(learnt.opt_outs[key]) for key in sorted(learnt.opt_outs)
            ]
            await connection.execute(_UPSERT_OPT_OUT, *_columns(rows, 5))

    async def _write_identities(
        self, connection: Connection, identities: Sequence[Identity]
    ) -> None:
        """An identifier belongs to one person at a time: it ends where it was, and begins here,
        unless it has ended altogether."""
        last = list({identity.key: identity for identity in identities}.values())
        ended = [(*identity.key, identity.valid_to or identity.valid_from) for identity in last]
        await connection.execute(_END_IDENTITY, *_columns(ended, 4))
        rows = [msgspec.structs.astuple(i)[:7] for i in last if i.valid_to is None]
        if rows:
            await connection.execute(_INSERT_IDENTITY, *_columns(rows, 7))

    async def _write_sightings(
        self, connection: Connection, seen: dict[Sighting, datetime]
    ) -> list[Sighting]:
        """Those that are new. Last in the transaction: whoever waits for another's holds nothing
        that the other still wants."""
        rows = [(*name, at) for name, at in sorted(seen.items()) if name not in self._seen]
        if not rows:
            return []
        new = await connection.fetch(_INSERT_SIGHTINGS, *_columns(rows, 3), SIGHTINGS)
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

    async def put_aside(self, id: UUID, reason: str, raw: bytes) -> None:
        """Keep an AMQP message that cannot be read."""
        await self._pool.execute(_INSERT_QUARANTINE, [id], [None], [reason], [raw])


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
    return (*row[:11], " ".join(conversation.departments), *row[12:])


def _receipt_id(unit: Unit) -> UUID:
    return unit.entry.id


def _raw(unit: Unit) -> bytes:
    if unit.item:
        return unit.item.raw
    return unit.entry.body if isinstance(unit.entry, Receipt) else _encode(unit.entry)


_INSERT_INBOX = """
insert into router.inbox (key, receipt, decision, message, wamid)
select * from unnest($1::bytea[], $2::uuid[], $3::bytea[], $4::uuid[], $5::text[])
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
insert into router.identity (tenant, kind, hash, value, person, valid_from, scope)
select * from unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::uuid[],
    $6::timestamptz[], $7::text[])
"""

_UPSERT_CONVERSATION = """
insert into router.conversation (id, tenant, number, person, department, rule, reason, since,
    opened_at, last_inbound_at, sequence, departments, zaak, closed_at)
select id, tenant, number, person, department, rule, reason, since, opened_at, last_inbound_at,
    sequence, string_to_array(departments, ' '), zaak, closed_at
from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[],
    $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::bigint[],
    $12::text[], $13::text[], $14::timestamptz[])
    as new (id, tenant, number, person, department, rule, reason, since, opened_at,
        last_inbound_at, sequence, departments, zaak, closed_at)
on conflict (id) do update set department = excluded.department, rule = excluded.rule,
    reason = excluded.reason, since = excluded.since, last_inbound_at = excluded.last_inbound_at,
    sequence = excluded.sequence, departments = excluded.departments, zaak = excluded.zaak,
    closed_at = excluded.closed_at
"""

_UPSERT_OUTGOING = """
insert into router.outgoing (id, tenant, number, conversation, department, status, changed_at,
    reason, code, wamid_hash, type)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::timestamptz[], $8::text[], $9::int[], $10::bytea[], $11::text[])
on conflict (id) do update set status = excluded.status, changed_at = excluded.changed_at,
    reason = excluded.reason, code = excluded.code, wamid_hash = excluded.wamid_hash
"""

# The wamid of a message of ours is in the ledger, once it was sent; until then the deliverer waits.
_INSERT_SEND = """
insert into deliverer.ledger (id, number, conversation, person, address_kind, address, content,
    created_at, due_at, about, about_wamid, media)
select id, number, conversation, person, address_kind, address,
    convert_from(content, 'UTF8')::jsonb, created_at, created_at, about,
    coalesce(nullif(about_wamid, ''), (select wamid from deliverer.ledger q where q.id = new.about),
        ''),
    media
from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[],
    $7::bytea[], $8::timestamptz[], $9::uuid[], $10::text[], $11::uuid[])
    as new (id, number, conversation, person, address_kind, address, content, created_at, about,
        about_wamid, media)
on conflict (id) do nothing
"""

# What Meta tells of by our own value has gone, whatever was thought of it: also what waits to go
# again, because a proxy passed it on and then said no. What is being claimed is waited for.
_SETTLE_SEND = """
update deliverer.ledger l set state = 'sent', wamid = s.wamid
from unnest($1::uuid[], $2::text[]) s (id, wamid)
where l.id = s.id and l.state <> 'sent'
"""

# The status that Meta gave last stands, in whatever order it came; as `Template.then` has it.
_UPSERT_TEMPLATE = """
insert into router.template as t (waba, name, language, status, category, reason, changed_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::timestamptz[])
on conflict (waba, name, language) do update set
    category = coalesce(nullif(excluded.category, ''), t.category),
    (status, reason, changed_at) = (
        select n.status, n.reason, n.changed_at
        from (values (0, excluded.status, excluded.reason, excluded.changed_at),
            (1, t.status, t.reason, t.changed_at)) n (place, status, reason, changed_at)
        order by n.status = '', n.changed_at desc, n.place limit 1)
"""

_UPSERT_OPT_OUT = """
insert into router.opt_out as o (tenant, person, category, value, at)
select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
on conflict (tenant, person, category) do update set value = excluded.value, at = excluded.at
where o.at <= excluded.at
"""

_INSERT_SIGHTINGS = """
insert into router.sighting (kind, name, first_at)
select * from unnest($1::text[], $2::text[], $3::timestamptz[])
where (select count(*) from router.sighting) < $4
on conflict do nothing returning kind, name
"""
