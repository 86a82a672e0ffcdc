"""Hold both quarantines against the log: what was set aside is there until a person decided.

The archiver's rows each have an entry when they come and when they go, with a hash that needs the
master key. The router's have one when they come, and stay for `quarantine_days` at least; with the
working key each is opened, which shows that nobody overwrote it. Their reasons are on the record.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from archiver.audit.log_walk import Finding
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.quarantine import ASIDE, ROW, AsideEvent, read_event, row_digest
from services.postgres.database import Connection
from services.postgres.shut_rows import SHUT
from services.sealing.columns import QUARANTINE, bind
from services.sealing.key_ring import KeyRing

WHAT = "quarantine"
AT_ONCE = 100
"""Rows in memory, each with up to 256 KiB of sealed content."""
COMMANDS = {
    "quarantine again": "go to be decided again",
    "quarantine drop": "were dropped",
}
"""Commands on units of the router, and how a finding says what they did."""
ROUTER_DAYS = 8
"""Least that `quarantine_days` may be: until then no row of the router ends."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


async def verify_quarantines(
    connection: Connection, keys: KeyStore | None, ring: KeyRing | None = None
) -> AsyncIterator[Finding]:
    """Yield what is wrong. Run in a transaction that reads one snapshot. The content of the
    router's rows is looked at with its working keys alone."""
    for row in await connection.fetch(_UNPAIRED, ASIDE):
        sentence = (
            f"what was set aside under {row['id']} is gone, and nobody archived it"
            if row["position"] is not None
            else f"something is set aside under {row['id']}, and the record knows nothing of it"
        )
        yield Finding(WHAT, sentence, row["position"], row["entry"] and str(row["entry"]))
    if keys:
        async for finding in _altered(connection, keys):
            yield finding
    async for finding in _verify_units(connection, keys, ring):
        yield finding


async def _verify_units(
    connection: Connection, keys: KeyStore | None, ring: KeyRing | None
) -> AsyncIterator[Finding]:
    """Yield what is wrong with the units of the router."""
    if keys:
        for finding in await _settled_by_hand(connection, keys):
            yield finding
        async for finding in _misstated(connection, keys):
            yield finding
    for row in await connection.fetch(_NOT_ASKED):
        sentence = "the router's row says that this was decided again, and nobody asked for it"
        yield Finding(WHAT, sentence, entry=str(row["id"]))
    for row in await connection.fetch(_GONE_FROM_ROUTER, ROUTER_DAYS):
        sentence = "the router set this aside, and its row is gone"
        yield Finding(WHAT, sentence, row["position"], str(row["id"]))
    if ring:
        async for finding in _shut(connection, ring):
            yield finding


async def count_units(connection: Connection) -> int:
    """Return how many units of the router wait in its quarantine."""
    number: int = await connection.fetchval(f"select count(*) {_WAITING_UNITS}")
    return number


async def _shut(connection: Connection, ring: KeyRing) -> AsyncIterator[Finding]:
    """Yield the units of the router that do not open. A value opens in no other row."""
    cursor = await connection.cursor(f"select id, raw, entry, refusal {_WAITING_UNITS} order by id")
    while rows := await cursor.fetch(AT_ONCE):
        for row in rows:
            if not _opens(row, ring):
                sentence = f"what the router set aside under {row['id']} does not open"
                yield Finding(WHAT, sentence)


def _opens(row: Row, ring: KeyRing) -> bool:
    """Return if the content of a unit opens, and the entry that decides it again unless a refusal
    says why there is none."""
    values = [row["raw"], *([] if row["refusal"] else [row["entry"]])]
    if not all(values):
        return False
    try:
        for value in values:  # of which the content may be empty: so was the body
            ring.unseal(value, QUARANTINE, bind(row["id"]))
    except SHUT:
        return False
    return True


async def _settled_by_hand(connection: Connection, keys: KeyStore) -> list[Finding]:
    """Compare how many rows of the router went again or were dropped with what commands did."""
    settled = await connection.fetchrow(_SETTLED)
    assert settled is not None
    if not any(settled.values()):  # mostly, and then no operation need be opened
        return []
    recorded = Counter[str]()
    for row in await connection.fetch(_WAITING):
        recorded[row["what"]] += row["count"]
    cursor = await connection.cursor(f"{RECORDS} where e.kind = 'operation' order by e.position")
    while rows := await cursor.fetch(AT_ONCE):
        for entry in decrypt_rows(rows, keys):
            command = msgspec.json.decode(entry["data"], type=_Command)
            recorded[command.what] += command.count if isinstance(command.count, int) else 0
    return [
        Finding(WHAT, f"{found} units of the router {words}, of which commands did {count}")
        for what, words in COMMANDS.items()
        if (found := settled[what]) > (count := recorded[what])
    ]


