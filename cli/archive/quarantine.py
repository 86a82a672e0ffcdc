"""`postkamer archive aside`: what could not become part of the record, and does after all."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import click
import msgspec

from archiver import quarantine
from archiver.encryption.key_store import KeyStore
from archiver.encryption.sealing import CannotDecrypt
from archiver.log.writer import CannotSeal, writer_in_transaction
from archiver.quarantine import Kept
from cli.support.archive_access import load_keys, write_private_file
from cli.support.audit import Operation, parse_reason, run_audited
from cli.support.database import CommandRefused, print_result, with_database
from services.contract import Record
from services.postgres.database import Connection

MAX_LISTED = 1_000
"""In one list."""
Why = click.option("--why", required=True, help="The reason; on the record. Without personal data.")
Json = click.option("--json", "as_json", is_flag=True)
UNREADABLE = "it is neither a record nor an envelope of this version: see `open`"


@click.group("aside")
def group() -> None:
    """What the archiver received and could not make part of the record: kept whole, and sealed."""


@group.command("list")
@Json
def list_command(as_json: bool) -> None:
    """Show what is aside, the oldest first, and why."""
    found = with_database("archive", lambda pool: quarantine.listed(pool, MAX_LISTED))
    print_result(found, _lines(found), as_json=as_json)


def _lines(found: Sequence[Kept]) -> Iterator[str]:
    for one in found:
        yield f"{one.id}  {one.at:%Y-%m-%d %H:%M:%S}Z  {one.size} bytes  {one.reason}"
    yield f"{len(found)} aside"


@group.command("open")
@click.argument("id", type=click.UUID)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A file.")
@Why
@Json
def open_command(id: UUID, out: Path, why: str, as_json: bool) -> None:
    """Write what is aside under ID into a file, as it came: personal data, in msgpack."""
    because = parse_reason(why)

    async def work(connection: Connection) -> tuple[bytes, Operation]:
        body = await _body(connection, await load_keys(connection), id)
        return body, Operation(what="archive aside open", about=str(id), data={"why": because})

    body = run_audited("archive", work)
    write_private_file(out, body)
    print_result(
        {"id": id, "size": len(body)}, [f"{len(body)} bytes written to {out}"], as_json=as_json
    )


@group.command("again")
@click.argument("ids", type=click.UUID, nargs=-1, required=True)
@Why
@Json
def again_command(ids: tuple[UUID, ...], why: str, as_json: bool) -> None:
    """Put what is aside under IDS into the record: all of these, or none.

    For when the reason is gone: a key that was not given, a database that refused, a version that
    could not read it. What is in the record already is there once.
    """
    because = parse_reason(why)

    async def work(connection: Connection) -> tuple[int, Operation]:
        keys, count = await load_keys(connection), 0
        for id in ids:
            count += await _again(connection, keys, id)
        data = {"why": because, "ids": ids, "records": count}
        return count, Operation(what="archive aside again", data=data)

    count = run_audited("archive", work)
    print_result({"records": count}, [f"{count} records are in the record now"], as_json=as_json)


async def _again(connection: Connection, keys: KeyStore, id: UUID) -> int:
    records = _records(id, await _body(connection, keys, id))
    try:
        count = await writer_in_transaction(connection, keys).add(records)
    except CannotSeal as error:
        raise CommandRefused(f"{id}: {error}") from None
    await quarantine.remove(connection, id)
    return count


async def _body(connection: Connection, keys: KeyStore, id: UUID) -> bytes:
    try:
        body = await quarantine.open_entry(connection, keys, id)
    except CannotDecrypt as error:
        raise CommandRefused(f"{id}: {error}") from None
    if body is None:
        raise CommandRefused(f"there is nothing aside under {id}")
    return body


def _records(id: UUID, body: bytes) -> list[Record]:
    try:
        return quarantine.records(body)
    except msgspec.DecodeError:
        raise CommandRefused(f"{id}: {UNREADABLE}") from None
