"""`postkamer backup check`: would a restore from what there is be whole?"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import click
import msgspec

from cli.backup.archived_wal import Start, find_starts, judge_wal
from cli.backup.base_backup import BaseBackup, judge_bases
from cli.backup.finding import Finding
from cli.backup.held_keys import ARCHIVE, CONFIG, WORKING, check_configuration, check_keys
from cli.backup.object_copy import judge_copy
from cli.backup.readings import (
    ask_pgbackrest,
    open_copy,
    read_bases,
    read_copy,
    read_server,
    read_wal,
)
from cli.backup.server_state import ServerState, judge_server
from cli.support.archive_access import find_object_store, require_folder
from cli.support.database import with_database
from cli.support.options import json_option
from cli.support.output import CommandUnable, fail_as_unable, print_result
from services.config import settings
from services.files.object_store import StoreUnavailable
from services.postgres.database import Pool

DAYS = 2
"""Age of a base back-up, and of a copy of the object store, that is too old: a nightly one that
failed once is seen on the day after."""
TOOL = "POSTKAMER_PGBACKREST"


class BackupCheck(msgspec.Struct, frozen=True, rename="camel"):
    """The findings, and what could not be looked at because it was not given."""

    findings: list[Finding]
    not_looked_at: list[str]

    @property
    def exit_code(self) -> int:
        weights = {each.weight for each in self.findings}
        return 1 if "fault" in weights else CommandUnable.exit_code if "unseen" in weights else 0


@click.command("check")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="A base back-up by pg_basebackup, or a folder of them.",
)
@click.option(
    "--wal",
    type=click.Path(path_type=Path),
    help="Folder with the archived WAL, compressed by gzip or not.",
)
@click.option("--objects", help="The copy of the object store: a folder, or a URL.")
@click.option("--all", "look_at_all", is_flag=True, help="Look at every file.")
@click.option("--days", type=click.IntRange(1), default=DAYS, show_default=True, help="Too old.")
@json_option
def command(
    folder: Path | None,
    wal: Path | None,
    objects: str | None,
    look_at_all: bool,
    days: int,
    as_json: bool,
) -> None:
    """Check what a restore would start from.

    It asks PostgreSQL if WAL is archived, and looks at base back-ups (--folder, or pgBackRest by
    POSTKAMER_PGBACKREST), at the archived WAL (--wal: every piece is there, and the last hours
    open), at a copy of the object store, and if the keys and the configuration of this environment
    are those of the database. Exit code 1 if a restore would lose what it need not, 3 if it could
    not look.
    """
    oldest = timedelta(days=days)
    with fail_as_unable():

        async def work(pool: Pool) -> BackupCheck:
            url = settings.load(settings.DatabaseSettings, os.environ).database_url
            state, slots = await read_server(url.get_secret_value())
            bases, findings = await _read_bases(folder)
            if (folder or _tool()) and not findings:
                findings += judge_bases(bases, state.cluster, oldest, state.now)
            findings += judge_server(state, slots)
            starts = find_starts(bases, state.cluster, state.segment_bytes)
            findings += await _check_wal(wal, state, starts, look_at_all=look_at_all)
            if objects:
                findings += await _check_copy(pool, objects, oldest, look_at_all=look_at_all)
            findings += await check_keys(pool)
            findings += filter(None, [await check_configuration(pool)])
            return BackupCheck(findings, list(_not_looked_at(folder, wal, objects)))

        result = with_database("backup", work, 2)
    print_result(result, _format(result), as_json=as_json)
    raise SystemExit(result.exit_code)


def _tool() -> str:
    return settings.load(settings.BackupSettings, os.environ).pgbackrest


async def _read_bases(folder: Path | None) -> tuple[list[BaseBackup], list[Finding]]:
    """Return the base back-ups, and what kept them from being read."""
    bases, findings = list[BaseBackup](), list[Finding]()
    if folder:
        try:
            bases += read_bases(folder)
        except OSError as error:
            findings.append(_unseen(f"--folder: {error.strerror}"))
    if tool := _tool():
        try:
            report = await ask_pgbackrest(tool)
            bases += report.backups
            findings += [Finding(owner="back-up", sentence=each) for each in report.faults]
        except (OSError, TimeoutError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or "time is up"
            findings.append(_unseen(f"{TOOL}: {reason}"))
    return bases, findings


async def _check_wal(
    folder: Path | None, state: ServerState, starts: Sequence[Start], *, look_at_all: bool
) -> list[Finding]:
    if not folder:
        return []
    try:
        wal = await asyncio.to_thread(
            read_wal, folder, state.segment_bytes, look_at_all=look_at_all
        )
    except OSError as error:
        return [_unseen(f"--wal: {error.strerror}")]
    return list(judge_wal(wal, state.last_archived_wal, starts))


async def _check_copy(
    pool: Pool, objects: str, oldest: timedelta, *, look_at_all: bool
) -> list[Finding]:
    require_folder()
    try:
        copy = open_copy(objects)
        state = await read_copy(pool, copy, find_object_store(), look_at_all=look_at_all)
    except (OSError, ValueError, StoreUnavailable) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return [_unseen(f"--objects: it cannot be read ({reason})")]
    return list(judge_copy(state, oldest))


def _unseen(sentence: str) -> Finding:
    return Finding(weight="unseen", owner="back-up", is_retryable=True, sentence=sentence)


def _not_looked_at(folder: Path | None, wal: Path | None, objects: str | None) -> Iterator[str]:
    if not folder and not _tool():
        yield f"base back-ups: give --folder or {TOOL}"
    if not wal and not _tool():
        yield f"the archived WAL: give --wal or {TOOL}"
    if not objects:
        yield "the copy of the object store: give --objects"
    for name, what in ((ARCHIVE, "key"), (WORKING, "key"), (CONFIG, "configuration")):
        if settings.read(name, os.environ) is None:
            yield f"the {what} {name}: it is not given"


def _format(result: BackupCheck) -> Iterator[str]:
    for each in result.findings:
        again = "; it may pass by itself" if each.is_retryable else ""
        yield f"{each.weight}: {each.sentence} ({each.owner}{again})"
    if result.exit_code == 0:
        yield "A restore from what was looked at would be whole."
    for sentence in result.not_looked_at:
        yield f"not looked at: {sentence}"
