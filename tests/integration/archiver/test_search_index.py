"""The index of words and persons is held against the log, and laid anew by command."""

from typing import Any

import pytest

from archiver.audit import search_index
from archiver.log.writer import SealedBeforeErasure
from services.postgres.database import Pool
from tests.support.archiver.api import archive_api
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.records import delivery, id_of, message, note
from tests.support.archiver.signed_log import Log
from tests.support.decrypted_record import writer_of

RECORDS = [
    message("Het zwembad is dicht", phone="31600000011"),
    message("De container is vol", "twee", "jeugd", phone="31600000012"),
    note("Belde over het zwembad"),
]


@pytest.fixture
async def world(pool: Pool) -> Pool:
    await (await writer_of(pool)).add(RECORDS)
    return pool


async def findings(archive: Archive, code: int) -> list[str]:
    report = await archive.json("verify", "--index", code=code)
    assert report["index"] and {one["what"] for one in report["findings"]} <= {"unsigned"}
    return [one["sentence"] for one in report["indexFindings"]]


WORDS = "what this entry is found by is not what is in it"
PERSON = "whom this entry is about is not found"
FORGOTTEN = "somebody is found whose conversation was destroyed"
NOT_THEIRS = "somebody is found by an entry that is not about them"
NOBODY = "something is found by its words that nobody can read"
SEARCHABLE = "archiver.searchable"
DEEDS: dict[str, tuple[str, list[str]]] = {
    "messages removed": (f"delete from {SEARCHABLE} where kind = 'message'", [WORDS] * 2),
    "note removed": (f"delete from {SEARCHABLE} where kind = 'note'", [WORDS]),
    "all removed": (f"delete from {SEARCHABLE}", [WORDS] * 3),
    **{
        f"{change.split()[0]} changed": (f"update {SEARCHABLE} set {change}", [WORDS])
        for change in (
            "words = words[2:] where kind = 'note'",
            "department = 'balie' where department = 'jeugd'",
            "tenant = 'hengelo' where kind = 'note'",
            "position = position + 1000 where kind = 'note'",
            "at = at - interval '1 day' where kind = 'note'",
        )
    },
    "persons removed": ("delete from archiver.subject", [PERSON] * 2),
    "person moved": (
        f"update archiver.subject set conversation = '{id_of('drie')}'"
        f" where conversation = '{id_of('twee')}'",
        [PERSON, FORGOTTEN],
    ),
    "person of another conversation": (
        "insert into archiver.subject select a.tenant, a.hash, b.conversation, b.entry"
        " from archiver.subject a join archiver.subject b on a.hash < b.hash",
        [NOT_THEIRS],
    ),
    "row inserted": (
        f"insert into {SEARCHABLE} select archiver.first_id(now()), 900, at, tenant,"
        f" department, conversation, kind, type, direction, words from {SEARCHABLE} limit 1",
        [NOBODY],
    ),
}


async def contents(pool: Pool) -> list[Any]:
    words = await pool.fetch(f"select * from {SEARCHABLE} order by id")
    persons = "select tenant, hash, conversation from archiver.subject order by 2"
    return [*map(tuple, words), *map(tuple, await pool.fetch(persons))]


@pytest.mark.parametrize(("sql", "expected"), DEEDS.values(), ids=DEEDS)
async def test_change_to_the_index_is_found_and_mended(
    world: Pool, archive: Archive, sql: str, expected: list[str]
) -> None:
    before = await contents(world)
    await world.execute(sql)
    assert await findings(archive, 1) == expected
    assert sum((await archive.json("reindex")).values()) == len(expected)
    assert await findings(archive, 0) == []
    assert await contents(world) == before
    [operation] = await world.fetch("select what, by from access.operation")
    assert tuple(operation) == ("archive reindex", OPERATOR)


async def test_complete_index_is_not_changed(world: Pool, archive: Archive) -> None:
    assert await findings(archive, 0) == []
    assert (await archive("reindex")).stdout == "0 rows added, 0 removed\n"
    shown = (await archive("verify", "--index")).stdout
    assert "What things are found by: nothing is wrong." in shown
    error = (await archive("verify", "--index", code=3, POSTKAMER_ARCHIVE_KEY="")).stderr
    assert "POSTKAMER_ARCHIVE_KEY" in error


async def test_mended_index_finds_for_tokens_with_the_right(world: Pool, archive: Archive) -> None:
    await world.execute(f"delete from {SEARCHABLE}")
    async with archive_api(world) as api:
        assert (await api.search(words="zwembad"))["total"] == 0
        await archive("reindex")
        assert (await api.search(words="zwembad"))["total"] == 2
    async with archive_api(world, departments=frozenset(["balie"])) as api:
        assert (await api.search(words="container"))["total"] == 0


async def test_words_of_an_entry_that_is_no_message_are_found_and_removed(log: Log) -> None:
    result = delivery(log.records[0], "crm", log.records[0].at)
    await log.writer.add([result])
    await log.pool.execute(
        f"insert into {SEARCHABLE} select $1, 700, at, tenant, department, conversation, kind,"
        f" type, direction, words from {SEARCHABLE} where position = 0",
        result.id,
    )
    async with log.pool.acquire() as connection, connection.transaction():
        [orphan] = await search_index.find_orphaned_rows(connection)
        assert (orphan.sentence, orphan.entry) == (NOBODY, str(result.id))
        assert await search_index.delete_orphans(connection) == 1


async def test_index_of_erased_entries_is_removed_and_not_rebuilt(log: Log) -> None:
    await log.pool.execute(f"create table before as select * from {SEARCHABLE}")
    await log.erase(0)
    await log.eraser.erase_entry(log.records[400].id, "test")
    await log.pool.execute(f"insert into {SEARCHABLE} select * from before on conflict do nothing")
    async with log.pool.acquire() as connection, connection.transaction():
        orphans = await search_index.find_orphaned_rows(connection)
        assert [one.sentence for one in orphans] == [NOBODY] * 6
        assert await search_index.delete_orphans(connection) == 6
    await log.pool.execute(f"delete from {SEARCHABLE}")
    async with log.pool.acquire() as reading, reading.transaction(isolation="repeatable_read"):
        state = await search_index.load_log_state(reading)
        missing = await anext(search_index.find_missing_rows(reading, log.keys))
        assert missing.words
        await log.erase(20)
        async with log.pool.acquire() as writing, writing.transaction():
            with pytest.raises(SealedBeforeErasure):
                await search_index.rebuild(writing, missing, state.destructions)
