"""Check what cannot be opened against the destructions on the record, and what opens in spite of
one.

Without the master key only missing keys and salts can be found. With it, it is also checked that
what exists opens, and that destruction records were sealed by this archive.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Literal

import msgspec

from archiver.audit.log_walk import Finding, entry_finding
from archiver.encryption.decrypt_rows import JOIN_KEYS, SELECT_COLUMNS
from archiver.encryption.key_store import ALL_KEYS, MUNICIPAL_KEYS, KeyStore, Row
from archiver.encryption.sealing import Content, unseal_entry
from archiver.index.record_fields import Destruction
from services.postgres.database import Connection
from services.sealing.wrapping import CannotDecrypt

AT_ONCE = 2000
"""Entries in memory, some 1 KB each."""
FILE_KEY = b'"medium"'
"""Key in the JSON of a message that came with a file."""
MAX_FINDINGS = 1000
"""Maximum number of findings per kind; more would not help the reader."""


async def check_keys(connection: Connection, keys: KeyStore | None) -> AsyncIterator[Finding]:
    """Yield the findings. Run in the transaction of the other checks."""
    for kind, sql, sentence in _UNRECORDED:
        async for row in connection.cursor(sql, prefetch=AT_ONCE):
            yield entry_finding(row, kind, sentence.format(row["conversation"]))
    async for finding in (
        _check_with_keys(connection, keys) if keys else _missing_municipality_keys(connection)
    ):
        yield finding


async def _missing_municipality_keys(connection: Connection) -> AsyncIterator[Finding]:
    """Yield the keys of municipalities that are missing, as far as visible without the master
    key."""
    for row in await connection.fetch(MUNICIPAL_KEYS):
        if row["wrapped"] is None:
            yield Finding("key", f"the {_key_name(row)} is gone")


async def _check_with_keys(connection: Connection, keys: KeyStore) -> AsyncIterator[Finding]:
    async for finding in _check_keys_open(connection, keys):
        yield finding
    cursor = await connection.cursor(_ENTRIES)
    while rows := await cursor.fetch(AT_ONCE):
        opened = [(row, _open_content(row, keys)) for row in rows]
        for row, content in opened:
            if fault := _entry_fault(row, content):
                yield entry_finding(row, *fault)
        for row in await _without_file_row(connection, opened):
            yield entry_finding(row, "file", "this message had a file, and its table has no row")


async def _without_file_row(
    connection: Connection, opened: Sequence[tuple[Row, Content | Literal[False] | None]]
) -> list[Row]:
    """Return the messages whose file has no row, so that it is neither fetched nor shown."""
    files = {
        row["message"] or row["id"]: row
        for row, content in opened
        if row["kind"] == "message" and isinstance(content, Content) and _has_file(content.data)
    }
    missing = await connection.fetch(_FILES_WITHOUT_ROW, list(files)) if files else []
    return [files[each["id"]] for each in missing]


def _has_file(data: bytes) -> bool:
    if FILE_KEY not in data:  # most messages; and decoding takes longer than looking
        return False
    with suppress(msgspec.DecodeError):
        return _read_file(data).medium is not None
    return False


class _File(msgspec.Struct, frozen=True):
    medium: dict[str, Any] | None = None


_read_file = msgspec.json.Decoder(_File).decode


def _entry_fault(row: Row, content: Content | Literal[False] | None) -> tuple[str, str] | None:
    """Return what is wrong with an entry. A key that does not open is reported once, not per
    entry."""
    if row["kind"] == "destruction":
        is_genuine = isinstance(content, Content) and _matches_destruction(row, content)
        return None if is_genuine else ("destruction", "this destruction was not sealed here")
    if isinstance(content, Content) and row["destroyed"]:
        return "restored", "this entry was destroyed, and can be opened again"
    if content is False and not row["destroyed"]:
        return "shut", "this entry does not open with the key of its conversation"
    return None


def _matches_destruction(row: Row, content: Content) -> bool:
    """Return whether the sealed data of a destruction equals its plain columns."""
    try:
        destruction = msgspec.json.decode(content.data, type=Destruction)
    except msgspec.DecodeError:
        return False
    erased = destruction.tenant, destruction.conversation, destruction.entry
    return erased == (row["tenant"], row["conversation"], row["message"])


def _open_content(row: Row, keys: KeyStore) -> Content | Literal[False] | None:
    """Return the content; False if it does not open; None if its key or salt is missing or the key
    does not open."""
    if row["salt"] is None or row["wrapped"] is None:
        return None
    try:
        key = keys.key_of_row(row)
    except CannotDecrypt:
        return None
    try:
        return unseal_entry(key, row)
    except CannotDecrypt:
        return False


async def _check_keys_open(connection: Connection, keys: KeyStore) -> AsyncIterator[Finding]:
    """Yield keys that exist and do not open, and keys of municipalities that are missing."""
    for row in await connection.fetch(MUNICIPAL_KEYS):
        try:
            keys.municipality_key_of_row(row)
        except CannotDecrypt as error:
            yield Finding("key", f"the {_key_name(row)} is not the one of then: {error}")
    async for row in connection.cursor(ALL_KEYS, prefetch=AT_ONCE):
        try:
            keys.key_of_row(row)
        except CannotDecrypt:
            name = f"the key of conversation {row['conversation'] or '-'}"
            yield Finding("key", f"{name} is not the one of then")


def _key_name(row: Row) -> str:
    return f"{row['purpose']} key of municipality {row['tenant'] or '-'}"


_COVERS = """
d.kind = 'destruction' and d.position > {0}.position and d.tenant = {0}.tenant
    and (d.message = {0}.id or (d.message is null and d.conversation in ('', {0}.conversation)))
"""
_DESTROYED = f"select from archiver.entry d where {_COVERS.format('e')}"

_UNRECORDED = (
    (
        "key",
        f"""
        select e.conversation, min(e.position) as position,
            (array_agg(e.id order by e.position))[1] as id
        from archiver.entry e left join archiver.conversation_key k using (tenant, conversation)
        where k.tenant is null and e.kind <> 'destruction' and not exists ({_DESTROYED})
        group by e.tenant, e.conversation order by 2 limit {MAX_FINDINGS}
        """,
        "the key of conversation {} is gone, and no destruction is on the record",
    ),
    (
        "salt",
        f"""
        select e.conversation, e.position, e.id from archiver.entry e
        where e.salt is null and not exists ({_DESTROYED}) and not exists (
            select from archiver.entry x join archiver.entry d on {_COVERS.format("x")}
            where e.kind = 'receipt' and x.receipt = e.id)
        order by e.position limit {MAX_FINDINGS}
        """,
        "the salt of this entry is gone, and no destruction is on the record",
    ),
)
"""Missing keys and missing salts without a destruction on the record."""

_FILES_WITHOUT_ROW = """
select id from unnest($1::uuid[]) as file (id)
where not exists (select from archiver.media m where m.id = file.id)
"""

# Destructions are few, so they are selected once and not for each entry.
_ENTRIES = f"""
with d as materialized (
    select kind, position, tenant, message, conversation from archiver.entry
    where kind = 'destruction')
{SELECT_COLUMNS}, exists (select from d where {_COVERS.format("e")}) or (
    e.kind = 'receipt' and exists (
        select from archiver.entry x join d on {_COVERS.format("x")} where x.receipt = e.id)
) as destroyed
from archiver.entry e {JOIN_KEYS} order by e.position
"""
