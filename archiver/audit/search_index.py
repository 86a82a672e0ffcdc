"""Verify the search index (words and persons) against the decrypted entries, and rebuild what is
missing. `subject_rows` verifies that there are no persons too many.

The index is not part of the log, so removing rows hides entries from a search or from a citizen's
request without a trace in the log. The master key is needed; memory use is constant.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from archiver.audit.keys import AT_ONCE
from archiver.audit.log_walk import Finding
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.index_keys import load_index_keys
from archiver.encryption.key_store import KeyStore
from archiver.index.entry_hashes import hash_entry
from archiver.index.record_fields import INDEXED_KINDS
from archiver.log.append import SEARCHABLE_COLUMNS
from archiver.log.writer import SealedBeforeErasure
from services.postgres.database import Connection

Words = tuple[Any, ...]
"""Row of the word index, as SEARCHABLE_COLUMNS."""
Subject = tuple[str, bytes, str, UUID]
"""Row of the person index: municipality, hash, conversation, entry."""


class ExpectedRows(msgspec.Struct, frozen=True):
    """Index rows of an entry. While everything is hashed anew, a row may be under either key: each
    is given under all of them, the newest first."""

    words: tuple[Words, ...] = ()
    subjects: tuple[tuple[Subject, ...], ...] = ()


class MissingRows(msgspec.Struct, frozen=True):
    """Index rows of some entries that are missing or wrong. `seen` is the position after the last
    entry."""

    seen: int
    words: list[Words]
    subjects: list[Subject]
    positions: dict[UUID, int]

    def findings(self) -> list[Finding]:
        sentences = {
            row[0]: "what this entry is found by is not what is in it" for row in self.words
        }
        sentences |= {row[3]: "whom this entry is about is not found" for row in self.subjects}
        findings = [
            Finding("index", text, self.positions[id], str(id)) for id, text in sentences.items()
        ]
        return sorted(findings, key=lambda finding: finding.position or 0)


async def verify_index(
    connection: Connection, keys: KeyStore, progress: Callable[[int, int], None]
) -> AsyncIterator[Finding]:
    """Yield what is wrong with the index. Run in a transaction that reads one snapshot."""
    size = (await load_log_state(connection)).size
    async for rows in find_missing_rows(connection, keys):
        for finding in rows.findings():
            yield finding
        progress(rows.seen, size)
    for finding in await find_orphaned_rows(connection):
        yield finding


async def find_missing_rows(connection: Connection, keys: KeyStore) -> AsyncIterator[MissingRows]:
    """Yield missing rows in the order of the log, for the entries that decrypt. Run in a
    transaction."""
    index_keys = await load_index_keys(connection, keys)
    cursor = await connection.cursor(_INDEXED_ENTRIES, INDEXED_KINDS)
    while rows := await cursor.fetch(AT_ONCE):
        readable = [row for row in decrypt_rows(rows, keys) if row["tenant"] in index_keys]
        expected = [expected_rows(row, index_keys[row["tenant"]].hashes) for row in readable]
        words = [each.words for each in expected if each.words]
        subjects = {
            _subject_key(of_person[0]): of_person
            for each in expected
            for of_person in each.subjects
        }
        yield MissingRows(
            rows[-1]["position"] + 1,
            await _missing_words(connection, words),
            await _missing_subjects(connection, subjects),
            {row["id"]: row["position"] for row in readable},
        )


async def find_orphaned_rows(connection: Connection) -> list[Finding]:
    """Return index rows whose entry was destroyed or is not in the log."""
    rows = await connection.fetch(_ORPHANS, AT_ONCE)
    sentence = "something is found by its words that nobody can read"
    findings = [Finding("index", sentence, row["position"], str(row["id"])) for row in rows]
    if await connection.fetchval(f"select exists (select {_ORPHANED_SUBJECTS})"):
        findings.append(Finding("index", "somebody is found whose conversation was destroyed"))
    return findings


class LogState(msgspec.Struct, frozen=True):
    """Size of the log, and the number of destructions."""

    size: int
    destructions: int


async def load_log_state(connection: Connection) -> LogState:
    """Load the state in the transaction of the check."""
    row = await connection.fetchrow("select size, destructions from archiver.head")
    assert row is not None  # the table was created with this row
    return LogState(**row)


async def rebuild(connection: Connection, missing: MissingRows, destructions: int) -> int:
    """Write the missing rows and return their number. Run in a transaction as the owner of the
    tables. Raises SealedBeforeErasure if something was destroyed since the rows were determined."""
    if await connection.fetchval(_LOCK_HEAD) != destructions:
        raise SealedBeforeErasure
    if missing.words:
        ids = [row[0] for row in missing.words]
        await connection.execute("delete from archiver.searchable where id = any($1::uuid[])", ids)
        await connection.copy_records_to_table(
            "searchable", schema_name="archiver", columns=SEARCHABLE_COLUMNS, records=missing.words
        )
    if missing.subjects:
        await connection.executemany(_ADD, missing.subjects)
    return len(missing.words) + len(missing.subjects)


async def delete_orphans(connection: Connection) -> int:
    """Delete index rows that nobody can read and return their number."""
    statuses = [
        await connection.execute(sql) for sql in (_DELETE_ORPHANS, f"delete {_ORPHANED_SUBJECTS}")
    ]
    return sum(int(status.rpartition(" ")[2]) for status in statuses)


def expected_rows(row: Mapping[str, Any], keys: Sequence[bytes]) -> ExpectedRows:
    """Return the index rows of an entry; none if its data is not what its kind requires."""
    hashes = hash_entry(row, keys)
    tenant, conversation, id = row["tenant"], row["conversation"], row["id"]
    plain = [row[name] for name in SEARCHABLE_COLUMNS[:7]]
    return ExpectedRows(
        words=tuple((*plain, each.type, each.direction, each.words) for each in hashes.tokens),
        subjects=tuple(
            tuple((tenant, hash, conversation, id) for hash in of_person)
            for of_person in hashes.persons
        ),
    )


def _subject_key(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return the identity of a person row. A conversation has one row per person, from any of its
    entries; an entry outside conversations has its own."""
    tenant, hash, conversation, entry = row
    return tenant, hash, conversation, "" if conversation else entry


