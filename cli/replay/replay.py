"""`postkamer route replay`: what other rules would have made of the messages that came in."""

import asyncio
import os
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from archiver.encryption.decrypt_rows import RECORDS, opened
from archiver.encryption.key_store import KeyStore
from cli.replay.diff import lines
from cli.replay.recorded import Row, row
from cli.replay.simulator import Replay
from cli.support.archive_access import load_keys
from cli.support.database import Refused
from cli.support.time_options import Time
from router.conversation.auto_reply import AGAIN_AFTER
from router.handlers.units import keyed_hash
from router.model.decision import RoutingContext
from router.ruleset.context import build_context
from services import clock
from services.config import loader, settings
from services.config.model import ConfigError
from services.ids import created_at
from services.postgres.database import DATABASE_ERRORS, Connection, connection_pool

BATCH = 500
"""Records in memory at once, some 5 KB each; and a few more, of the same millisecond."""
EXAMPLES = 1000
"""Texts that are shown at most: more nobody reads."""


class Asked(msgspec.Struct, frozen=True):
    """Of which time, and of which number of ours; '' for all."""

    since: datetime
    until: datetime
    number: str = ""
    examples: int = 0


async def replayed(
    url: str,
    town: loader.LoadedConfig,
    asked: Asked,
    progress: Callable[[datetime], None],
) -> Replay:
    """All of it decided anew; ConfigError where the rules cannot decide, Refused where the record
    cannot be opened."""
    ground = build_context(town, keyed_hash(b"replayed"))
    replay = Replay(ground, asked.examples)
    async with (
        connection_pool(url, "postkamer-replay", 2) as pool,
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        past = Past(connection, await load_keys(pool))
        async for rows in past.batches(asked):
            unknown = replay.unknown(rows)
            if unknown:
                replay.met(await past.met(unknown))
                replay.resume(await past.of(unknown, rows[0], ground))
            replay.take(rows)
            progress(rows[-1].at)
    progress(asked.until)
    return replay


class Past:
    """The record, opened, as it was when we began to read."""

    def __init__(self, connection: Connection, keys: KeyStore) -> None:
        self._connection, self._keys = connection, keys

    async def batches(self, asked: Asked) -> AsyncIterator[list[Row]]:
        query = _RECORDS, asked.since, asked.until
        async for rows in _cut(self._connection.cursor(*query, prefetch=BATCH)):
            if read := [row for row in self._read(rows) if asked.number in ("", row.number)]:
                yield read

    async def of(self, conversations: list[str], first: Row, ground: RoutingContext) -> Replay:
        """Of those that had begun before this record, and of those that they were merged with."""
        while True:
            past, named = Replay(ground, as_it_was=True), set(conversations)
            past.met(await self.met(conversations))
            cursor = self._connection.cursor(_PASTS, list(named), first.id, prefetch=BATCH)
            async for found in _cut(cursor):
                rows = self._read(found)
                past.take(rows)
                named |= {row.data.other for row in rows} - {""}
            if len(named) == len(conversations):
                return past
            conversations = list(named)

    async def met(self, conversations: list[str]) -> list[str]:
        """Those whose citizen had written before, and been told how this works."""
        found = await self._connection.fetch(_MET, conversations, AGAIN_AFTER)
        return [each["id"] for each in found]

    def _read(self, rows: list[Any]) -> list[Row]:
        return [row(each) for each in opened(rows, self._keys)]


async def _cut(found: AsyncIterable[Any]) -> AsyncIterator[list[Any]]:
    """One batch ends where a millisecond does: what came together is read together."""
    rows: list[Any] = []
    async for each in found:
        if len(rows) >= BATCH and created_at(each["id"]) > created_at(rows[-1]["id"]):
            yield rows
            rows = []
        rows.append(each)
    if rows:
        yield rows


_RECORDS = f"""{RECORDS}
where e.id >= archiver.first_id($1) and e.id < archiver.first_id($2)
    and e.kind in ('message', 'conversation', 'number')
order by e.id
"""
_PASTS = f"""{RECORDS}
where e.conversation = any($1::text[]) and e.conversation <> ''
    and e.id < $2 and e.kind in ('message', 'conversation')
order by e.id
"""
"""The index holds what has a conversation, and is used only where that is said."""
_MET = """
select c.id from router.conversation c
where c.id = any($1::text[]) and exists (
    select from router.conversation o
    where o.person = c.person and o.opened_at < c.opened_at
        and c.opened_at - o.last_inbound_at < $2
        and not coalesce((o.state->>'welcome')::boolean, false))
"""


@click.command("replay")
@click.option("--since", required=True, type=Time(), help="A time or a day, in Amsterdam.")
@click.option("--until", type=Time(), help="Now otherwise.")
@click.option("--config", "path", type=Path, help="The new rules; POSTKAMER_CONFIG otherwise.")
@click.option("--number", default="", help="Only messages to this number of ours, by its id.")
@click.option(
    "--examples",
    type=click.IntRange(0, EXAMPLES),
    default=0,
    help="Show so many texts that would go elsewhere. They are personal data of citizens.",
)
@click.option("--json", "as_json", is_flag=True)
def command(path: Path | None, as_json: bool, until: datetime | None, **given: Any) -> None:
    """Decide the messages of a time anew, and show what would have gone elsewhere. Nothing is
    changed; without --examples nothing is shown of what anybody wrote (POSTKAMER_DATABASE_URL, as
    its owner)."""
    asked = Asked(until=until or clock.now(), **given)
    file = path or os.environ.get("POSTKAMER_CONFIG")
    if not file:
        _fail("POSTKAMER_CONFIG: is missing", 2)
        return
    if asked.since >= asked.until:
        _fail("--until: expected a time after --since", 2)
    try:
        found = settings.load(settings.ArchiveSettings, os.environ)
        where = found.database_url.get_secret_value()
        town = loader.load(Path(file))
        replay = asyncio.run(replayed(where, town, asked, _progress(asked)))
    except (settings.SettingsError, ConfigError, Refused) as error:
        _fail(str(error))
    except DATABASE_ERRORS as error:
        _fail(f"replay: {error or type(error).__name__}")
    else:
        _say(replay, asked, town.version, as_json=as_json)


def _say(replay: Replay, asked: Asked, version: str, *, as_json: bool) -> None:
    of = {"since": asked.since, "until": asked.until, "version": version}
    found = of | replay.found.shown()
    for line in [msgspec.json.encode(found).decode()] if as_json else lines(found):
        click.echo(line)


def _progress(asked: Asked) -> Callable[[datetime], None]:
    """On the terminal, where there is one, how far it has come."""
    if not sys.stderr.isatty():
        return lambda at: None
    whole = asked.until - asked.since

    def said(at: datetime) -> None:
        click.echo(f"\r{(at - asked.since) / whole:4.0%} ", err=True, nl=at >= asked.until)

    return said


def _fail(message: str, code: int = 1) -> None:
    click.echo(message, err=True)
    raise SystemExit(code)
