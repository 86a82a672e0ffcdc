"""Changes to keys and destructions are found, most of them with the master key."""

import msgspec
import pytest

from archiver.audit import search_index
from tests.support.archiver.records import record
from tests.support.archiver.signed_log import Log, conversation, entry, entry_like
from tests.support.archiver.tampering import (
    rebuild_tree,
)

KEYS = "archiver.conversation_key"
DELETE_KEY = f"delete from {KEYS} where conversation = $1"


async def test_erased_and_untouched_entries_are_no_finding(log: Log) -> None:
    await log.erase(1)
    await log.eraser.erase_entry(log.records[400].id, "test")
    await log.sign()
    assert await log.findings(with_keys=True) == []


@pytest.mark.parametrize("purpose", ["content", "hash"])
async def test_removed_key_of_a_municipality_is_found(log: Log, purpose: str) -> None:
    async with log.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local session_replication_role = replica")
        delete = "delete from archiver.municipality_key where purpose = $1 and tenant <> ''"
        await connection.execute(delete, purpose)
    name = f"the {purpose} key of municipality almelo"
    [found] = await log.findings()
    assert (found.what, found.sentence) == ("key", f"{name} is gone")
    first, *_ = await log.findings(with_keys=True)
    assert first.what == "key" and name in first.sentence


async def test_destruction_does_not_excuse_a_later_key(log: Log) -> None:
    await log.erase(3)
    await log.writer.add([entry_like(log.records[15])])
    await log.sign()
    assert await log.findings(with_keys=True) == []
    await log.pool.execute(DELETE_KEY, conversation(3))
    assert await log.kinds(with_keys=True) == ["key"]


async def test_destruction_made_of_another_record_before_signing_is_found(log: Log) -> None:
    receipt, victim = record("receipt", {}, tenant="", conversation=""), conversation(80)
    await log.writer.add([receipt])
    await log.pool.execute(
        "update archiver.entry set kind = 'destruction', tenant = 'almelo', conversation = $2"
        " where id = $1",
        receipt.id, victim,
    )  # fmt: skip
    await rebuild_tree(log.pool)
    await log.pool.execute(DELETE_KEY, victim)
    await log.sign()
    assert await log.kinds(with_keys=True) == ["destruction"]


async def test_restored_receipt_and_index_of_a_person_are_found(log: Log) -> None:
    receipt, pool = record("receipt", {}, tenant="", conversation=""), log.pool
    message = msgspec.structs.replace(entry(9000), receipt=receipt.id, item_index=0)
    await log.writer.add([receipt, message])
    salt = await pool.fetchval("select salt from archiver.entry where id = $1", receipt.id)
    await pool.execute("create table before as select * from archiver.subject")
    await log.eraser.erase_conversation("almelo", message.conversation, "test")
    await log.sign()
    assert await log.findings(with_keys=True) == []
    await pool.execute("update archiver.entry set salt = $2 where id = $1", receipt.id, salt)
    await pool.execute("insert into archiver.subject select * from before on conflict do nothing")
    assert await log.kinds(with_keys=True) == ["restored"]
    async with pool.acquire() as connection, connection.transaction():
        orphans = await search_index.find_orphaned_rows(connection)
        assert [one.what for one in orphans] == ["index"]
        assert await search_index.delete_orphans(connection) == 1
        assert await search_index.find_orphaned_rows(connection) == []
