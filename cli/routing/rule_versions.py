"""`postkamer rules`: list, show, compare, approve and restore the versions of rules and texts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from cli.routing.approvals import approve_version
from cli.routing.rollback import (
    BACKUP_SUFFIX,
    Plan,
    apply_plan,
    load_version,
    plan_rollback,
    with_present_rights,
)
from cli.support.audit import Operation, parse_name, parse_reason, run_audited
from cli.support.configuration import (
    configured_path,
    load_judged_config,
    load_valid_config,
    path_in_environment,
)
from cli.support.database import with_database
from cli.support.language import lang_option
from cli.support.options import config_option, json_option
from cli.support.output import CommandRefused, print_note, print_result
from router.ruleset.file_diff import diff_files
from router.store import versions as stored
from router.store.versions import MAX_VERSIONS, Approval, VersionSummary, list_versions
from services.config import loader
from services.config.model import Configuration
from services.postgres.database import Connection, Pool
from services.second_person.judgement import count_missing_persons
from services.second_person.table import read_standing

WORDS = {
    "nl": {
        "in force": "geldt nu",
        "none": "nog geen versie heeft een bericht beoordeeld",
        "unreadable": "let op: POSTKAMER_CONFIG is niet te lezen: zie postkamer check",
        "undecided": "let op: versie {}, die er nu is, heeft nog geen bericht beoordeeld",
        "no difference": "de versies {} en {} zijn gelijk",
        "written": "{} is geschreven",
        "to write": "{} zou geschreven worden",
        "aside": "{} is opzijgezet als {}",
        "to set aside": "{} zou opzijgezet worden als {}",
        "same": "{} is hetzelfde",
        "kept": "{} blijft zoals het nu is: het geeft rechten of bewaakt de regels",
        "approved": "{by} staat in voor versie {version} ({identified})",
        "waits": "wacht op een tweede persoon",
        "proven": "bewezen",
        "stated": "opgegeven",
        "restart": "let op: {} verschilt: diensten die draaien weigeren dat tot ze opnieuw starten",
        "persons": "let op: wat nu geldt, blijft tot meer personen voor deze bestanden instaan: {}."
        " Ieder doet dat met postkamer rules approve; in nood is één genoeg, met --alone 'REDEN'",
    },
    "en": {
        "in force": "in force",
        "none": "no version has decided a message yet",
        "unreadable": "warning: POSTKAMER_CONFIG cannot be read: see postkamer check",
        "undecided": "warning: version {}, which is there now, has decided no message yet",
        "no difference": "versions {} and {} are the same",
        "written": "{} is written",
        "to write": "{} would be written",
        "aside": "{} is set aside as {}",
        "to set aside": "{} would be set aside as {}",
        "same": "{} is the same",
        "kept": "{} stays as it is now: it gives rights or guards the rules",
        "approved": "{by} stands for version {version} ({identified})",
        "waits": "waits for a second person",
        "proven": "proven",
        "stated": "stated",
        "restart": "warning: {} differs: running services refuse that until they are restarted",
        "persons": "warning: what is in force stays until more persons stand for these files: {}."
        " Each runs postkamer rules approve; in an emergency one is enough, with --alone 'REASON'",
    },
}
T = TypeVar("T")
Words = Mapping[str, str]


def current_version(path: Path) -> str:
    """Return the version of the present files, or '' if they cannot be read."""
    try:
        return loader.load(path).version
    except (OSError, ValueError):
        return ""


async def load_files(tables: "Pool | Connection", version: str) -> dict[str, str]:
    """Return the text of each file by its name; CommandRefused if there is no such version."""
    files = await stored.load_files(tables, version)
    if files is None:
        raise CommandRefused(f"there is no version {version!r}: see postkamer rules list")
    return files


async def present_config(connection: Connection, path: Path) -> Configuration | None:
    """Return the configuration of now. If its files cannot be read, which is mostly why there is a
    rollback, that of the newest version that can be."""
    with suppress(OSError, ValueError):
        return loader.load(path, patterns=False).config
    for row in await connection.fetch(_NEWEST_FIRST, MAX_VERSIONS):
        with suppress(CommandRefused):
            files = await load_files(connection, row["version"])
            return load_version(row["version"], files, path.name).config
    return None


_NEWEST_FIRST = "select version from router.version order by first_at desc, version limit $1"


@click.group("rules")
def group() -> None:
    """Versions of rules and texts.

    Needs POSTKAMER_DATABASE_URL, as its owner.
    """


@group.command("list")
@lang_option
@json_option
def list_command(lang: str, as_json: bool) -> None:
    """Show the versions that decided any message, the newest first.

    The list marks the version of the files of POSTKAMER_CONFIG.
    """
    path = path_in_environment()
    current = current_version(path) if path else ""
    versions = with_database("rules", lambda pool: list_versions(pool, current))
    words = WORDS[lang]
    lines = (_line(each, words) for each in versions)
    print_result(versions, lines, as_json=as_json, empty=words["none"])
    if path and not current:
        print_note(words["unreadable"], as_json=as_json)
    elif current and not any(each.in_force for each in versions):
        print_note(words["undecided"].format(current), as_json=as_json)


def _line(each: VersionSummary, words: Words) -> str:
    approvals = "; ".join(_format_approval(approval, words) for approval in each.approvals)
    line = f"{each.version}  {each.first_at:%Y-%m-%d %H:%M:%S}Z  {approvals or '-'}"
    if each.waiting is True:
        return f"{line}  ({words['waits']})"
    return f"{line}  ({words['in force']})" if each.in_force is True else line


def _format_approval(approval: Approval, words: Words) -> str:
    return f"{approval.by}, {words[approval.identified]}"


@group.command("show")
@click.argument("version")
@json_option
def show_command(version: str, as_json: bool) -> None:
    """Show the files of VERSION."""
    files = with_database("rules", lambda pool: load_files(pool, version))
    lines = [part for name, text in files.items() for part in (f"==> {name} <==", text)]
    print_result({"version": version, "files": files}, lines, as_json=as_json)


@group.command("diff")
@click.argument("one")
@click.argument("other", required=False)
@config_option
@lang_option
@json_option
def diff_command(one: str, other: str | None, path: Path | None, lang: str, as_json: bool) -> None:
    """Show the differences between two versions, as a unified diff.

    Without OTHER, between ONE and the files of POSTKAMER_CONFIG. Name the files that are to come by
    --config.
    """
    present = None if other else load_valid_config(configured_path(path))

    async def both(pool: Pool) -> tuple[dict[str, str], dict[str, str]]:
        before = await load_files(pool, one)
        return before, present.files if present else await load_files(pool, other or "")

    files = list(diff_files(*with_database("rules", both)))
    lines = [line for each in files for line in each.diff]
    to = present.version if present else other
    print_result({"from": one, "to": to, "files": files}, lines, as_json=as_json)
    if not files:
        print_note(WORDS[lang]["no difference"].format(one, to), as_json=as_json)


@group.command("approve")
@click.argument("version", required=False)
@click.option("--by", default="", help="The person who stands for it, if no token or login says.")
@click.option("--alone", metavar="REASON", help="Let it count without a second person; archived.")
@config_option
@lang_option
@json_option
def approve_command(
    version: str | None, by: str, alone: str | None, path: Path | None, lang: str, as_json: bool
) -> None:
    """Stand for VERSION; without one, for the files of POSTKAMER_CONFIG.

    Name the files that are to come by --config. No file is changed. Where the configuration asks
    for a second person, a version counts when two stand for it; --alone is for an emergency.
    """
    name = parse_name(by) if by else ""
    why = parse_reason(alone, option="--alone") if alone is not None else ""
    files = None if version else load_judged_config(configured_path(path)).version

    async def approve(connection: Connection) -> tuple[Approval, Operation | None]:
        if version:
            await load_files(connection, version)
        return await approve_version(connection, version or files or "", name, why)

    approval = run_audited("rules", approve, name)
    words = WORDS[lang]
    result = {"version": version or files} | msgspec.to_builtins(approval)
    shown = {"by": approval.by, "identified": words[approval.identified]}
    line = words["approved"].format(version=version or files, **shown)
    print_result(result, [line], as_json=as_json)


@group.command("rollback")
@click.argument("version")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@config_option
@lang_option
@json_option
def rollback_command(
    version: str, dry_run: bool, path: Path | None, lang: str, as_json: bool
) -> None:
    """Restore the files of VERSION in the folder of POSTKAMER_CONFIG.

    Running services reload them. The replaced files are kept beside them. Tables that give rights
    to people stay as they are now. A version that protects less than now is refused.
    """
    plan = _roll_back(version, configured_path(path), dry_run=dry_run)
    result = msgspec.to_builtins(plan) | {"dryRun": dry_run}
    lines = _format_plan(plan, WORDS[lang], dry_run=dry_run)
    print_result(result, lines, as_json=as_json)


def _roll_back(version: str, first: Path, *, dry_run: bool) -> Plan:
    """Return the plan, and carry it out unless `dry_run` is set."""
    files: dict[str, str] = {}

    async def change(connection: Connection) -> tuple[Plan, Operation | None]:
        files.update(await load_files(connection, version))
        present = await present_config(connection, first)
        plan = _refuse_file_errors(first, lambda: plan_rollback(version, files, first, present))
        restored = loader.version(with_present_rights(files, first))
        missing = count_missing_persons(restored, await read_standing(connection, restored))
        plan = msgspec.structs.replace(plan, waits_for=missing)
        data = {"written": plan.written, "aside": plan.aside}
        operation = Operation(what="rules rollback", about=version, data=data)
        return plan, operation if plan.list_replaced() and not dry_run else None

    def write_files(plan: Plan) -> None:
        _refuse_file_errors(first, lambda: apply_plan(plan, files, first))

    return run_audited("rules", change, before_commit=write_files)


def _refuse_file_errors(first: Path, work: Callable[[], T]) -> T:
    """Return the result of `work`. An OSError of a file becomes a CommandRefused, because
    `with_database` would report it as a failure of the database."""
    try:
        return work()
    except OSError as error:
        message = f"rules: {error.filename or first}: {error.strerror or error}"
        raise CommandRefused(message) from None


def _format_plan(plan: Plan, words: Words, *, dry_run: bool) -> Iterator[str]:
    written, aside = ("to write", "to set aside") if dry_run else ("written", "aside")
    yield from map(words[written].format, plan.written)
    yield from (words[aside].format(name, f"{name}{BACKUP_SUFFIX}") for name in plan.aside)
    yield from map(words["same"].format, plan.same)
    yield from map(words["kept"].format, plan.kept)
    yield from map(words["restart"].format, plan.restart)
    if plan.waits_for:
        yield words["persons"].format(plan.waits_for)
