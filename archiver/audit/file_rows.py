"""Verify the table of files against the record. The master key is needed, and no object store.

Memory use is constant but for the ids of files that operators released, which are few.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from archiver.audit.file_faults import (
    Announcement,
    FileFinding,
    FileHistory,
    FileRow,
    Place,
    Result,
    file_finding,
    find_faults,
)
from archiver.audit.service_role import read_as_service
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.file_binding import is_bound
from archiver.encryption.key_store import KeyStore, Row
from archiver.encryption.sealing import unseal
from archiver.media import row_encryption
from archiver.media.fetch_policy import AnnouncedFile
from services import clock
from services.files import object_store
from services.ids import parse_uuid
from services.postgres.database import Connection, Pool
from services.postgres.times import in_utc
from services.sealing.wrapping import CannotDecrypt

FILES = 500
"""Files in memory, with their entries: some 5 KB each."""
RELEASE = "files release"
"""Command of the operator that releases a file, as its entry names it."""


class _Message(msgspec.Struct, frozen=True, rename="camel"):
    """Part of a message's record: its file as Meta announced it."""

    medium: AnnouncedFile | None = None
    number: str | None = None
    sent_at: datetime | None = None


class _Operation(msgspec.Struct, frozen=True):
    """Part of an operation's record."""

    what: str = ""
    about: str = ""


async def verify_file_rows(pool: Pool, keys: KeyStore) -> AsyncIterator[FileFinding]:
    """Yield the faults, in order of the messages."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await read_as_service(connection)
        now, after = clock.now(), UUID(int=0)
        released = await _load_released(connection, keys)
        while ids := [row["id"] for row in await connection.fetch(_FILES, after, FILES)]:
            for finding in await _check_files(connection, keys, ids, released, now):
                yield finding
            after = ids[-1]


async def _load_released(connection: Connection, keys: KeyStore) -> set[UUID]:
    """Return the files of which a release by an operator is on the record."""
    released: set[UUID] = set()
    cursor = await connection.cursor(_OPERATIONS)
    while rows := await cursor.fetch(FILES):
        for row in decrypt_rows(rows, keys):
            with suppress(msgspec.DecodeError):
                operation = msgspec.json.decode(row["data"], type=_Operation)
                if operation.what == RELEASE and (file := parse_uuid(operation.about)):
                    released.add(file)
    return released


async def _check_files(
    connection: Connection,
    keys: KeyStore,
    ids: Sequence[UUID],
    released: set[UUID],
    now: datetime,
) -> list[FileFinding]:
    rows = {row["about"]: row for row in await connection.fetch(_ROWS, ids)}
    entries: dict[UUID, list[Row]] = {id: [] for id in ids}
    for entry in await connection.fetch(_ENTRIES, ids):
        entries[_file_of(entry)].append(entry)
    findings: list[FileFinding] = []
    for id in ids:
        history = _read_history(entries[id], keys, is_released=id in released)
        row = _open_row(rows[id], _conversation_key(entries[id], keys)) if id in rows else None
        name = _object_key(rows.get(id), history)
        faults = find_faults(row, history, now)
        findings += [file_finding(what, name, id, columns) for what, columns in faults]
    return findings


def _file_of(entry: Row) -> UUID:
    file: UUID = entry["message"] or entry["id"]
    return file


def _object_key(row: Row | None, history: FileHistory) -> str:
    """Return the name in the store: the one on the record, else that of the row."""
    names = [result.object for result in history.results if result.object]
    name = names[-1] if names else row["ciphertext_sha256"] if row else ""
    return object_store.sealed_key(name) if name else ""


def _conversation_key(entries: Iterable[Row], keys: KeyStore) -> bytes | None:
    """Return the key of the conversation to which the message belongs, whatever the row says."""
    for entry in entries:
        if entry["wrapped"] is not None:
            with suppress(CannotDecrypt):
                return keys.key_of_row(entry)
    return None


def _read_history(entries: Sequence[Row], keys: KeyStore, *, is_released: bool) -> FileHistory:
    messages = [entry for entry in entries if entry["kind"] == "message"]
    opened = list(decrypt_rows(entries, keys))
    media = [_decode(Result, row) for row in opened if row["kind"] == "media"]
    announced = [_announcement(row) for row in opened if row["kind"] == "message"]
    files = [announcement for announcement in announced if announcement]
    return FileHistory(
        place=_place(messages[0]) if messages else None,
        is_erased=not announced,
        announced=files[0] if files else None,
        results=[result for result in media if result],
        is_released=is_released,
    )


def _announcement(row: Mapping[str, Any]) -> Announcement | None:
    """Return the announcement as the writer took it from the record."""
    message = _decode(_Message, row)
    if message is None or message.medium is None:
        return None
    sent_at = min(row["at"], message.sent_at or row["at"])
    file = message.medium
    return Announcement(file, file.mime_type, message.number or "", sent_at, file.upload)


def _decode(type: Any, row: Mapping[str, Any]) -> Any:
    """Return the data of an entry, or None if it is not of this form."""
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(row["data"], type=type)
    return None


def _place(row: Row) -> Place:
    return Place(row["tenant"], row["conversation"], row["department"])


def _open_row(row: Row, key: bytes | None) -> FileRow:
    is_lost, ended_at = row["state"] == "lost", row["ended_at"] and in_utc(row["ended_at"])
    announced = _open_announced(row, key)
    must = announced is None or announced.file.bound
    result = Result(
        state=row["state"],
        object="" if is_lost else row["ciphertext_sha256"],
        scanned=row["scanned"],
        reason=row["reason"],
        size=row["size"],
        mime_type=row["mime_type"] or row["announced_type"] or "",
        sha256=row_encryption.open_digest(row, key),
    )
    return FileRow(
        place=_place(row),
        announced=announced and _without_binding(announced),
        result=msgspec.structs.replace(result, at=ended_at) if ended_at else result,
        has_result=ended_at is not None,
        released_by=row["released_by"],
        due_at=in_utc(row["due_at"]),
        is_bound=key is None or is_bound(_as_written(row), key, must=must),
    )


def _as_written(row: Row) -> Mapping[str, Any]:
    """Return a row as the archive wrote it last: a release is an operator's, who has no key."""
    return dict(row) | ({"state": "quarantined"} if row["released_by"] else {})


