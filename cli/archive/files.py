"""`postkamer files`: list the files of citizens that wait or are quarantined; open, release."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import click
import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.media.fetch_policy import RELEASED
from archiver.media.reader import read
from archiver.media.store import MediaStore
from cli.support.archive_access import load_object_store, with_archive
from cli.support.audit import Operation, parse_name, record_access, run_audited
from cli.support.database import with_database
from cli.support.options import by_option, json_option, renamed_option
from cli.support.output import TO_FETCH, CommandRefused, count, print_list, print_result
from cli.support.person import narrow_tenant, require_reach
from cli.support.reach import Subject
from services.files.object_store import ObjectNotFound
from services.postgres.database import Connection, Pool
from services.sealing.wrapping import CannotDecrypt

NO_FILE = "no stored file has this id"
NOT_KEPT = "this file is not what was kept, or not there"
NOT_QUARANTINED = "no quarantined file has this id"
STATES = ("waiting", "fetched", "quarantined", "lost")


class File(msgspec.Struct, frozen=True, rename="camel"):
    """A file in the list, without its name and contents."""

    id: UUID
    tenant: str
    department: str
    conversation: str
    state: str
    reason: str
    mime_type: str
    size: int
    sent_at: datetime
    attempts: int
    object: str
    """Name of the encrypted file in the object store; '' before the download begins."""


@click.group("files")
def group() -> None:
    """Files of citizens that wait or are quarantined.

    Needs POSTKAMER_DATABASE_URL, as its owner.
    """


@group.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only files in this state.")
@json_option
def list_command(state: str | None, as_json: bool) -> None:
    """Show the files that need attention, the oldest first.

    waiting: to be fetched. fetched: to be scanned. quarantined: refused by the scanner. lost: it
    could not be fetched.
    """
    states = [state] if state else list(STATES)

    async def work(pool: Pool) -> list[File]:
        tenant = await narrow_tenant(pool, None)
        return [File(**row) for row in await pool.fetch(_LIST, states, TO_FETCH, tenant)]

    files = with_database("files", work)
    none = f"no file is in the state {state}" if state else "no file needs attention"
    print_list(files, _format_files, as_json=as_json, empty=none)


def _format_files(files: Sequence[File]) -> Iterator[str]:
    for file in files:
        yield f"{file.id}  {file.sent_at:%Y-%m-%d %H:%M:%S}Z  {file.state}  {file.tenant}"
        is_pending = file.state in ("waiting", "fetched")
        attempt = f"attempt {file.attempts}: " if is_pending else ""
        reason = file.reason or "on its way"
        yield f"    {file.mime_type or '-'}  {count(file.size, 'byte|bytes')}  {attempt}{reason}"
        if file.state == "quarantined":
            yield f"    {file.object}"
    if files:
        yield count(len(files), "file|files")


@group.command("release")
@click.argument("file", type=click.UUID)
@by_option
@json_option
def release_command(file: UUID, by: str, as_json: bool) -> None:
    """Release a quarantined file, after a person has looked at it.

    The department gets an event, and the archive records who released the file.
    """
    name = parse_name(by)
    run_audited("files", lambda connection: _release(connection, file, name), name)
    lines = ["released; the department is told within seconds"]
    print_result({"id": file, "state": "available"}, lines, as_json=as_json)


@group.command("open")
@click.argument("file", type=click.UUID)
@renamed_option(
    "--out", former="--to", required=True, type=click.Path(path_type=Path), help="A new file."
)
@by_option
@json_option
def open_command(file: UUID, out: Path, by: str, as_json: bool) -> None:
    """Write a file as the citizen sent it.

    A person can look at a quarantined file so. It may be malware.

    Also needs POSTKAMER_ARCHIVE_KEY and POSTKAMER_OBJECT_STORE.
    """
    name = parse_name(by)
    size = with_archive("files", lambda pool, keys: _open_file(pool, keys, file, out, name))
    line = f"{count(size, 'byte|bytes')} written to {out}"
    print_result({"id": file, "size": size}, [line], as_json=as_json)


async def _open_file(pool: Pool, keys: KeyStore, file: UUID, out: Path, by: str) -> int:
    """Write the audit entry, then the decrypted file, and return its size."""
    row = await pool.fetchrow(_OPEN, file)
    stored = await MediaStore(pool, keys).find(file) if row else None
    if row is None or stored is None:
        raise CommandRefused(NO_FILE)
    await require_reach(pool, [Subject(row["tenant"], row["department"])], NO_FILE)
    objects = load_object_store()
    data = {name: row[name] for name in ("department", "conversation")}
    operation = Operation(what="files open", about=str(file), tenant=row["tenant"], data=data)
    await record_access(pool, operation, by)
    try:
        with _create_private_file(out) as target:
            async for piece in await read(objects, stored):
                target.write(piece)
            return target.tell()
    except (CannotDecrypt, ObjectNotFound):
        raise CommandRefused(NOT_KEPT) from None


@contextmanager
def _create_private_file(path: Path) -> Iterator[BinaryIO]:
    """Create a file that only its owner can read; delete it if it does not become complete."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandRefused(f"--out: {error.strerror}") from None
    with os.fdopen(handle, "wb") as file:
        try:
            yield file
        except BaseException:
            path.unlink()
            raise


async def _release(connection: Connection, file: UUID, by: str) -> tuple[None, Operation]:
    row = await connection.fetchrow(_RELEASE, file, by, RELEASED.format(by))
    if row is None:
        raise CommandRefused(NOT_QUARANTINED)
    await require_reach(connection, [Subject(row["tenant"])], NOT_QUARANTINED)
    data = {name: row[name] for name in ("department", "conversation")}
    return None, Operation(what="files release", about=str(file), tenant=row["tenant"], data=data)


_LIST = """
select id, tenant, department, conversation, state, reason,
    coalesce(nullif(mime_type, ''), announced->>'mimeType', '') as mime_type, size, sent_at,
    attempts, case when ciphertext_sha256 <> '' then 'sealed/' || ciphertext_sha256
        else coalesce('media/' || object, '') end as object
from archiver.media where state = any($1::text[]) and ($3 = '' or tenant = $3)
order by sent_at limit $2
"""

_OPEN = """
select tenant, department, conversation from archiver.media
where id = $1 and state in ('fetched', 'available', 'quarantined')
"""

_RELEASE = """
update archiver.media set state = 'available', released_by = $2, reason = $3, ended_at = now(),
    told = false
where id = $1 and state = 'quarantined' returning tenant, department, conversation
"""
