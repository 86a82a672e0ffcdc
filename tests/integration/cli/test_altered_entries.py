"""In production a command shows nothing if another entry than its own is on the record, or none."""

import asyncio
from pathlib import Path

import pytest
from click.testing import Result

from archiver.log.writer import Writer
from archiver.operator_actions import record_operator_actions
from cli.support.recorded import ALTERED, NOT_RECORDED, TOLD
from deploy.local.postgresql import Database
from services.http.person_tokens import TokenProof
from services.postgres.database import Pool, connection_pool
from services.tasks import background_task
from tests.support.archiver.records import message
from tests.support.cli.command_line import SETTINGS, postkamer
from tests.support.decrypted_record import KEY, writer_of
from tests.support.installation import EXAMPLE
from tests.support.observer import until

TOKEN = (
    *("token", "add", "desk", "--tenant", "almelo", "--role", "read"),
    *("--department", "burgerzaken"),
)
SECONDS = 10.0


async def has_no_key(_: TokenProof) -> bool:
    return False


async def record(pool: Pool, writer: Writer) -> None:
    """Record what waits, as the archiver does."""
    async with background_task(
        record_operator_actions(pool, ["almelo"], writer.add, has_no_key, must_prove=True)
    ):
        await until(lambda: pool.fetchval(_WAITING), lambda count: not count, SECONDS)


async def run_while(pool: Pool, env: dict[str, str], sql: str, writer: Writer | None) -> Result:
    """Run a command, and this when its entry waits; with a writer it is then recorded."""
    command = asyncio.create_task(asyncio.to_thread(postkamer, *TOKEN, env=env))
    await until(lambda: pool.fetchval(_WAITING), bool, SECONDS)
    await pool.execute(sql)
    if writer:
        await record(pool, writer)
    return await command


async def test_command_whose_entry_was_altered_or_forged_shows_nothing(
    fresh: str, tmp_path: Path, server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, login = tmp_path / "postkamer.toml", f"b.arts.{tmp_path.name}"
    town.write_text(f'environment = "production"\n{EXAMPLE.read_text()}')
    server.execute(_PERSON.format(login), "postgres")
    url = server.url_for(login, "x", fresh.rpartition("/")[2])
    env = SETTINGS | {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_CONFIG": str(town)}
    env |= {"POSTKAMER_ARCHIVE_KEY": KEY}
    try:
        async with connection_pool(fresh, "test", 4) as pool:
            writer = await writer_of(pool)
            await writer.add([message()])
            for name, change in CHANGES.items():
                done = await run_while(pool, env, f"update access.operation set {change}", writer)
                seen = done.exit_code, done.stdout, done.stderr.strip()
                assert seen == (1, "", ALTERED), name
                told = await pool.fetchrow(
                    "delete from access.operation returning what, identified"
                )
                assert tuple(told or ()) == (TOLD, "stated")
                await pool.execute("delete from access.token")
            monkeypatch.setattr("cli.support.recorded.RECORD_SECONDS", 0.3)
            for position in (-1, 0):
                forge = f"{_FORGE.format(position)}; delete from access.operation"
                done = await run_while(pool, env, forge, None)
                assert (done.stdout, done.stderr.strip()) == ("", NOT_RECORDED), position
                await pool.execute("delete from access.token")
    finally:
        server.execute(f'drop role "{login}"', "postgres")


CHANGES = {
    "deed": "what = 'check'",
    "subject": "about = ''",
    "municipality": "tenant = 'hengelo'",
    "person": "by = 'x', session = 'x'",
    "proof": "identified = 'stated'",
    "data": "data = '{}'",
}
_WAITING = f"select count(*) from access.operation where what <> '{TOLD}'"
_TAKE = "delete from access.operation returning what, identified"
_FORGE = """
insert into archiver.entry (id, position, kind, at, tenant, conversation, department, sequence,
    salt, sealed, leaf)
select id, {}, 'operation', now(), '', '', '', 0, sha256(''), '', sha256('') from access.operation
"""
_PERSON = """
create role "{}" login password 'x' in role postkamer, postkamer_person
"""
