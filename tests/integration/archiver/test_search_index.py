"""What messages and people are found by is no part of the log: it is held against it, and laid
anew; by the real commands, on a real PostgreSQL."""

import json
from pathlib import Path
from typing import Any

import pytest

from archiver.audit import search_index
from archiver.log.writer import SealedBeforeErasure
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.integration.archive_readers import typed
from tests.support.integration.log_fixture import Log, logged
from tests.support.integration.search_fixture import (
    NOON,
    asking,
    citizen,
    conversation,
    message,
    note,
    rights_of,
)

PHONE = "31600000011"
WORLD = [
    message("Het zwembad is dicht", at=NOON, **citizen(PHONE)),
    message("De container is vol", within="twee", department="jeugd", **citizen("31600000012")),
    note("Belde over het zwembad"),
]


@pytest.fixture
async def world(pool: Pool) -> Pool:
    await (await writer_of(pool)).add(WORLD)
    return pool


async def findings(url: str) -> list[str]:
    said = await typed(url, "verify", "--index", "--json")
    done = json.loads(said.stdout)
    assert said.exit_code == (1 if done["indexFindings"] or done["findings"] else 0)
    assert done["index"] and not [one for one in done["findings"] if one["what"] != "unsigned"]
    return [one["sentence"] for one in done["indexFindings"]]


WORDS = "what this entry is found by is not what is in it"
WHOM = "whom this entry is about is not found"
FORGOTTEN = "somebody is found whose conversation was destroyed"
NOBODY = "something is found by its words that nobody can read"
DEEDS = {
    "a message is taken out": (
        "delete from archiver.searchable where kind = 'message'",
        [WORDS] * 2,
    ),
    "a note is taken out": ("delete from archiver.searchable where kind = 'note'", [WORDS]),
    "all is": ("delete from archiver.searchable", [WORDS] * 3),
    "a word is": ("update archiver.searchable set words = words[2:] where kind = 'note'", [WORDS]),
    "another department may find it": (
        "update archiver.searchable set department = 'balie' where department = 'jeugd'",
        [WORDS],
    ),
    "another municipality may": (
        "update archiver.searchable set tenant = 'hengelo' where kind = 'note'",
        [WORDS],
    ),
    "it is elsewhere in the log": (
        "update archiver.searchable set position = position + 1000 where kind = 'note'",
        [WORDS],
    ),
    "it is of another time": (
        "update archiver.searchable set at = at - interval '1 day' where kind = 'note'",
        [WORDS],
    ),
    "a citizen is taken out": ("delete from archiver.subject", [WHOM] * 2),
    "a citizen is elsewhere": (
        f"update archiver.subject set conversation = '{conversation('drie')}'"
        f" where conversation = '{conversation('twee')}'",
        [WHOM, FORGOTTEN],
    ),
    "something is put in": (
        "insert into archiver.searchable select archiver.first_id(now()), 900, at, tenant,"
        " department, conversation, kind, type, direction, words from archiver.searchable limit 1",
        [NOBODY],
    ),
}


@pytest.mark.parametrize("what", DEEDS)
async def test_each_deed_is_found_and_mended(world: Pool, empty: str, what: str) -> None:
    sql, expected = DEEDS[what]
    before = await kept(world)
    assert await findings(empty) == []
    await world.execute(sql)
    assert await findings(empty) == expected
    done = await typed(empty, "reindex", "--json")
    assert done.exit_code == 0, done.output
    assert sum(json.loads(done.stdout).values()) == len(expected)
    assert await findings(empty) == []
    assert await kept(world) == before
    operation = "select what, by, data::text from access.operation"
    [told] = await world.fetch(operation)
    assert (told["what"], told["by"]) == ("archive reindex", "S. Jansen")


async def kept(pool: Pool) -> list[Any]:
    words = await pool.fetch("select * from archiver.searchable order by id")
    subjects = await pool.fetch(
        "select tenant, hash, conversation from archiver.subject order by 2"
    )
    return [*map(tuple, words), *map(tuple, subjects)]


async def test_where_all_is_there_nothing_is_laid(world: Pool, empty: str) -> None:
    done = await typed(empty, "reindex")
    assert done.stdout == "0 rows were laid anew, 0 taken away\n"
    said = await typed(empty, "verify", "--index")
    assert "What things are found by: nothing is wrong." in said.stdout


async def test_what_was_laid_anew_is_found_by_whoever_may(world: Pool, empty: str) -> None:
    await world.execute("delete from archiver.searchable")
    async with asking(world, rights_of()) as ask:
        assert (await ask.page(words="zwembad"))["total"] == 0
        await typed(empty, "reindex")
        assert (await ask.page(words="zwembad"))["total"] == 2
    async with asking(world, rights_of("almelo", "balie")) as ask:
        assert (await ask.page(words="container"))["total"] == 0


async def test_what_was_destroyed_is_not_found_again(pool: Pool, tmp_path: Path) -> None:
    """Neither by whoever lays it anew, nor while it is being destroyed."""
    async with logged(pool, tmp_path) as log:
        await put_back(log)
        keys = await keys_of(pool)
        async with pool.acquire() as connection, connection.transaction():
            assert [one.sentence for one in await search_index.find_orphaned_rows(connection)] == [
                NOBODY
            ] * 6
            assert await search_index.delete_orphans(connection) == 6
        await pool.execute("delete from archiver.searchable")
        async with pool.acquire() as reading, reading.transaction(isolation="repeatable_read"):
            then = await search_index.load_log_state(reading)
            some = await anext(search_index.find_missing_rows(reading, keys))
            assert some.words
            await log.destroyer.erase_conversation("almelo", log.records[100].conversation, "test")
            async with pool.acquire() as writing, writing.transaction():
                with pytest.raises(SealedBeforeErasure):
                    await search_index.rebuild(writing, some, then.destructions)


async def put_back(log: Log) -> None:
    """A conversation and a message are destroyed, and what they were found by is put back."""
    await log.pool.execute("create table before as select * from archiver.searchable")
    await log.destroyer.erase_conversation("almelo", log.records[0].conversation, "test")
    await log.destroyer.erase_entry(log.records[400].id, "test")
    await log.pool.execute(
        "insert into archiver.searchable select * from before on conflict do nothing"
    )


async def test_without_the_master_key_it_is_asked_for(world: Pool, empty: str) -> None:
    said = await typed(empty, "verify", "--index", POSTKAMER_ARCHIVE_KEY="")
    assert said.exit_code == 1 and "POSTKAMER_ARCHIVE_KEY" in said.stderr
