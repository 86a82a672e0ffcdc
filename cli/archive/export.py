"""`postkamer archive export`: conversations as a package for an archival depot (MDTO, SIP)."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.media.thumbnail_maker import ThumbnailMaker
from archiver.transcript.contents import ContentLoader
from archiver.transfer.exporter import Exporter, Look, Means
from archiver.transfer.package import Package, Plan
from archiver.transfer.packing_slip import Reason, Slip
from archiver.transfer.selection import Selection, choose
from archiver.transfer.transcript_parts import FORMS, Form, transcript_parts
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
from cli.support.configuration import load_config
from cli.support.options import Time, config_option, json_option, reason_option
from cli.support.output import CommandRefused, count, fail, print_result
from cli.support.person import narrow_tenant, require_all_departments
from services import clock
from services.config.model import Configuration
from services.postgres.database import Pool, snapshot
from services.retention.selection_list import RESULTS

Day = click.DateTime(["%Y-%m-%d"])
NOTHING = "no conversation goes along; left out: {}"
ANOTHER = (
    "{}: another export began there: give the options with which it began, or remove it with what"
    " is beside it"
)
WORDS: dict[Reason, str] = {
    "open": "not closed",
    "held": "held",
    "destroyed": "destroyed",
    "later": "changed after the checkpoint",
    "damaged": "with a file that is damaged or gone",
}
LONGEST_TEXT = 200


class ExportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of an export, but those of its selection."""

    out: Path
    target: str
    target_id: str
    title: str
    contact: str
    as_of: int | None
    made_at: datetime
    transcripts: tuple[Form, ...]
    reason: str
    config: Configuration


