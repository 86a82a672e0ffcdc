"""`postkamer tenant export-open`: everything of a municipality in open forms."""

from collections.abc import Sequence
from pathlib import Path

import click

from archiver.encryption.key_store import KeyStore
from archiver.open_copy.copier import Copier, Means, Summary
from archiver.open_copy.folder import CopyFolder, Plan
from archiver.open_copy.parquet import is_available
from archiver.transfer.exporter import Look
from cli.support.archive_access import (
    Progress,
    find_verifier,
    load_checkpoint,
    load_object_store,
    refuse_export_errors,
    require_folder,
    with_archive,
)
from cli.support.archive_rows import require_tenant
from cli.support.audit import Operation, parse_reason, record_access
from cli.support.options import json_option, reason_option
from cli.support.output import CommandRefused, count, print_note, print_result
from cli.support.person import narrow_tenant, require_all_departments
from services.postgres.database import Pool, snapshot
from services.transparency import signed_note

ANOTHER = "{}: another copy began there: give the options with which it began, or another folder"
NO_PARQUET = "Without Parquet: its library is not installed (pip install 'postkamer[parquet]')."


@click.command("export-open")
@click.argument("municipality")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--as-of", type=int, metavar="SIZE", help="As the log was at this checkpoint.")
@reason_option
@json_option
def command(municipality: str, folder: Path, as_of: int | None, reason: str, as_json: bool) -> None:
    """Write everything of MUNICIPALITY to FOLDER, in open forms.

    Each table as JSON Lines and as Parquet, the files of messages, and a README that says what is
    where: nothing of it needs Postkamer. A run that ended early goes on where it was, if it is
    given again. The archive records each conversation before it is read.

    Also needs POSTKAMER_OBJECT_STORE.
    """
    reason, has_parquet = parse_reason(reason), is_available()
    if not has_parquet:
        print_note(NO_PARQUET, as_json=as_json)

    async def work(pool: Pool, keys: KeyStore) -> Summary:
        tenant = await _require_municipality(pool, municipality)
        require_folder()
        objects = load_object_store()
        means = Means(pool=pool, keys=keys, objects=objects, has_parquet=has_parquet)
        verifier = await find_verifier()
        copy = CopyFolder(folder)
        plan = await _plan(pool, copy, tenant, as_of, verifier)
        checkpoint = signed_note.verify_note(plan.note, *signed_note.read_verifier(verifier))
        return await Copier(means, copy, plan, checkpoint).run(_look(pool, plan, reason), Progress)

    summary = with_archive(
        "export-open", lambda pool, keys: refuse_export_errors(work(pool, keys), "FOLDER")
    )
    _print(summary, folder, as_json=as_json)


async def _require_municipality(pool: Pool, municipality: str) -> str:
    """Return the municipality, of which the person reaches every department."""
    async with pool.acquire() as connection:
        await connection.execute(_OWNED)
        asked = await narrow_tenant(connection, municipality)
        tenant = await require_tenant(connection, asked)
        await require_all_departments(connection, tenant)
    return tenant


async def _plan(
    pool: Pool, copy: CopyFolder, tenant: str, as_of: int | None, verifier: str
) -> Plan:
    """Return the plan of the copy that did not end here, or begin another."""
    if found := copy.read_plan():
        if found.tenant != tenant or as_of not in (None, found.log_size):
            raise CommandRefused(ANOTHER.format(copy.folder))
        return found
    async with snapshot(pool) as connection:
        note, checkpoint = await load_checkpoint(connection, as_of, verifier)
    plan = Plan(tenant=tenant, log_size=checkpoint.size, note=note)
    copy.begin(plan)
    return plan


_OWNED = "select from router.charge, desk.standard_answer limit 0"
"""Tables that the owner alone reads together: another login is refused before hours of work."""


def _look(pool: Pool, plan: Plan, reason: str) -> Look:
    async def look(conversations: Sequence[str]) -> None:
        """Record that these conversations are copied; without any, that a run begins."""
        data = {"why": reason, "conversations": conversations, "asOf": plan.log_size}
        operation = Operation(what="tenant export-open", tenant=plan.tenant, data=data)
        await record_access(pool, operation)

    return look


def _print(summary: Summary, folder: Path, *, as_json: bool) -> None:
    rows, tally = summary.rows, summary.tally
    lines = [
        f"{count(rows['conversations'], 'conversation|conversations')},"
        f" {count(rows['messages'], 'message|messages')},"
        f" {count(rows['records'], 'record|records')}: {folder}",
        f"SHA-256 of SHA256SUMS {summary.sha256}",
    ]
    if tally.unopened or tally.damaged:
        records = count(tally.unopened, "record|records")
        files = count(tally.damaged, "file|files")
        lines.append(f"missing: {records} that did not open, {files} gone or altered")
    result = {
        "rows": rows,
        "bytes": summary.bytes,
        "sha256": summary.sha256,
        "unopenedRecords": tally.unopened,
        "damagedFiles": tally.damaged,
    }
    print_result(result, lines, as_json=as_json)
