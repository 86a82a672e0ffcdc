"""`postkamer archive aside`: records that could not be archived; open them, archive them again, or
give them up."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import click
import msgspec

from archiver import quarantine
from archiver.encryption.key_store import KeyStore
from archiver.log.writer import CannotSeal, writer_in_transaction
from archiver.quarantine import QuarantinedEntry
from cli.support.archive_access import change_archive, write_private_file
from cli.support.audit import Operation, parse_reason
from cli.support.database import with_database
from cli.support.options import json_option, reason_option
from cli.support.output import TO_FETCH, CommandRefused, count, print_list, print_result
from cli.support.person import require_all_departments, require_town
from cli.support.working_keys import load_working_keys, opening
from services.amqp.sealed_batch import is_sealed, open_put_aside
from services.contract import ArchiveBatch, Record
from services.postgres.database import Connection
from services.sealing.wrapping import CannotDecrypt

ABSENT = "there is nothing aside under {}"
UNREADABLE = "it is neither a record nor an envelope of this version: see `open`"


@click.group("aside")
def group() -> None:
    """Messages that could not be archived.

    They are stored whole, and encrypted.
    """


@group.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Show the quarantined messages and the reasons, the oldest first."""
    entries = with_database("archive", lambda pool: quarantine.list_entries(pool, TO_FETCH))
    print_list(entries, _format_entries, as_json=as_json, empty="no message is aside")


def _format_entries(entries: Sequence[QuarantinedEntry]) -> Iterator[str]:
    for entry in entries:
        size = count(entry.size, "byte|bytes")
        yield f"{entry.id}  {entry.at:%Y-%m-%d %H:%M:%S}Z  {size}  {entry.reason}"
    if entries:
        yield f"{count(len(entries), 'message|messages')} aside"


@group.command("open")
@click.argument("id", type=click.UUID)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A file.")
@reason_option
@json_option
def open_command(id: UUID, out: Path, reason: str, as_json: bool) -> None:
    """Write the quarantined message ID to a file, as it was received.

    The file is personal data, in msgpack.
    """
    reason = parse_reason(reason)

    async def look_up(connection: Connection, keys: KeyStore) -> tuple[bytes, Operation]:
        await require_all_departments(connection)
        body = await _open_body(connection, keys, id)
        return body, Operation(what="archive aside open", about=str(id), data={"why": reason})

    body = change_archive(look_up)
    write_private_file(out, body)
    line = f"{count(len(body), 'byte|bytes')} written to {out}"
    print_result({"id": id, "size": len(body)}, [line], as_json=as_json)


@group.command("again")
@click.argument("ids", type=click.UUID, nargs=-1, required=True)
@reason_option
@json_option
def again_command(ids: tuple[UUID, ...], reason: str, as_json: bool) -> None:
    """Archive the quarantined messages IDS: all of them, or none.

    Use this when the cause is gone: a key that was missing, a database that refused, a version that
    could not read the message. Records that are in the archive already are not added twice.

    A message that is sealed under a working key needs POSTKAMER_WORKING_KEY.
    """
    reason = parse_reason(reason)

    async def archive(connection: Connection, keys: KeyStore) -> tuple[int, Operation]:
        records = 0
        for id in ids:
            records += await _archive_again(connection, keys, id)
        data = {"why": reason, "ids": ids, "records": records}
        return records, Operation(what="archive aside again", data=data)

    records = change_archive(archive)
    line = f"{count(records, 'record|records')} added to the archive"
    print_result({"records": records}, [line], as_json=as_json)


@group.command("drop")
@click.argument("ids", type=click.UUID, nargs=-1, required=True)
@reason_option
@json_option
def drop_command(ids: tuple[UUID, ...], reason: str, as_json: bool) -> None:
    """Give up the quarantined messages IDS: all of them, or none.

    Use this for what no version and no key can read. It is the only copy: where it opens, keep it
    with `open` first. It is never archived, and the balance misses the records that it knows.
    """
    reason = parse_reason(reason)

    async def drop(connection: Connection, keys: KeyStore) -> tuple[int, Operation]:
        await require_town(connection)  # they may have records of several municipalities
        for id in ids:
            if not await quarantine.remove_entry(connection, keys, id):
                raise CommandRefused(ABSENT.format(id))
        data = {"why": reason, "ids": ids, "count": len(ids)}
        return len(ids), Operation(what="archive aside drop", data=data)

    number = change_archive(drop)
    line = f"{count(number, 'message is|messages are')} given up"
    print_result({"count": number}, [line], as_json=as_json)


async def _archive_again(connection: Connection, keys: KeyStore, id: UUID) -> int:
    body = await _open_body(connection, keys, id)
    try:
        records = await _records_in(connection, id, body)
        added = await writer_in_transaction(connection, keys).add(records)
    except msgspec.DecodeError:
        raise CommandRefused(f"{id}: {UNREADABLE}") from None
    except CannotSeal as error:
        raise CommandRefused(f"{id}: {error}") from None
    await quarantine.remove_entry(connection, keys, id)
    return added


async def _records_in(connection: Connection, id: UUID, body: bytes) -> Sequence[Record]:
    """Return the records of a message; of one whose key was gone, if the key is back."""
    if not is_sealed(body):
        return quarantine.decode_records(body)
    await load_working_keys(connection)
    with opening(f"the message {id}"):
        return open_put_aside(ArchiveBatch, body).records


async def _open_body(connection: Connection, keys: KeyStore, id: UUID) -> bytes:
    await require_town(connection)  # it may have records of several municipalities
    try:
        body = await quarantine.open_entry(connection, keys, id)
    except CannotDecrypt as error:
        raise CommandRefused(f"{id}: {error}") from None
    if body is None:
        raise CommandRefused(ABSENT.format(id))
    return body