@click.command("export")
@click.option("--tenant", help="The municipality, if there are several.")
@click.option("--conversation", default="", help="Its id.")
@click.option("--since", type=Day, metavar="DAY", help="Closed on this day or later.")
@click.option("--until", type=Day, metavar="DAY", help="Closed on this day or before.")
@click.option("--department", "departments", multiple=True, help="Its id; may be repeated.")
@click.option("--code", default="", help="Result of the selection list, such as 15.1.")
@click.option("--zaak", default="", help="Linked to this zaak.")
@click.option("--permanent", is_flag=True, help="Kept for ever: the list for transfer.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option("--target", required=True, help="Object in the depot under which it comes.")
@click.option("--target-id", default="", help="Its id there.")
@click.option("--title", default="", help="Title on the packing slip.")
@click.option("--contact", default="", help="Who answers questions; else that of the settings.")
@click.option(
    "--transcript",
    "transcripts",
    multiple=True,
    default=("html",),
    show_default=True,
    type=click.Choice(FORMS),
    help="Form of the transcript that goes along; may be repeated. A PDF/A takes a second.",
)
@click.option("--as-of", type=int, metavar="SIZE", help="As the log was at this checkpoint.")
@click.option("--made-at", type=Time(), help="Time on the packing slip; left out: now.")
@reason_option
@config_option
@json_option
def command(path: Path | None, reason: str, as_json: bool, **values: Any) -> None:
    """Export conversations for a depot (MDTO).

    Only closed ones go along. The folder becomes a SIP (MDTO 1.0.1): each conversation a dossier,
    with its files, its sources and proofs. A run that ended early goes on where it was, if it is
    given again with the same options. The archive records each conversation before it is read.

    Also needs POSTKAMER_OBJECT_STORE.
    """
    config = load_config(path)
    selection, options = _parse(config, parse_reason(reason), values)
    progress = Progress("conversations")

    async def work(pool: Pool, keys: KeyStore) -> Slip:
        return await _export(pool, keys, selection, options, progress)

    slip = with_archive(
        "export", lambda pool, keys: refuse_export_errors(work(pool, keys), "--out")
    )
    _print(slip, options.out, progress, as_json=as_json)


def _parse(
    config: Configuration, reason: str, values: dict[str, Any]
) -> tuple[Selection, ExportOptions]:
    """Return what is exported, and how; print a fault and exit."""
    days = [at.date() if at else None for at in (values["since"], values["until"])]
    if days[0] and days[1] and days[0] > days[1]:
        fail("--until: expected --since or a later day", 2)
    if values["code"] and values["code"] not in RESULTS:
        fail(f"--code: {values['code']!r} is no result of the selection list 2020", 2)
    texts = {name: values[name].strip() for name in ("target", "target_id", "title", "contact")}
    for name, text in texts.items():
        if len(text) > LONGEST_TEXT or (name == "target" and not text):
            fail(f"--{name.replace('_', '-')}: expected at most {LONGEST_TEXT} characters", 2)
    selection = _selection(values, *days)
    options = ExportOptions(
        out=values["out"],
        as_of=values["as_of"],
        made_at=values["made_at"] or clock.now(),
        transcripts=tuple(sorted(set(values["transcripts"]))),
        reason=reason,
        config=config,
        **texts,
    )
    return selection, options


def _selection(values: dict[str, Any], since: date | None, until: date | None) -> Selection:
    return Selection(
        tenant=values["tenant"] or "",
        conversation=values["conversation"],
        since=since,
        until=until,
        departments=values["departments"],
        code=values["code"],
        zaak=values["zaak"],
        is_permanent=values["permanent"],
    )


async def _export(
    pool: Pool, keys: KeyStore, selection: Selection, options: ExportOptions, progress: Progress
) -> Slip:
    async with pool.acquire() as connection:
        asked = await narrow_tenant(connection, selection.tenant or None)
        tenant = await require_tenant(connection, asked or None)
        await require_all_departments(connection, tenant)
    if options.config.tenant(tenant) is None:
        fail(f"--tenant: {tenant!r} is not in the configuration", 2)
    require_folder()
    objects = load_object_store()
    means = Means(
        pool=pool,
        keys=keys,
        objects=objects,
        config=options.config,
        verifier=await find_verifier(),
        transcript=transcript_parts(
            keys, options.config, ContentLoader(objects, ThumbnailMaker()), options.transcripts
        ),
    )
    selection = msgspec.structs.replace(selection, tenant=tenant)
    package = Package(options.out)
    plan = await _plan(means, package, selection, options)
    return await Exporter(means, package, plan).run(_look(pool, plan, options.reason), progress)


async def _plan(
    means: Means, package: Package, selection: Selection, options: ExportOptions
) -> Plan:
    """Return the plan of the export that did not end here, or begin another."""
    found, new = package.read_plan(), await _new_plan(means, selection, options)
    if found is None:
        if not new.choice.conversations:
            raise CommandRefused(NOTHING.format(_format_left_out(new.choice.left_out)))
        package.begin(new)
        return new
    if not found.agrees(new) or options.as_of not in (None, found.log_size):
        raise CommandRefused(ANOTHER.format(package.folder))
    return found


async def _new_plan(means: Means, selection: Selection, options: ExportOptions) -> Plan:
    async with snapshot(means.pool) as connection:
        note, checkpoint = await load_checkpoint(connection, options.as_of, means.verifier)
        size = checkpoint.size
        choice = await choose(connection, means.keys, selection, size)
    tenant = means.config.tenant(selection.tenant)
    assert tenant is not None
    return Plan(
        selection=selection,
        choice=choice,
        log_size=size,
        note=note,
        target=options.target,
        target_id=options.target_id,
        title=options.title or f"WhatsApp-gesprekken {tenant.name}",
        contact=options.contact or tenant.privacy.contact,
        made_at=options.made_at,
        transcripts=options.transcripts,
    )


def _look(pool: Pool, plan: Plan, reason: str) -> Look:
    async def look(conversations: Sequence[str]) -> None:
        """Record that these conversations are exported. It names them, and no person."""
        data = {
            "why": reason,
            "conversations": conversations,
            "asOf": plan.log_size,
            "target": plan.target,
        }
        tenant = plan.selection.tenant
        await record_access(pool, Operation(what="archive export", tenant=tenant, data=data))

    return look


def _print(slip: Slip, out: Path, progress: Progress, *, as_json: bool) -> None:
    totals, rate = slip.totals, slip.dossiers / progress.seconds
    lines = [
        f"{count(slip.dossiers, 'conversation|conversations')},"
        f" {count(totals.files, 'file|files')}, {count(totals.bytes, 'byte|bytes')}"
        f" ({rate:,.0f} conversations/s): {out}",
        f"SHA-256 {slip.digest}",
    ]
    if any(slip.left_out.values()):
        lines.append(f"left out: {_format_left_out(slip.left_out)}")
    if slip.missing:
        files = count(slip.missing, "file|files")
        lines.append(f"{files} of messages never came, or were refused by the scanner")
    result = {
        "conversations": slip.dossiers,
        "files": totals.files,
        "bytes": totals.bytes,
        "sha256": slip.digest,
        "asOf": slip.log_size,
        "leftOut": slip.left_out,
        "missingFiles": slip.missing,
    }
    print_result(result, lines, as_json=as_json)


def _format_left_out(numbers: Mapping[Reason, int]) -> str:
    words = [f"{number:,} {WORDS[reason]}" for reason, number in numbers.items() if number]
    return ", ".join(words) or "none"
