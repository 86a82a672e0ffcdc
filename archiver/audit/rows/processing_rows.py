"""Hold the processing log against the log: a row for each action, and no other.

The database joins the two by columns that are in the open, so no key is needed to find a row that
is missing, too many, or of another time. With the master key the keyed hash of each row is checked;
a row of before there were hashes is held against what its entry says. Memory use is constant: what
does not fit in the database's own is put in its temporary files.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias

import msgspec

from archiver.audit.log_walk import Finding
from archiver.audit.rows.destruction_records import find_erased
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.index_keys import load_index_keys
from archiver.encryption.key_store import KeyStore
from archiver.index.blind_index import person_hash
from archiver.index.processing_log import (
    COLUMNS,
    CONVERSATION,
    NAMES,
    POSSIBLE_NAMES,
    action_row,
    build_action,
    is_genuine,
)
from archiver.index.record_fields import read_fields
from services.contract import Record
from services.postgres.database import Connection

WHAT = "processing"
_OF_RECORD = ("id", "kind", "at", "data", "tenant", "conversation", "message")
AT_ONCE = 2000
"""Rows in memory, some 500 bytes each."""
KEPT_MONTHS = 12
"""Months that the archiver's role cannot drop: see the function `forget_processing`."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


class ProcessingNotes(msgspec.Struct):
    """Rows that could not be looked at."""

    begins: date | None = None
    """First month that is kept; None if none was dropped."""
    keyless: int = 0
    """Rows of municipalities whose key of proofs is gone, or was when they were erased."""
    unbound: int = 0
    """Rows of before rows had a hash: nothing holds their program and register."""


class _Bounds(msgspec.Struct):
    """Positions of the entries whose rows have a hash and have none: from the first with one on all
    have one."""

    first_bound: int | None = None
    last_unbound: Finding | None = None

    def note(self, row: Row) -> None:
        position = row["position"]
        if position is None or row["proof"] is None:
            return
        if row["proof"]:
            self.first_bound = min(
                position, position if self.first_bound is None else self.first_bound
            )
        elif self.last_unbound is None or position > (self.last_unbound.position or 0):
            sentence = "the keyed hash of this action's row is gone"
            self.last_unbound = _finding(row, sentence)

    def findings(self) -> list[Finding]:
        if self.last_unbound is None or self.first_bound is None:
            return []
        is_later = (self.last_unbound.position or 0) > self.first_bound
        return [self.last_unbound] if is_later else []


async def verify_processing(
    connection: Connection, keys: KeyStore | None, notes: ProcessingNotes
) -> AsyncIterator[Finding]:
    """Yield what is wrong, and fill `notes`. Run in a transaction that reads one snapshot."""
    kinds, bounds = sorted(NAMES), _Bounds()
    kept = await connection.fetchrow(_KEPT, KEPT_MONTHS)
    assert kept is not None
    if await connection.fetchval(_DROPPED, kinds, kept["since"]):
        notes.begins = kept["since"].date()
    opener = await _load_opener(connection, keys) if keys else None
    # Without keys only rows that differ come here; with them every row.
    cursor = await connection.cursor(
        _JOINED if opener else f"{_JOINED} where {_DIFFERS}", kinds, kept["since"]
    )
    while rows := await cursor.fetch(AT_ONCE):
        for row in rows:
            bounds.note(row)
            if fault := _row_fault(row, opener, notes):
                yield _finding(row, fault)
        for row in await opener.contradicted(rows) if opener else ():
            yield _finding(row, _ALTERED)
    for finding in bounds.findings():
        yield finding
    for row in await connection.fetch(_DOUBLED, AT_ONCE):
        yield _finding(row, f"the processing log has {row['count']} rows of one action")


