"""Append entries to the log: their rows, their places in the tree and their index rows, in one
transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from archiver.encryption.sealing import PLAIN
from archiver.index.blind_index import IndexTokens
from archiver.index.processing_log import COLUMNS, ActionRow
from archiver.log.entry import PlainColumns
from services.postgres.database import Connection
from services.transparency.merkle import Tree


class PendingMedia(msgspec.Struct, frozen=True):
    """File of a message that is still to be fetched; its description is sealed. `upload` is the
    file's id in the store of uploads, for one that goes out."""

    number: str
    sent_at: datetime
    mime_type: str
    salt: bytes
    sealed: bytes
    mac: bytes
    upload: UUID | None = None


class Entry(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Sealed record, ready to be written."""

    columns: PlainColumns
    salt: bytes | None
    """None for one that was destroyed in the log that it came from."""
    sealed: bytes
    leaf: bytes
    subjects: tuple[bytes, ...] = ()
    file: PendingMedia | None = None
    action: ActionRow | None = None
    index_tokens: IndexTokens | None = None
    destructions: int
    """Number of destructions before it was sealed."""


async def append_entries(connection: Connection, tree: Tree, entries: Sequence[Entry]) -> None:
    """Append entries at the next positions. The caller must hold the lock on the head."""
    first = tree.size
    for entry in entries:
        tree.append(entry.leaf)
    rows = [_entry_row(entry, first + n) for n, entry in enumerate(entries)]
    await connection.copy_records_to_table(
        "entry", schema_name="archiver", columns=_ENTRY_COLUMNS, records=rows
    )
    if files := [e for e in entries if e.file]:
        await connection.execute(_INSERT_MEDIA, *_transpose([_file_row(e) for e in files], 11))
    if actions := [entry.action for entry in entries if entry.action]:
        await connection.copy_records_to_table(
            "processing", schema_name="archiver", columns=PROCESSING_COLUMNS, records=actions
        )
    if searchable := [
        _searchable_row(e, first + n) for n, e in enumerate(entries) if e.index_tokens
    ]:
        await connection.copy_records_to_table(
            "searchable", schema_name="archiver", columns=SEARCHABLE_COLUMNS, records=searchable
        )
    named = (entry for entry in entries if entry.subjects)  # few
    subjects = _transpose([row for entry in named for row in _subject_rows(entry)], 4)
    nodes = _transpose(tree.completed, 3)
    await connection.execute(END, tree.size, tree.edge_bytes(), *subjects, *nodes)


def _transpose(rows: Sequence[Sequence[Any]], columns: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) or [()] * columns


def _entry_row(entry: Entry, position: int) -> tuple[Any, ...]:
    plain = msgspec.structs.astuple(entry.columns)
    return (position, *plain, entry.salt, entry.sealed, entry.leaf)


def _file_row(entry: Entry) -> tuple[Any, ...]:
    columns, file = entry.columns, entry.file
    assert file is not None
    id = columns.message or columns.id
    owner = (columns.tenant, file.number, columns.conversation, columns.department)
    described = (file.sent_at, file.mime_type, file.salt, file.sealed, file.mac, file.upload)
    return (id, *owner, *described)


def _searchable_row(entry: Entry, position: int) -> tuple[Any, ...]:
    columns, tokens = entry.columns, entry.index_tokens
    assert tokens is not None
    plain = (
        columns.id,
        position,
        columns.at,
        columns.tenant,
        columns.department,
        columns.conversation,
        columns.kind,
    )
    return (*plain, tokens.type, tokens.direction, tokens.words)


def _subject_rows(entry: Entry) -> Iterable[tuple[str, bytes, str, UUID]]:
    columns = entry.columns
    for hash in entry.subjects:
        yield columns.tenant, hash, columns.conversation, columns.id


_ENTRY_COLUMNS = ("position", *PLAIN, "salt", "sealed", "leaf")
"""Columns of `_entry_row`. COPY sends them in binary, at half the cost of arrays."""

_INSERT_MEDIA = """
insert into archiver.media (id, tenant, number, conversation, department, sent_at, announced, salt,
    sealed, mac, upload)
select id, tenant, number, conversation, department, sent_at, jsonb_build_object('mimeType', type),
    salt, sealed, mac, upload
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
    $7::text[], $8::bytea[], $9::bytea[], $10::bytea[], $11::uuid[])
    as new (id, tenant, number, conversation, department, sent_at, type, salt, sealed, mac, upload)
on conflict do nothing
"""

PROCESSING_COLUMNS = (*COLUMNS, "proof")
"""Columns written by COPY, at a third of the cost of an insert. No conflict can occur, since each
row is written once, together with its entry."""
SEARCHABLE_COLUMNS = (
    "id", "position", "at", "tenant", "department", "conversation", "kind", "type", "direction",
    "words",
)  # fmt: skip

# One row per person and conversation; an entry outside any conversation has a row of its own. The
# look-up is lateral, since PostgreSQL reads the whole table for a `not exists` while it has no
# statistics.
# A node that someone inserted before must not stop the writer; `archive verify` finds it.
END = """
with subjects as (
    insert into archiver.subject (tenant, hash, conversation, entry)
    select distinct on (tenant, hash, conversation, case when conversation = '' then entry end) n.*
    from unnest($3::text[], $4::bytea[], $5::text[], $6::uuid[])
        as n (tenant, hash, conversation, entry)
    left join lateral (
        select true as is_known from archiver.subject s
        where (s.tenant, s.hash, s.conversation) = (n.tenant, n.hash, n.conversation) limit 1
    ) as s on conversation <> ''
    where is_known is null
    on conflict do nothing
), nodes as (
    insert into archiver.node (level, index, hash)
    select * from unnest($7::int[], $8::bigint[], $9::bytea[]) on conflict do nothing
)
update archiver.head set size = $1, peaks = $2
"""
