"""Declarations in PostgreSQL and in the log: made in the transaction that ends a list."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from archiver.destruction.declaration import (
    MAX_KEPT,
    Facts,
    Specification,
    declare,
    specify,
)
from archiver.destruction.destruction_list import DestructionList, ListItem
from archiver.destruction.list_store import ListStore
from archiver.destruction.remains import Destroyed, remains
from archiver.encryption.key_store import KeyStore
from archiver.log.writer import writer_in_transaction
from services import clock
from services.calendar.opening_hours import day_of
from services.config.model import Configuration
from services.contract import Record
from services.postgres.database import Connection

KIND = "declaration"
"""Kind of the record. It is in no conversation, since it outlives them."""


class Declared(msgspec.Struct, frozen=True):
    """A declaration as it is kept. `entry` is its entry of the log, with the same text."""

    entry: UUID
    made_at: datetime
    document: str


class Declarer:
    """Declarer of what was destroyed, in the transaction that ends a list. `config` returns the
    configuration that holds now."""

    def __init__(self, keys: KeyStore, config: Callable[[], Configuration]) -> None:
        self._keys, self._config = keys, config

    async def finish(self, connection: Connection, found: DestructionList) -> None:
        """Make the declaration of a list that was just ended, and keep it."""
        ended = await ListStore(connection, self._keys).find(found.id)
        assert ended is not None
        declaration = declare(await self._collect(connection, ended))
        now, entry = clock.now(), clock.new_id()
        document = msgspec.json.encode(declaration)
        record = Record(id=entry, kind=KIND, at=now, data=document, tenant=found.tenant)
        await connection.execute(_KEEP, found.id, entry, now, document.decode())
        await writer_in_transaction(connection, self._keys).add([record])

    async def _collect(self, connection: Connection, found: DestructionList) -> Facts:
        store, config, tenant = ListStore(connection, self._keys), self._config(), found.tenant
        groups = await store.groups(found.id)
        kept = [ListItem(**row) for row in await connection.fetch(_KEPT, found.id, MAX_KEPT)]
        settings = config.tenant(tenant)
        destroyed = Destroyed(
            list=found.id,
            tenant=tenant,
            departments=[
                row["department"] for row in await connection.fetch(_DEPARTMENTS, found.id)
            ],
            ended_on=day_of(clock.now()),
            config=config,
        )
        return Facts(
            found=found,
            municipality=settings.name if settings else tenant,
            events=await store.events(found),
            groups=groups,
            kept=kept,
            kept_count=sum(each.conversations for each in groups if each.state != "destroyed"),
            holds=await _holds(connection, tenant, kept),
            destroyed=await _specification(connection, found.id),
            remains=await remains(connection, destroyed),
        )


async def find_declaration(connection: Connection, list: str) -> Declared | None:
    """Return the declaration of a list; None if it was not destroyed."""
    row = await connection.fetchrow(_DECLARED, list)
    return Declared(**row) if row else None


async def _specification(connection: Connection, list: str) -> Specification:
    """Return the specification of what was destroyed: some 5 MB of ids for the largest list."""
    return specify(row["conversation"] for row in await connection.fetch(_GONE, list))


async def _holds(
    connection: Connection, tenant: str, kept: list[ListItem]
) -> dict[str, tuple[str, ...]]:
    """Return the standing holds that cover what was held."""
    held = [each.conversation for each in kept if each.state == "held"]
    found = await connection.fetch(_HOLDS, tenant, held)
    return {row["conversation"]: tuple(row["holds"]) for row in found}


_KEEP = """
insert into archiver.declaration (list, entry, made_at, document) values ($1, $2, $3, $4)
"""
_DECLARED = "select entry, made_at, document from archiver.declaration where list = $1"
_GONE = """
select conversation from archiver.destruction_item where list = $1 and state = 'destroyed'
order by conversation collate "C"
"""
_DEPARTMENTS = """
select distinct d.name as department from archiver.destruction_item i
cross join lateral unnest(array_append(i.departments, i.department)) as d (name)
where i.list = $1 and i.state = 'destroyed' order by 1
"""
_KEPT = """
select conversation, department, code, closed_on, kept_until, state, reason, until, changed_by,
    changed_at
from archiver.destruction_item where list = $1 and state <> 'destroyed'
order by conversation limit $2
"""
_HOLDS = """
select c.id as conversation, array_agg(h.id order by h.id) as holds from archiver.hold h
cross join lateral archiver.covered_by(h.id, $2) as c (id)
where h.tenant = $1 and h.lifted_at is null group by c.id
"""