def _without_binding(announced: Announcement) -> Announcement:
    """Return an announcement as the record has it, which knows nothing of the row."""
    file = msgspec.structs.replace(announced.file, bound=False)
    return msgspec.structs.replace(announced, file=file)


def _open_announced(row: Row, key: bytes | None) -> Announcement | None:
    if key is None or row["salt"] is None:
        return None
    with suppress(CannotDecrypt, msgspec.DecodeError):
        plain = unseal(key, row["salt"], row["sealed"], row["about"].bytes)
        file = msgspec.json.decode(plain, type=AnnouncedFile)
        plain_type = row["announced_type"] or ""
        return Announcement(file, plain_type, row["number"], row["sent_at"], row["upload"])
    return None


_FILES = """
select id from archiver.media where id > $1
union select message from archiver.entry where kind = 'media' and message > $1
order by id limit $2
"""

_ROWS = """
select id as about, tenant, number, conversation, department, sent_at, salt, sealed, state,
    announced->>'mimeType' as announced_type, file_salt, ciphertext_sha256, mime_type, size,
    digest, agrees, mac, scanned, released_by, reason, ended_at, due_at, upload
from archiver.media where id = any($1::uuid[])
"""

_ENTRIES = f"""
{RECORDS} where (e.kind in ('message', 'media') and e.message = any($1::uuid[]))
    or (e.kind = 'message' and e.message is null and e.id = any($1::uuid[]))
order by e.position
"""

_OPERATIONS = f"{RECORDS} where e.kind = 'operation' order by e.position"
