"""Hold the declarations of destruction against the log, which has the same text, and against what
is on their lists now: nothing on a list changes once it was declared."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from archiver.audit.log_walk import Finding
from archiver.destruction.declaration import Declaration
from archiver.destruction.declaration_store import KIND
from archiver.destruction.list_store import ListStore
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from services.postgres.database import Connection

WHAT = "declaration"
AT_ONCE = 10
"""Declarations in memory, of up to 200 KB each."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


class Entry(msgspec.Struct, frozen=True):
    """A declaration in the log, and its row; `row` is None if that is gone."""

    entry: Mapping[str, Any]
    declaration: Declaration
    row: Row | None

    def finding(self, sentence: str) -> Finding:
        return Finding(WHAT, sentence, self.entry["position"], str(self.entry["id"]))


async def verify_declarations(connection: Connection, keys: KeyStore) -> AsyncIterator[Finding]:
    """Yield what is wrong. Run in a transaction that reads one snapshot."""
    for row in await connection.fetch(_WITHOUT_ENTRY):
        sentence = f"nothing on the record is the declaration of {row['list']}"
        yield Finding(WHAT, sentence, entry=str(row["entry"]))
    cursor = await connection.cursor(_ENTRIES)
    while rows := await cursor.fetch(AT_ONCE):
        found = await connection.fetch(_DECLARED, [row["id"] for row in rows])
        declared = {each["entry"]: each for each in found}
        for entry in decrypt_rows(rows, keys):
            each = Entry(entry, _read(entry["data"]), declared.get(entry["id"]))
            for sentence in declared_faults(each):
                yield each.finding(sentence)
            for sentence in await _list_faults(connection, keys, each.declaration):
                yield each.finding(sentence)


def declared_faults(each: Entry) -> Iterator[str]:
    """Yield what is wrong with a declaration by itself. Pure."""
    name, row = f"the declaration of {each.declaration.list}", each.row
    if row is None:
        yield f"{name} is on the record, and its row is gone"
    elif row["document"].encode() != each.entry["data"]:
        yield f"{name} is not the text of its entry"
    elif (row["list"], row["made_at"]) != (each.declaration.list, each.entry["at"]):
        yield f"{name} is not of the list or the time of its entry"


async def _list_faults(
    connection: Connection, keys: KeyStore, declaration: Declaration
) -> list[str]:
    groups = await ListStore(connection, keys).groups(declaration.list)
    if set(groups) == set(declaration.groups):
        return []
    return [f"what is on {declaration.list} is not what was declared"]


_read = msgspec.json.Decoder(Declaration).decode
_WITHOUT_ENTRY = f"""
select list, entry from archiver.declaration d where not exists (
    select from archiver.entry e where e.id = d.entry and e.kind = '{KIND}') order by list
"""
_ENTRIES = f"{RECORDS} where e.kind = '{KIND}' order by e.position"
_DECLARED = """
select list, entry, made_at, document from archiver.declaration where entry = any($1::uuid[])
"""
