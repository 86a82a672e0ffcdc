"""Verify that the index of persons has no row too many: each names an entry that is about the
person.

A row too many would give somebody what another wrote. The master key is needed; memory use is
constant.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from archiver.audit.keys import AT_ONCE
from archiver.audit.log_walk import Finding
from archiver.audit.search_index import Subject, expected_rows
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.index_keys import load_index_keys
from archiver.encryption.key_store import IndexKeys, KeyStore
from archiver.index.record_fields import INDEXED_KINDS
from services.postgres.database import Connection

Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""
Verdict = Literal["right", "wrong", "unknown"]


class ExtraSubjects(msgspec.Struct, frozen=True):
    """Rows that are wrong, the positions of the entries that they name, and the number of rows
    that name an entry that was destroyed."""

    rows: list[Subject]
    positions: dict[UUID, int]
    unknown: int = 0

    def findings(self) -> list[Finding]:
        sentence = "somebody is found by an entry that is not about them"
        return [
            Finding("index", sentence, self.positions.get(row[3]), str(row[3])) for row in self.rows
        ]


class _Entries(msgspec.Struct, frozen=True):
    """Entries that rows name: all that exist, those that can be read, and who is in these."""

    existing: dict[UUID, Row]
    readable: set[UUID]
    subjects: set[Subject]

    def verdict(self, row: Subject) -> Verdict:
        if row in self.subjects:
            return "right"
        tenant, _, conversation, id = row
        entry = self.existing.get(id)
        # An entry outside conversations takes its persons along when it is destroyed.
        if entry is None or id in self.readable or not conversation:
            return "wrong"
        is_of_it = (entry["tenant"], entry["conversation"]) == (tenant, conversation)
        return "unknown" if is_of_it else "wrong"


class _Reader(msgspec.Struct, frozen=True):
    """Reads the persons of entries."""

    connection: Connection
    keys: KeyStore
    index_keys: dict[str, IndexKeys]

    async def read(self, query: str, *arguments: Any) -> _Entries:
        rows = await self.connection.fetch(query, *arguments)
        opened = [row for row in decrypt_rows(rows, self.keys) if row["tenant"] in self.index_keys]
        subjects: set[Subject] = set()
        for row in opened:
            expected = expected_rows(row, self.index_keys[row["tenant"]].hashes)
            subjects.update(each for under_each_key in expected.subjects for each in under_each_key)
        return _Entries({row["id"]: row for row in rows}, {row["id"] for row in opened}, subjects)

    async def said_by_others(self, rows: Sequence[Subject]) -> set[tuple[Any, ...]]:
        """Return who is in other entries of these conversations. One that was destroyed alone may
        have been the first to say so."""
        said: set[tuple[Any, ...]] = set()
        for conversation in {row[2] for row in rows}:
            entries = await self.read(_OF_CONVERSATION, conversation, INDEXED_KINDS)
            said |= {each[:3] for each in entries.subjects}
        return said


async def find_extra_subjects(
    connection: Connection, keys: KeyStore
) -> AsyncIterator[ExtraSubjects]:
    """Yield what is too many, batch by batch. Run in a transaction that reads one snapshot."""
    reader = _Reader(connection, keys, await load_index_keys(connection, keys))
    cursor = await connection.cursor(_ROWS)
    while found := await cursor.fetch(AT_ONCE):
        rows: list[Subject] = [
            (r["tenant"], r["hash"], r["conversation"], r["entry"]) for r in found
        ]
        ids = [row[3] for row in rows]
        entries = await reader.read(_NAMED, ids, ids[0], ids[-1])
        verdicts = [(row, entries.verdict(row)) for row in rows]
        unknown = [row for row, verdict in verdicts if verdict == "unknown"]
        others = await reader.said_by_others(unknown)
        yield ExtraSubjects(
            [row for row, verdict in verdicts if verdict == "wrong"],
            {id: entry["position"] for id, entry in entries.existing.items()},
            sum(row[:3] not in others for row in unknown),
        )


async def remove_extra(connection: Connection, extra: ExtraSubjects) -> int:
    """Delete the rows that are wrong, and return their number. The role must be that of the tables'
    owner."""
    await connection.executemany(_DELETE, extra.rows)
    return len(extra.rows)


# A row of a conversation that was destroyed is named by `find_orphaned_rows`.
_ROWS = """
select tenant, hash, conversation, entry from archiver.subject s
where conversation = '' or exists (
    select from archiver.conversation_key k
    where (k.tenant, k.conversation) = (s.tenant, s.conversation))
order by entry
"""
# The bounds on the id keep PostgreSQL from searching the partitions of other months.
_NAMED = f"{RECORDS} where e.id = any($1::uuid[]) and e.id between $2 and $3"
_OF_CONVERSATION = f"{RECORDS} where e.conversation = $1 and e.kind = any($2::text[])"
_DELETE = """
delete from archiver.subject where (tenant, hash, conversation, entry) = ($1, $2, $3, $4)
"""