class _Opener(msgspec.Struct, frozen=True):
    """Access to entries and keys that the master key opens, in one transaction."""

    connection: Connection
    keys: KeyStore
    proof_keys: dict[str, bytes]
    erased_at: dict[str, int]
    """Position of the last erasure of each whole municipality, which destroyed its keys. One that
    comes back gets new ones."""

    async def contradicted(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows without a hash that their entries contradict."""
        unbound = {row["id"]: row for row in rows if row["id"] and row["proof"] == b""}
        if not unbound:
            return []
        entries = await self.connection.fetch(_ENTRIES, list(unbound))
        return [
            unbound[entry["id"]]
            for entry in decrypt_rows(entries, self.keys)
            if (key := self.proof_keys.get(entry["tenant"]))
            and not _follows(unbound[entry["id"]], entry, key)
        ]


def _row_fault(row: Row, opener: _Opener | None, notes: ProcessingNotes) -> str | None:
    """Return what is wrong with an entry's row; None if nothing is."""
    if row["span_id"] is None:
        return "the processing log has no row of this action"
    if row["id"] is None:
        return "the processing log has a row of no action on the record"
    if row["end_time"] != row["at"] or row["name"] not in POSSIBLE_NAMES[row["kind"]]:
        return _ALTERED
    if opener is None or _is_right(row, opener, notes):
        return None
    return _ALTERED


async def _load_opener(connection: Connection, keys: KeyStore) -> _Opener:
    erased = await find_erased(connection)
    index_keys = await load_index_keys(connection, keys)
    proof_keys = {tenant: each.proof for tenant, each in index_keys.items()}
    return _Opener(connection, keys, proof_keys, erased)


def _is_right(row: Row, opener: _Opener, notes: ProcessingNotes) -> bool:
    """Return True if the row has the hash of what it says, or note why that cannot be known."""
    key = opener.proof_keys.get(row["tenant"])
    if not row["proof"]:
        notes.unbound += 1
    elif key is None or (row["position"] or 0) < opener.erased_at.get(row["tenant"], -1):
        notes.keyless += 1
    else:
        return is_genuine([row[name] for name in COLUMNS], row["proof"], key)
    return True


def _follows(row: Row, entry: Mapping[str, Any], key: bytes) -> bool:
    """Return True if a row is what its entry leads to, but for its program and register."""
    fields = {name: entry[name] for name in _OF_RECORD}
    record = Record(**fields)
    subject = person_hash(key, CONVERSATION, record.conversation)
    action = build_action(record, read_fields(record), row["activity"], subject)
    expected = action_row(action, row["resource"], key)
    return all(row[name] == value for name, value in zip(COLUMNS, expected, strict=False))


def _finding(row: Row, sentence: str) -> Finding:
    at: datetime = row["at"] or row["start_time"]
    id = row["id"] and str(row["id"])
    return Finding(WHAT, f"{sentence} ({at:%Y-%m-%d %H:%M:%S}Z)", row["position"], id)


_ENTRIES = f"{RECORDS} where e.id = any($1::uuid[])"
_ALTERED = "the row of this action in the processing log is not what it was"

# Rows of whole months are dropped at the end of their term, the oldest first.
_KEPT = """
select case when first < kept then date_trunc('month', first, 'UTC') else kept end as since
from (select coalesce(min(start_time), now()) as first,
    date_trunc('month', now() - make_interval(months => $1), 'UTC') as kept
    from archiver.processing) as bounds
"""
_ACTIONS = "kind = any($1) and tenant <> '' and conversation <> ''"
_DROPPED = f"select exists (select from archiver.entry where {_ACTIONS} and at < $2)"
_JOINED = f"""
select e.id, e.position, e.kind, e.at, {", ".join(f"p.{name}" for name in COLUMNS)}, p.proof
from (
    select id, position, kind, at, tenant, substring(uuid_send(id) from 9) as span_id
    from archiver.entry where {_ACTIONS} and at >= $2
) e
full join archiver.processing p
    on (p.span_id, p.start_time, p.tenant) = (e.span_id, e.at, e.tenant)
"""
_NAMES = ", ".join(
    f"('{kind}', '{name}')" for kind, names in POSSIBLE_NAMES.items() for name in names
)
_DIFFERS = f"""
e.id is null or p.span_id is null or p.end_time <> e.at or (e.kind, p.name) not in ({_NAMES})
"""
_DOUBLED = """
select count(*) as count, start_time as at, start_time, null::uuid as id, null::bigint as position
from archiver.processing group by tenant, span_id, start_time having count(*) > 1
order by start_time limit $1
"""
