"""An index that lacks a row of its table is named, or one that has another key than the row."""

from collections.abc import AsyncIterator

import pytest

from archiver.audit.log_walk import Finding
from archiver.audit.table_indexes import verify_indexes
from services.postgres.database import Connection
from tests.support.archiver.signed_log import Log
from tests.support.archiver.undone import undone

PARTS_OF = """
select x.inhrelid from pg_inherits x join pg_index i on i.indexrelid = x.inhrelid
where x.inhparent = 'archiver.{}'::regclass and i.indrelid in (
    select tableoid from archiver.entry union select tableoid from archiver.searchable)
"""
AGAIN = {
    "entry_position": "update archiver.entry set position = position where position = 100",
    "searchable_words": "update archiver.searchable set words = words where position = 100",
    "entry_at": "update archiver.entry set at = at - interval '1 day' where position = 100",
}
"""Index -> a row of its table is written again: at another place, since the page is full."""


@pytest.fixture
async def connection(log: Log) -> AsyncIterator[Connection]:
    async with log.pool.acquire() as connection, undone(connection):
        await connection.execute("analyze archiver.entry, archiver.searchable")
        yield connection


async def found(connection: Connection) -> list[str]:
    findings, unread = await verify_indexes(connection)
    assert unread == []
    assert all(isinstance(each, Finding) for each in findings)
    return [each.sentence for each in findings]


@pytest.mark.parametrize("index", AGAIN)
async def test_row_that_an_index_lacks_is_named(connection: Connection, index: str) -> None:
    parts = PARTS_OF.format(index)
    if index == "entry_at":  # only a range of pages with bounds can be passed over
        await connection.execute(f"select brin_summarize_new_values(inhrelid) from ({parts}) p")
    assert await found(connection) == []
    set_ready = f"update pg_index set indisready = {{}} where indexrelid in ({parts})"
    await connection.execute(set_ready.format("false"))
    assert await connection.execute(AGAIN[index]) == "UPDATE 1"
    await connection.execute(set_ready.format("true"))
    [sentence] = await found(connection)
    assert " of 700 rows" in sentence and " leads to " in sentence


async def test_index_with_another_key_than_its_row_is_named(connection: Connection) -> None:
    """An update of a table without indexes stays on its page, where all indexes still lead."""
    await connection.execute(
        "insert into archiver.quarantine (id, reason, salt, sealed, record)"
        " select gen_random_uuid(), 'x', '', '', gen_random_uuid() from generate_series(1, 5)"
    )
    has = "update pg_class set relhasindex = {} where oid = 'archiver.quarantine'::regclass"
    await connection.execute(has.format("false"))
    await connection.execute("update archiver.quarantine set record = id where ctid = '(0,3)'")
    await connection.execute(has.format("true"))
    assert await found(connection) == [
        "archiver.quarantine: its index quarantine_record has other keys than the rows"
    ]


async def test_indexes_that_a_login_may_not_read_are_said(connection: Connection) -> None:
    await connection.execute("set local role postkamer_router")
    findings, [unread] = await verify_indexes(connection)
    assert (
        findings == [] and " more" in unread and unread.startswith("these indexes: operation_pkey,")
    )
