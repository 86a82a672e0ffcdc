"""Keys above keys: laid anew without writing the record anew; lost, they open nothing."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from archiver.encryption.key_store import KEYS, KeyStore, WrongMasterKey
from archiver.log.writer import Writer
from services.postgres.database import Pool
from tests.integration.archiver.test_inclusion_proof import said
from tests.support.decrypted_record import KEY, MASTER, keys_of, rows_of
from tests.support.integration.log_fixture import ENTRIES, Log, logged, message

NEW = base64.b64encode(bytes(32)).decode()


@pytest.fixture
async def log(pool: Pool, tmp_path: Path) -> AsyncIterator[Log]:
    async with logged(pool, tmp_path) as log:
        yield log


@pytest.fixture
def env(empty: str) -> dict[str, str]:
    return {"POSTKAMER_DATABASE_URL": empty, "POSTKAMER_OPERATOR": "sanne"}


async def _sealed(pool: Pool) -> list[tuple[bytes, bytes]]:
    rows = await pool.fetch("select salt, sealed from archiver.entry order by position")
    return [tuple(row) for row in rows]


async def test_nothing_is_kept_in_the_clear(log: Log, pool: Pool) -> None:
    tables = await pool.fetch(
        "select schemaname || '.' || tablename as name from pg_tables where schemaname = 'archiver'"
    )
    for table in tables:
        rows = await pool.fetch(f"select t::text as all from {table['name']} t")
        shown = "\n".join(row["all"] for row in rows)
        for word in ("bericht 1", "Fatima", "31610000007", "wamid"):
            assert word not in shown, table["name"]
            assert word.encode().hex() not in shown, table["name"]


async def test_another_master_key_opens_it_once_it_was_laid_under_it(
    log: Log, pool: Pool, env: dict[str, str]
) -> None:
    before = await _sealed(pool)
    only_new = env | {"POSTKAMER_ARCHIVE_KEY": NEW}
    assert "it does not open this archive" in await said(only_new, "rotate", "--master", code=1)
    both = env | {"POSTKAMER_ARCHIVE_KEY": f"{NEW},{KEY}"}
    count = json.loads(await said(both, "rotate", "--master", "--json"))["count"]
    assert count == 2, "of one municipality, for content and for hashes"
    assert json.loads(await said(both, "rotate", "--master", "--json"))["count"] == 0
    assert len(await rows_of(pool, base64.b64decode(NEW))) == ENTRIES
    with pytest.raises(WrongMasterKey):
        await keys_of(pool, MASTER)
    assert await _sealed(pool) == before, "nothing of it was written anew"


async def test_a_municipality_gets_a_new_key_while_records_come(
    log: Log, pool: Pool, env: dict[str, str]
) -> None:
    before, given = await _sealed(pool), env | {"POSTKAMER_ARCHIVE_KEY": KEY}
    done = asyncio.Event()

    async def come() -> int:
        """Each in a conversation that is new."""
        writer, n = Writer(pool, await keys_of(pool)), 10_000
        while not done.is_set():
            await writer.add([message(n)])
            n += 5
        return (n - 10_000) // 5

    coming = asyncio.create_task(come())
    for _ in range(3):
        command = "rotate", "--municipality", "almelo", "--json"
        told = await said(given, *command)
        assert json.loads(told)["count"] >= ENTRIES // 5
    done.set()
    more = await coming
    assert more > 0
    assert len(await rows_of(pool)) == ENTRIES + more
    assert (await _sealed(pool))[:ENTRIES] == before, "nothing of it was written anew"
    versions = await pool.fetch(
        "select version from archiver.municipality_key where purpose = 'content' and tenant <> ''"
    )
    assert [row["version"] for row in versions] == [4]
    told_of = await pool.fetchval("select count(*) from access.operation where by = 'sanne'")
    assert told_of == 3


async def test_which_key_is_to_be_new_must_be_said(env: dict[str, str]) -> None:
    assert "expected one of" in await said(env, "rotate", code=2)


async def test_no_key_is_made_for_a_municipality_that_has_nothing(
    log: Log, pool: Pool, env: dict[str, str]
) -> None:
    given = env | {"POSTKAMER_ARCHIVE_KEY": KEY}
    told = await said(given, "rotate", "--municipality", "almeloo", code=1)
    assert "no municipality 'almeloo' has anything in the record" in told
    keys = "select count(*) from archiver.municipality_key where tenant = 'almeloo'"
    assert await pool.fetchval(keys) == 0


async def test_a_key_that_was_swapped_or_altered_opens_nothing_and_stops_nobody_else(
    log: Log, pool: Pool
) -> None:
    await pool.execute(
        "update archiver.conversation_key a set wrapped = b.wrapped"
        " from archiver.conversation_key b where a.conversation = $1 and b.conversation = $2",
        log.records[0].conversation, log.records[5].conversation,
    )  # fmt: skip
    found = await rows_of(pool)
    assert len(found) == ENTRIES - 5
    assert log.records[0].id not in {row["id"] for row in found}


async def test_a_master_key_that_is_none_of_the_archive_s_is_told_so(log: Log, pool: Pool) -> None:
    with pytest.raises(
        WrongMasterKey, match="POSTKAMER_ARCHIVE_KEY: it does not open this archive"
    ):
        await KeyStore(pool, [bytes(32)]).check()


async def test_a_key_is_looked_up_by_itself_in_a_table_of_which_nothing_is_known(
    pool: Pool,
) -> None:
    """A statement that was planned when there were no keys is used as they come by the thousand."""
    await pool.execute("analyze archiver.conversation_key, archiver.municipality_key")
    keys, count = await keys_of(pool), 1000
    await keys.ensure_conversation_keys({("almelo", f"c{n}") for n in range(count)})
    async with pool.acquire() as connection:
        await connection.execute("set plan_cache_mode = force_generic_plan")
        await connection.execute(f"prepare looked (text[], text[]) as {KEYS}")
        plan = await connection.fetchval(
            "explain (analyze, format json) execute looked ("
            f"array_fill('almelo'::text, array[{count}]),"
            f"string_to_array('{','.join(f'c{n}' for n in range(count))}', ','))"
        )
    assert max(_touched(json.loads(plan)[0]["Plan"])) <= 2 * count


def _touched(plan: dict[str, Any]) -> Iterator[float]:
    """Rows that each step of a plan came to, in all its rounds."""
    seen = plan["Actual Rows"] + plan.get("Rows Removed by Join Filter", 0)
    yield (seen + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    for step in plan.get("Plans", ()):
        yield from _touched(step)
