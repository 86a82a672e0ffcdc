"""`postkamer route replay`: where changed rules would have sent the messages that came in."""

import os
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from archiver.encryption.decrypt_rows import RECORDS, opened
from archiver.encryption.key_store import KeyStore
from cli.replay.diff import Differences, format_differences
from cli.replay.recorded import MessageRecord, read_row, sort_rows
from cli.routing.rollback import load_version
from cli.routing.rule_versions import load_files
from cli.support.archive_access import with_archive
from cli.support.database import CommandRefused, fail, print_result
from cli.support.time_options import Time
from router.handlers.units import keyed_hash
from router.model.decision import RoutingContext
from router.ruleset.context import build_context
from services import clock
from services.config import loader
from services.config.model import ConfigError
from services.ids import created_at
from services.postgres.database import Connection, Pool

BATCH = 500
"""Records in memory at once, some 5 KB each; and a few more, of the same millisecond."""
EXAMPLES = 1000
"""Texts that are shown at most: more nobody reads."""


class ReplayFilter(msgspec.Struct, frozen=True):
    """Messages of which time, and to which number of ours; '' for all. `before`: the version of
    rules to compare with; '' for the one that decided the last of them."""

    since: datetime
    until: datetime
    number: str = ""
    before: str = ""
    examples: int = 0


async def compare_rules(
    pool: Pool, keys: KeyStore, path: Path, after: RoutingContext, asked: ReplayFilter
) -> dict[str, Any]:
    """Differences from the rules in `path`, as JSON has them; Refused where the version to compare
    with is not on record."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        version = asked.before or await _last_version(connection, keys, asked)
        before = after
        if version and version != after.version:
            files = await load_files(connection, version)
            then = load_version(version, files, _first_file(version, files, path))
            before = build_context(then, keyed_hash(b"replayed"))
        found = Differences(before, after, asked.examples)
        async for rows in _messages(connection, keys, asked):
            for row in rows:
                found.compare(row)
    of = {"since": asked.since, "until": asked.until}
    return of | {"before": before.version, "version": after.version} | found.to_json()


def _first_file(version: str, files: Mapping[str, str], path: Path) -> str:
    """Name of the file that includes the others: as now, or as POSTKAMER_CONFIG has it."""
    for file in (path, Path(os.environ.get("POSTKAMER_CONFIG", ""))):
        if file.name in files:
            return file.name
    raise CommandRefused(f"{version} has no {path.name}: --config names it otherwise")


async def _last_version(connection: Connection, keys: KeyStore, asked: ReplayFilter) -> str:
    """The version that decided the last message; '' where there is none."""
    rows = await connection.fetch(f"{_MESSAGES} desc limit {BATCH}", asked.since, asked.until)
    read = (row.data for row in map(read_row, opened(rows, keys)))
    versions = (data.decision.version for data in read if data and data.direction == "in")
    return next(filter(None, versions), "")


async def _messages(
    connection: Connection, keys: KeyStore, asked: ReplayFilter
) -> AsyncIterator[list[MessageRecord]]:
    """Messages of citizens, in order. A batch ends where a millisecond does: bodies stay whole."""
    rows: list[Any] = []
    async for each in connection.cursor(_MESSAGES, asked.since, asked.until, prefetch=BATCH):
        if len(rows) >= BATCH and created_at(each["id"]) > created_at(rows[-1]["id"]):
            yield _read(rows, keys, asked.number)
            rows = []
        rows.append(each)
    if rows:
        yield _read(rows, keys, asked.number)


def _read(rows: list[Any], keys: KeyStore, number: str) -> list[MessageRecord]:
    read = sort_rows(map(read_row, opened(rows, keys)))
    return [
        row
        for row in read
        if number in ("", row.number) and (row.data is None or row.data.direction == "in")
    ]


_MESSAGES = f"""{RECORDS}
where e.id >= archiver.first_id($1) and e.id < archiver.first_id($2) and e.kind = 'message'
order by e.id"""


@click.command("replay")
@click.option("--since", required=True, type=Time(), help="A time or a day, in Amsterdam.")
@click.option("--until", type=Time(), help="Now otherwise.")
@click.option("--config", "path", type=Path, help="The new rules; POSTKAMER_CONFIG otherwise.")
@click.option(
    "--before", default="", help="A version on record; that of the last message otherwise."
)
@click.option("--number", default="", help="Only messages to this number of ours, by its id.")
@click.option(
    "--examples",
    type=click.IntRange(0, EXAMPLES),
    default=0,
    help="Show so many texts that would go elsewhere. They are personal data of citizens.",
)
@click.option("--json", "as_json", is_flag=True)
def command(path: Path | None, as_json: bool, until: datetime | None, **given: Any) -> None:
    """Apply other rules to the messages of a time, and show what would have gone elsewhere.

    Each message is taken by itself, as the first of its conversation: menus, bursts of messages and
    what a conversation remembered are left out. Nothing is changed; without --examples nothing is
    shown of what anybody wrote (POSTKAMER_DATABASE_URL, as its owner)."""
    asked = ReplayFilter(until=until or clock.now(), **given)
    file = path or os.environ.get("POSTKAMER_CONFIG")
    if not file:
        fail("POSTKAMER_CONFIG: is missing", 2)
    if asked.since >= asked.until:
        fail("--until: expected a time after --since", 2)
    path = Path(file)
    try:
        after = build_context(loader.load(path), keyed_hash(b"replayed"))
    except ConfigError as error:
        fail(str(error))
    found = with_archive("replay", lambda pool, keys: compare_rules(pool, keys, path, after, asked))
    print_result(found, format_differences(found), as_json=as_json)
