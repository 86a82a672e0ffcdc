"""`postkamer sends doubt`: what waited in a restored database is sent by no deliverer again."""

import asyncio
from pathlib import Path

from cli.deliveries.sends import RUNS
from deploy.local.postgresql import Database
from services.postgres.database import connection_pool
from tests.support.cli.command_line import SETTINGS, postkamer
from tests.support.installation import EXAMPLE

DOUBT = ("sends", "doubt", "--reason", "the machine was lost")
WAITING = """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, state, due_at, test, created_at)
select gen_random_uuid(), '1', state, 1, gen_random_uuid(), 'phone', '', '{}', state,
    now() + due, test, now()
from (values ('queued', interval '-1 s', false), ('queued', '1 hour', false),
    ('queued', '-1 s', true), ('held', '-1 s', false), ('sent', '-1 s', false))
    as new (state, due, test)
"""
STATES = """
select string_agg(state || ' ' || attempt, ', ' order by state, attempt) from deliverer.ledger
"""
_PERSON = "create role \"{}\" login password 'x' in role postkamer, postkamer_person"


async def test_waiting_send_is_in_doubt_without_an_archiver_or_a_deliverer(
    fresh: str, tmp_path: Path, server: Database
) -> None:
    town, login = tmp_path / "postkamer.toml", f"c.arts.{tmp_path.name}"
    town.write_text(f'environment = "production"\n{EXAMPLE.read_text()}')
    server.execute(_PERSON.format(login), "postgres")
    url = server.url_for(login, "x", fresh.rpartition("/")[2])
    env = SETTINGS | {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_CONFIG": str(town)}
    try:
        async with connection_pool(fresh, "postkamer-deliverer a", 1) as pool:
            await pool.execute(WAITING)
            done = await asyncio.to_thread(postkamer, *DOUBT, env=env)
            assert (done.exit_code, done.stderr.strip()) == (1, RUNS)
        async with connection_pool(fresh, "test", 1) as pool:
            done = await asyncio.to_thread(postkamer, *DOUBT, env=env)
            assert done.stdout == "1 message is in doubt\n1 answer stays on hold: see --held\n"
            states = "queued 0, queued 0, sent 0, unknown 1"
            assert await pool.fetchval(STATES) == f"held 0, {states}"
            done = await asyncio.to_thread(postkamer, *DOUBT, "--held", env=env)
            assert done.stdout == "1 message is in doubt\n"
            assert await pool.fetchval(STATES) == f"{states}, unknown 1"
            entries = await pool.fetch("select by, what from access.operation")
            assert {tuple(row) for row in entries} == {(login, "sends doubt")}
    finally:
        server.execute(f'drop role "{login}"', "postgres")