class _Command(msgspec.Struct, frozen=True):
    """Data of an operation; of those that count nothing, or something else, `count` is not used."""

    what: str
    count: Any = 0


async def _misstated(connection: Connection, keys: KeyStore) -> AsyncIterator[Finding]:
    """Yield the units of the router whose row gives another reason than their entry. An entry of a
    version that put no refusal on the record is compared without it."""
    cursor = await connection.cursor(_REASONS)
    while rows := await cursor.fetch(AT_ONCE):
        entries = await connection.fetch(_OF_UNITS, [row["id"] for row in rows])
        units = {each["id"]: each for each in decrypt_rows(entries, keys)}
        for row in rows:
            entry = units.get(row["id"])
            if entry and not _agrees(row, entry["data"]):
                sentence = f"why the router set {row['id']} aside is not what it was"
                yield Finding(WHAT, sentence, entry["position"], str(entry["id"]))


def _agrees(row: Row, data: bytes) -> bool:
    """Return if a row gives the reasons of its entry; True if that is no JSON, which is a finding
    of the log."""
    try:
        unit = msgspec.json.decode(data, type=_Unit)
    except msgspec.DecodeError:
        return True
    return row["reason"] == unit.reason and unit.refusal in (None, row["refusal"])


class _Unit(msgspec.Struct, frozen=True):
    """Data of the entry of a unit that the router set aside."""

    reason: str
    refusal: str | None = None


async def _altered(connection: Connection, keys: KeyStore) -> AsyncIterator[Finding]:
    cursor = await connection.cursor(f"select {ROW} from archiver.quarantine order by id")
    while rows := await cursor.fetch(AT_ONCE):
        events = await _last_events(connection, keys, [row["id"] for row in rows])
        for row in rows:
            if row["id"] not in events:
                continue  # not on the record, which is a finding of its own, or not to be opened
            entry, event = events[row["id"]]
            if event.event != "put" or event.row != row_digest(tuple(row)):
                sentence = f"what is set aside under {row['id']} is not what it was"
                yield Finding(WHAT, sentence, entry["position"], str(entry["id"]))


async def _last_events(
    connection: Connection, keys: KeyStore, ids: Sequence[UUID]
) -> dict[UUID, tuple[Row, AsideEvent]]:
    """Return the last entry about each of these rows, and what it says."""
    rows = await connection.fetch(_EVENTS, ids, ASIDE)
    events: dict[UUID, tuple[Row, AsideEvent]] = {}
    for row in decrypt_rows(rows, keys):
        try:
            events[row["message"]] = row, read_event(row["data"])
        except msgspec.DecodeError:
            continue
    return events


_UNPAIRED = """
select id, e.position, e.entry from (
    select message as id, count(*) % 2 = 1 as is_there, max(position) as position,
        (array_agg(id order by position desc))[1] as entry
    from archiver.entry where kind = $1 group by message
) e full join archiver.quarantine q using (id)
where coalesce(e.is_there, false) <> (q.id is not null) order by position
"""
_EVENTS = f"{RECORDS} where e.message = any($1::uuid[]) and e.kind = $2 order by e.position"
_SETTLED = """
select count(*) filter (where again_at is not null) as "quarantine again",
    count(*) filter (where dropped_at is not null) as "quarantine drop"
from router.quarantine
"""
# These commands are not on the record yet. One may be in both for a moment, which does no harm.
_WAITING = """
select what, least((data->>'count')::numeric, 1e9)::bigint as count from access.operation
where what in ('quarantine again', 'quarantine drop') and jsonb_typeof(data->'count') = 'number'
"""
_WAITING_UNITS = "from router.quarantine where published_at is null and dropped_at is null"
_OF_UNITS = f"{RECORDS} where e.id = any($1::uuid[]) and e.kind = 'quarantine'"
_REASONS = "select id, reason, refusal from router.quarantine order by id"
_NOT_ASKED = """
select id from router.quarantine where published_at is not null and again_at is null
order by id limit 1000
"""
_GONE_FROM_ROUTER = """
select e.id, e.position from archiver.entry e
where e.kind = 'quarantine' and e.at > now() - make_interval(days => $1)
    and not exists (select from router.quarantine q where q.id = e.id)
order by e.position limit 1000
"""