async def _missing_words(connection: Connection, words: Sequence[tuple[Words, ...]]) -> list[Words]:
    rows = await connection.fetch(_SEARCHABLE, [of_entry[0][0] for of_entry in words])
    existing = {row["id"]: (*tuple(row)[:-1], tuple(row["words"])) for row in rows}
    return [of_entry[0] for of_entry in words if existing.get(of_entry[0][0]) not in of_entry]


async def _missing_subjects(
    connection: Connection, subjects: Mapping[tuple[Any, ...], tuple[Subject, ...]]
) -> list[Subject]:
    wanted = [row for of_person in subjects.values() for row in of_person]
    tenants, hashes = [row[0] for row in wanted], [row[1] for row in wanted]
    rows = await connection.fetch(_SUBJECTS, tenants, hashes)
    existing = {_subject_key(tuple(row)) for row in rows}
    return [
        of_person[0]
        for of_person in subjects.values()
        if not any(_subject_key(row) in existing for row in of_person)
    ]


_INDEXED_ENTRIES = f"{RECORDS} where e.kind = any($1::text[]) order by e.position"

_SEARCHABLE = (
    f"select {', '.join(SEARCHABLE_COLUMNS)} from archiver.searchable where id = any($1::uuid[])"
)

_SUBJECTS = """
select s.tenant, s.hash, s.conversation, s.entry
from (select distinct * from unnest($1::text[], $2::bytea[])) as wanted (tenant, hash)
join archiver.subject s using (tenant, hash)
"""

_ADD = """
insert into archiver.subject (tenant, hash, conversation, entry) values ($1, $2, $3, $4)
on conflict do nothing
"""

_LOCK_HEAD = "select destructions from archiver.head for update"

_ORPHANED_WORDS = """
from archiver.searchable s where not exists (
    select from archiver.entry e join archiver.conversation_key k using (tenant, conversation)
    where e.id = s.id and e.salt is not null and e.kind in ('message', 'note'))
"""
_ORPHANED_SUBJECTS = """
from archiver.subject s where conversation <> '' and not exists (
    select from archiver.conversation_key k
    where (k.tenant, k.conversation) = (s.tenant, s.conversation))
"""
_ORPHANS = f"select s.id, s.position {_ORPHANED_WORDS} order by s.position limit $1"
_DELETE_ORPHANS = f"delete {_ORPHANED_WORDS}"
