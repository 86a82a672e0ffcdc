"""Keys are rotated without writing the record again; keys that are lost or changed open nothing."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from archiver.audit.keys import check_keys
from archiver.encryption import key_rotation
from archiver.encryption.key_rotation import rotate_municipality_key
from archiver.encryption.key_store import KEYS, KeyStore, WrongMasterKey
from archiver.log.append import END
from deploy.local.postgresql import Database
from services.keys.oldest_archive_key import (
    OtherOldestKey,
    check_oldest_archive_key,
    note_oldest_archive_key,
)
from services.postgres.database import Pool
from services.sealing.wrapping import fingerprint
from services.tasks import background_task
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.signed_log import ENTRIES, Log, conversation, entry
from tests.support.decrypted_record import KEY, MASTER, keys_of, rows_of

NEW = base64.b64encode(bytes(32)).decode()


async def _sealed(pool: Pool) -> list[tuple[bytes, bytes]]:
    rows = await pool.fetch("select salt, sealed from archiver.entry order by position")
    return [tuple(row) for row in rows]


async def test_no_table_has_readable_content(log: Log) -> None:
    tables = await log.pool.fetch(
        "select schemaname || '.' || tablename as name from pg_tables where schemaname = 'archiver'"
    )
    for table in tables:
        rows = await log.pool.fetch(f"select t::text as all from {table['name']} t")
        shown = "\n".join(row["all"] for row in rows)
        for word in ("bericht 1", "Fatima", "31610000007", "wamid"):
            assert word not in shown, table["name"]
            assert word.encode().hex() not in shown, table["name"]


async def test_new_master_key_opens_the_archive_after_rotation_only(
    log: Log, archive: Archive
) -> None:
    before, rotate = await _sealed(log.pool), ("rotate", "--master")
    error = await archive.fails(*rotate, POSTKAMER_ARCHIVE_KEY=NEW)
    assert "POSTKAMER_ARCHIVE_KEY: it does not open this archive" in error
    both = {"POSTKAMER_ARCHIVE_KEY": f"{NEW},{KEY}"}
    counts = [(await archive.json(*rotate, **both))["count"] for _ in range(2)]
    assert counts == [3, 0], "one municipality: for content, hashes and proofs"
    assert len(await rows_of(log.pool, base64.b64decode(NEW))) == ENTRIES
    with pytest.raises(WrongMasterKey, match="POSTKAMER_ARCHIVE_KEY: it does not open"):
        await KeyStore(log.pool, [MASTER]).check()
    assert await _sealed(log.pool) == before


async def test_municipality_of_which_nothing_is_written_yet_lacks_no_key(log: Log) -> None:
    """Nothing is wrong between its first key and its first entry."""
    keys = await keys_of(log.pool)
    await keys.check()
    await keys.ensure_conversation_keys([("leiden", "c")])
    for given in (keys, None):
        async with log.pool.acquire() as connection, connection.transaction():
            assert [each async for each in check_keys(connection, given)] == []


async def test_oldest_master_key_is_asked_for_by_every_command(log: Log, archive: Archive) -> None:
    """The new one alone opens everything after the rotation, and recognises nobody."""
    both = {"POSTKAMER_ARCHIVE_KEY": f"{NEW},{KEY}"}
    await note_oldest_archive_key(log.pool, MASTER)
    await archive.json("rotate", "--master", **both)
    error = await archive.fails("verify", code=3, POSTKAMER_ARCHIVE_KEY=NEW)
    assert "its last key is not the oldest one of this installation, whose" in error
    assert fingerprint(MASTER) in error
    with pytest.raises(OtherOldestKey, match=fingerprint(MASTER)):
        await check_oldest_archive_key(log.pool, base64.b64decode(NEW))
    await check_oldest_archive_key(log.pool, MASTER)
    assert (await archive.json("rotate", "--master", **both))["count"] == 0


async def test_key_of_a_municipality_is_rotated_while_records_come(
    log: Log, archive: Archive
) -> None:
    before, done = await _sealed(log.pool), asyncio.Event()

    async def add_conversations() -> int:
        n = 0
        while not done.is_set():
            await log.writer.add([entry(10_000 + 5 * n)])
            n += 1
        return n

    async with background_task(add_conversations()) as adding:
        for _ in range(3):
            rotated = await archive.json("rotate", "--tenant", "almelo")
            assert rotated["count"] >= ENTRIES // 5
        done.set()
        added = await adding
    assert added > 0
    assert len(await rows_of(log.pool)) == ENTRIES + added
    assert (await _sealed(log.pool))[:ENTRIES] == before
    versions = await log.pool.fetch(
        "select version from archiver.municipality_key where purpose = 'content' and tenant <> ''"
    )
    assert [row["version"] for row in versions] == [4]
    operations = "select count(*) from access.operation where by = $1"
    assert await log.pool.fetchval(operations, OPERATOR) == 3


async def test_rotation_needs_a_master_key_or_a_municipality_with_records(
    log: Log, archive: Archive
) -> None:
    assert "expected one of" in await archive.fails("rotate", code=2)
    error = await archive.fails("rotate", "--tenant", "almeloo", code=2)
    assert "--tenant: expected one of almelo" in error
    keys = "select count(*) from archiver.municipality_key where tenant = 'almeloo'"
    assert await log.pool.fetchval(keys) == 0


async def test_swapped_key_opens_no_entry_of_its_conversation_and_stops_no_other(
    log: Log,
) -> None:
    await log.pool.execute(
        "update archiver.conversation_key a set wrapped = b.wrapped"
        " from archiver.conversation_key b where a.conversation = $1 and b.conversation = $2",
        conversation(0), conversation(1),
    )  # fmt: skip
    opened = {row["id"] for row in await rows_of(log.pool)}
    assert opened == {record.id for record in log.records[5:]}


@pytest.mark.parametrize("moment", [2, 4], ids=["amid the walk", "after the last walk"])
async def test_key_that_is_made_behind_the_walk_is_rotated_too(
    pool: Pool, server: Database, empty: str, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """An archiver makes a key under the old one, which it read before: two batches, two looks that
    find none, and then the old one is deleted."""
    monkeypatch.setattr(key_rotation, "AT_ONCE", 2)
    keys, count, late = await keys_of(pool), 5, "c0"
    before = await keys.ensure_conversation_keys({("almelo", f"c{n}") for n in range(count)})
    kept = "create table archiver.late as select * from archiver.conversation_key"
    await pool.execute(f"{kept} where conversation = '{late}'")
    await pool.execute("delete from archiver.conversation_key where conversation = $1", late)
    name = empty.rpartition("/")[2]

    seen: list[int] = []

    def progress(done: int) -> None:
        seen.append(done)
        if len(seen) == moment:
            again = "insert into archiver.conversation_key select * from archiver.late"
            server.execute(again, name)

    assert await rotate_municipality_key(pool, keys, "almelo", progress) == count
    assert seen[moment - 1] == count - 1
    versions = "select distinct version from archiver.conversation_key where tenant = 'almelo'"
    assert [row["version"] for row in await pool.fetch(versions)] == [2]
    places = {("almelo", f"c{n}") for n in range(count)}
    assert await (await keys_of(pool)).existing_conversation_keys(places) == before


async def test_lookup_of_keys_reads_few_rows_of_a_table_that_grew(pool: Pool) -> None:
    """A statement that was planned when there were no keys is used as they come by the thousand."""
    await pool.execute("alter table archiver.conversation_key set (autovacuum_enabled = off)")
    keys, count = await keys_of(pool), 1000
    # An autovacuum amid an insert counts no row in many blocks, and PostgreSQL plans for that.
    await keys.ensure_conversation_keys({("almelo", f"old{n}") for n in range(count)})
    await pool.execute("delete from archiver.conversation_key")
    await pool.execute("analyze archiver.conversation_key, archiver.municipality_key")
    await keys.ensure_conversation_keys({("almelo", f"c{n}") for n in range(count)})
    async with pool.acquire() as connection:
        await connection.execute("set plan_cache_mode = force_generic_plan")
        await connection.execute(f"prepare looked (text[], text[]) as {KEYS}")
        plan = await connection.fetchval(
            "explain (analyze, format json) execute looked ("
            f"array_fill('almelo'::text, array[{count}]),"
            f"string_to_array('{','.join(f'c{n}' for n in range(count))}', ','))"
        )
    await pool.execute("alter table archiver.conversation_key reset (autovacuum_enabled)")
    assert max(_rows_read(json.loads(plan)[0]["Plan"])) <= 2 * count


async def test_lookup_of_persons_reads_few_rows_of_a_table_that_grew(pool: Pool) -> None:
    await pool.execute("alter table archiver.subject set (autovacuum_enabled = off)")
    count, new = 1000, 10
    hashes = ", ".join(
        f"decode(md5('{n}'), 'hex')" for n in range(count - new // 2, count + new // 2)
    )
    async with pool.acquire() as connection:
        await connection.execute(PERSONS, count)
        types = "bigint, bytea, text[], bytea[], text[], uuid[], int[], bigint[], bytea[]"
        await connection.execute(f"prepare ended ({types}) as {END}")
        plan = await connection.fetchval(
            f"explain (analyze, format json) execute ended (0, '',"
            f"array_fill('almelo'::text, array[{new}]), array[{hashes}],"
            f"array_fill('c'::text, array[{new}]), array_fill(gen_random_uuid(), array[{new}]),"
            "'{}', '{}', '{}')"
        )
    await pool.execute("alter table archiver.subject reset (autovacuum_enabled)")
    assert await pool.fetchval("select count(*) from archiver.subject") == count + new // 2
    assert max(_rows_read(json.loads(plan)[0]["Plan"])) <= 2 * new


PERSONS = """
insert into archiver.subject (tenant, hash, conversation, entry)
select 'almelo', decode(md5(n::text), 'hex'), 'c', gen_random_uuid()
from generate_series(0, $1::int - 1) n
"""


async def test_archivers_that_make_the_same_keys_at_once_have_the_same(pool: Pool) -> None:
    places = {("almelo", f"c{n}") for n in range(100)}
    stores = [await keys_of(pool) for _ in range(3)]
    one, *others = await asyncio.gather(*(each.ensure_conversation_keys(places) for each in stores))
    assert set(one) == places and all(other == one for other in others)


def _rows_read(plan: dict[str, Any]) -> Iterator[float]:
    """Rows that each step of a plan came to, in all its rounds."""
    seen = plan["Actual Rows"] + plan.get("Rows Removed by Join Filter", 0)
    yield (seen + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    for step in plan.get("Plans", ()):
        yield from _rows_read(step)


async def test_hashes_are_made_anew_by_command(log: Log, archive: Archive) -> None:
    assert await archive.json("rotate", "--hashes", "--tenant", "almelo") == {"hashes": True}
    query = "select version from archiver.municipality_key where purpose = 'hash'"
    assert [row["version"] for row in await log.pool.fetch(query)] == [2]
    assert (await archive("reindex")).stdout == "0 rows added, 0 removed\n"
    error = await archive.fails("rotate", "--hashes", "--master", code=2)
    assert "expected one of --master and --tenant" in error
