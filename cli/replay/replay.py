"""`postkamer route replay`: where changed rules would have sent the messages of a period."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from cli.replay.diff import Differences, format_differences
from cli.replay.recorded import MessageRecord, read_row, sort_rows
from cli.routing.rollback import find_first_file, load_version
from cli.routing.rule_versions import load_files
from cli.support.archive_access import with_archive
from cli.support.audit import Operation, record_access
from cli.support.configuration import configured_path
from cli.support.language import lang_option
from cli.support.options import Time, json_option, require_period
from cli.support.output import fail, print_result
from cli.support.person import narrow_tenant, require_all_departments
from router.model.hashes import Hashes
from router.model.work import RoutingContext
from router.rules.reasons import REASONS
from router.ruleset.context import build_context
from services import clock
from services.config import loader
from services.config.model import ConfigError
from services.ids import created_at
from services.postgres.database import Connection, Pool, snapshot

BATCH = 500
"""Records in memory at the same time, some 5 KB each; a few more of the same millisecond."""
EXAMPLES = 1000
"""Most texts that are shown."""


class ReplayFilter(msgspec.Struct, frozen=True):
    """Criteria for the messages of a replay."""

    since: datetime
    until: datetime
    number: str = ""
    """Our number; '': all numbers."""
    before: str = ""
    """Version of rules to compare with; '': the version that decided the last message."""
    examples: int = 0
    """Most texts that are shown."""
    tenant: str = ""
    """Municipality that it is limited to; '' for all."""

    @property
    def arguments(self) -> tuple[datetime, datetime, str]:
        """Values of the parameters of `_MESSAGES`."""
        return self.since, self.until, self.tenant


async def compare_rules(
    pool: Pool, keys: KeyStore, path: Path, after: RoutingContext, criteria: ReplayFilter
) -> dict[str, Any]:
    """Return the differences from the rules in `path` as JSON; archive that texts are shown.

    CommandRefused if the version to compare with is not stored.
    """
    if criteria.examples:
        await require_all_departments(pool)
    criteria = msgspec.structs.replace(criteria, tenant=await narrow_tenant(pool, None))
    async with snapshot(pool) as connection:
        version = criteria.before or await _last_version(connection, keys, criteria)
        before = after
        if version and version != after.version:
            files = await load_files(connection, version)
            loaded = load_version(version, files, find_first_file(version, files, path))
            before = build_context(loaded, Hashes(b"replayed"), reasons=after.reasons)
        differences = Differences(before, after, criteria.examples)
        async for rows in _messages(connection, keys, criteria):
            for row in rows:
                differences.compare(row)
    members = {
        "since": criteria.since,
        "until": criteria.until,
        "before": before.version,
        "version": after.version,
    }
    if criteria.examples:
        data = members | {"number": criteria.number, "examples": len(differences.examples)}
        await record_access(pool, Operation(what="route replay", tenant=criteria.tenant, data=data))
    return members | differences.to_json()


async def _last_version(connection: Connection, keys: KeyStore, criteria: ReplayFilter) -> str:
    """Return the version that decided the last message, or ''."""
    rows = await connection.fetch(f"{_MESSAGES} desc limit {BATCH}", *criteria.arguments)
    decoded = (row.data for row in map(read_row, decrypt_rows(rows, keys)))
    versions = (data.decision.version for data in decoded if data and data.direction == "in")
    return next(filter(None, versions), "")


async def _messages(
    connection: Connection, keys: KeyStore, criteria: ReplayFilter
) -> AsyncIterator[list[MessageRecord]]:
    """Yield the messages of citizens, in order.

    A batch ends at the end of a millisecond, so that it has all messages of a body.
    """
    rows: list[Any] = []
    async for each in connection.cursor(_MESSAGES, *criteria.arguments, prefetch=BATCH):
        if len(rows) >= BATCH and created_at(each["id"]) > created_at(rows[-1]["id"]):
            yield _read_batch(rows, keys, criteria.number)
            rows = []
        rows.append(each)
    if rows:
        yield _read_batch(rows, keys, criteria.number)


def _read_batch(rows: list[Any], keys: KeyStore, number: str) -> list[MessageRecord]:
    return [
        row
        for row in sort_rows(map(read_row, decrypt_rows(rows, keys)))
        if number in ("", row.number) and (row.data is None or row.data.direction == "in")
    ]


_MESSAGES = f"""{RECORDS}
where e.id >= archiver.first_id($1) and e.id < archiver.first_id($2) and e.kind = 'message'
    and $3 in ('', e.tenant)
order by e.id"""


@click.command("replay")
@click.option("--since", required=True, type=Time(), help="A time or a day, in Amsterdam.")
@click.option("--until", type=Time(), help="Left out: now.")
@click.option("--config", "path", type=Path, help="The new rules; left out: POSTKAMER_CONFIG.")
@click.option("--before", default="", help="A stored version; left out: that of the last message.")
@click.option("--number", default="", help="Only messages to this number of ours, by its id.")
@click.option(
    "--examples",
    type=click.IntRange(0, EXAMPLES),
    default=0,
    help="Show so many texts that would go elsewhere: personal data of citizens.",
)
@lang_option
@json_option
def command(
    path: Path | None, lang: str, as_json: bool, until: datetime | None, **fields: Any
) -> None:
    """Show which messages other rules would have sent elsewhere.

    Each message is routed as the first of its conversation: menus, bursts of messages and the state
    of a conversation are ignored. Nothing changes. Without --examples no text of a citizen is
    shown; your use of --examples is archived (POSTKAMER_DATABASE_URL, as its owner).
    """
    criteria = ReplayFilter(until=until or clock.now(), **fields)
    path = configured_path(path)
    require_period(criteria.since, criteria.until)
    try:
        after = build_context(loader.load(path), Hashes(b"replayed"), reasons=REASONS[lang])
    except ConfigError as error:
        fail(str(error))
    result = with_archive(
        "replay", lambda pool, keys: compare_rules(pool, keys, path, after, criteria)
    )
    print_result(result, format_differences(result, lang), as_json=as_json)
