"""`postkamer archive processing`: the processing log (Logboek Dataverwerkingen 1.0)."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, TextIO, TypeAlias

import click
import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.encryption.row_batches import BATCH
from archiver.index.blind_index import person_hash
from archiver.index.processing_log import CONVERSATION
from archiver.index.record_fields import PHONE, Identity, normalise
from cli.support.archive_access import print_rows
from cli.support.archive_rows import load_index_keys
from cli.support.audit import Operation
from cli.support.options import Time, renamed_option, require_period
from cli.support.person_options import parse_phones, phone_file
from services import clock
from services.postgres.database import Connection

Row: TypeAlias = Any
"""A row that is read by column name: a record of asyncpg, or a dict."""


@click.command("processing")
@renamed_option(
    "--since", former="--from", required=True, type=Time(), help="A time or a day, in Amsterdam."
)
@renamed_option("--until", former="--to", type=Time(), help="Left out: now.")
@click.option("--tenant", default="", help="Only this municipality.")
@renamed_option("--phone", former="--subject-phone", help="Only the citizen with this number.")
@phone_file
@click.option(
    "--json", "as_json", is_flag=True, help="A line of JSON for each row, with LDV's names."
)
def command(
    since: datetime,
    until: datetime | None,
    tenant: str,
    phone: str | None,
    phone_file: TextIO | None,
    as_json: bool,
) -> None:
    """Show what was done with citizens' data, without their names.

    The oldest row comes first. Your use of this command is archived.
    """
    numbers = parse_phones(phone, phone_file)
    until = until or clock.now()
    require_period(since, until)
    criteria = {"since": since, "until": until, "of one citizen": bool(numbers)}

    async def lines(connection: Connection, keys: KeyStore, tenant: str) -> AsyncIterator[str]:
        subjects = await pseudonyms(connection, keys, numbers) if numbers else None
        arguments = since, until, tenant, subjects
        async for row in connection.cursor(_ROWS, *arguments, prefetch=BATCH):
            yield msgspec.json.encode(ldv_record(row)).decode() if as_json else format_row(row)

    operation = Operation(what="archive processing", tenant=tenant, data=criteria)
    print_rows("processing", operation, lines, "" if as_json else "nothing was done in this period")


async def pseudonyms(connection: Connection, keys: KeyStore, phones: Sequence[str]) -> list[bytes]:
    """Return the pseudonyms in the log of the citizens with these numbers."""
    values = [normalise(Identity(PHONE, phone)) for phone in phones]
    subjects: list[bytes] = []
    for tenant, index_keys in (await load_index_keys(connection, keys)).items():
        hashes = [person_hash(key, PHONE, each) for key in index_keys.hashes for each in values]
        rows = await connection.fetch(_CONVERSATIONS, tenant, hashes)
        subjects += [
            person_hash(index_keys.proof, CONVERSATION, row["conversation"]) for row in rows
        ]
    return subjects


def ldv_record(row: Row) -> dict[str, Any]:
    """Return a row with LDV's names: bytes in hex, times in milliseconds since 1970. Pure."""
    program, _, version = row["resource"].partition(" ")
    attributes = {
        "dpl.core.processing_activity_id": row["activity"],
        "dpl.core.data_subject_id": row["subject"].hex(),
        "dpl.core.data_subject_id_type": row["subject_type"],
    }
    if row["foreign_processor"]:
        attributes["dpl.core.foreign_operation.processor"] = row["foreign_processor"]
    parent = {"parent_span_id": row["parent_span_id"].hex()} if row["parent_span_id"] else {}
    return {
        "trace_id": row["trace_id"].hex(),
        "span_id": row["span_id"].hex(),
        **parent,
        "name": row["name"],
        "status": row["status"],
        "start_time": _milliseconds(row["start_time"]),
        "end_time": _milliseconds(row["end_time"]),
        "resource": {"attributes": {"service.name": program, "service.version": version}},
        "attributes": attributes,
    }


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def format_row(row: Row) -> str:
    status = "" if row["status"] == "Ok" else f", {row['status']}"
    at, subject = row["start_time"], row["subject"].hex()
    return f"{at:%Y-%m-%d %H:%M:%S}Z  {row['tenant']}  {subject}  {row['name']}{status}"


_ROWS = """
select * from archiver.processing
where start_time >= $1 and start_time < $2 and $3 in ('', tenant)
    and ($4::bytea[] is null or subject = any($4))
order by start_time, span_id
"""
_CONVERSATIONS = """
select distinct conversation from archiver.subject
where tenant = $1 and hash = any($2::bytea[]) and conversation <> ''
"""
