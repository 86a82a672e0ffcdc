"""Changes to keys and destructions are found, most of them with the master key."""

import msgspec
import pytest

from archiver.audit import search_index
from archiver.encryption.sealing import PLAIN, nonce
from archiver.log.entry import PlainColumns, entry_leaf_hash
from services import clock
from services.transparency.merkle import leaf_hash
from tests.support.archiver.records import record
from tests.support.archiver.signed_log import Log, conversation, entry, entry_like
from tests.support.archiver.tampering import (
    OTHER_COLUMNS,
    insert_entry,
    rebuild_tree,
    rewrite,
)

KEYS = "archiver.conversation_key"
DELETE_KEY = f"delete from {KEYS} where conversation = $1"


async def test_erased_and_untouched_entries_are_no_finding(log: Log) -> None:
    await log.erase(1)
    await log.eraser.erase_entry(log.records[400].id, "test")
    await log.sign()
    assert await log.findings(with_keys=True) == []


async def test_changed_key_is_found_with_the_master_key(log: Log) -> None:
    flip = "set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)"
    change = f"update {KEYS} set wrapped = {flip} where conversation = $1"
    await log.pool.execute(change, conversation(3))
    assert await log.findings() == []
    [found] = await log.findings(with_keys=True)
    assert (found.what, conversation(3) in found.sentence) == ("key", True)


async def test_one_key_in_place_of_all_others_is_found(log: Log) -> None:
    await log.pool.execute(
        f"update {KEYS} a set wrapped = b.wrapped from {KEYS} b where b.conversation = $1",
        conversation(0),
    )
    assert {*await log.kinds(with_keys=True)} == {"key"}


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


async def test_key_that_was_removed_and_made_again_does_not_open_earlier_entries(log: Log) -> None:
    await log.pool.execute(DELETE_KEY, conversation(3))
    await log.writer.add([entry_like(log.records[15])])
    await log.sign()
    assert await log.found(with_keys=True) == [("shut", n) for n in range(15, 20)]


async def test_destruction_that_the_archive_did_not_seal_is_found(log: Log) -> None:
    columns = {
        "id": clock.new_id(), "kind": "destruction", "at": clock.now(), "tenant": "almelo",
        "conversation": "", "department": "", "sequence": 0, "salt": bytes(16),
        "sealed": bytes(60),
    }  # fmt: skip
    await insert_entry(log.pool, columns, leaf_hash(b"forged"))
    await log.sign()
    await log.pool.execute(f"delete from {KEYS} where tenant = 'almelo'")
    assert "destruction" in await log.kinds(with_keys=True)


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


async def test_destruction_moved_to_another_conversation_is_found(log: Log) -> None:
    await log.erase(3)
    change = "update archiver.entry set conversation = $1 where kind = 'destruction'"
    await log.pool.execute(change, conversation(4))
    await rebuild_tree(log.pool)
    await log.sign()
    assert "destruction" in await log.kinds(with_keys=True)


async def test_restored_key_and_salt_are_found(log: Log) -> None:
    key = await log.pool.fetchrow(f"select * from {KEYS} where conversation = $1", conversation(3))
    salt = await log.pool.fetchval("select salt from archiver.entry where position = 400")
    await log.erase(3)
    await log.eraser.erase_entry(log.records[400].id, "test")
    await log.sign()
    assert key and await log.findings(with_keys=True) == []
    await log.pool.execute(f"insert into {KEYS} values ($1, $2, $3, $4, $5)", *key.values())
    await log.pool.execute("update archiver.entry set salt = $1 where position = 400", salt)
    assert await log.found(with_keys=True) == [("restored", n) for n in (*range(15, 20), 400)]


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


async def test_entry_that_was_sealed_without_a_key_is_found(log: Log) -> None:
    columns = PlainColumns(
        id=clock.new_id(), kind="message", at=clock.now(), tenant="almelo",
        conversation=conversation(3), department="balie", message=clock.new_id(), receipt=None,
        item=None, sequence=99,
    )  # fmt: skip
    sealed = nonce(bytes(16)) + bytes(80)
    row = {name: getattr(columns, name) for name in PlainColumns.__struct_fields__}
    row |= {"salt": bytes(16), "sealed": sealed}
    position = await insert_entry(log.pool, row, entry_leaf_hash(columns, sealed))
    await log.sign()
    assert await log.findings() == [], "without a key only its presence is known"
    assert await log.found(with_keys=True) == [("shut", position)]


@pytest.mark.parametrize("column", PLAIN)
async def test_plain_column_that_was_changed_with_its_leaf_before_signing_is_found(
    log: Log, column: str
) -> None:
    await log.grow(5)
    place = len(log.records) - 3
    change = (
        f"update archiver.entry set {column} = {OTHER_COLUMNS[column]} where position = {place}"
    )
    await rewrite(change, checkpoints=False)(log)
    await log.sign()
    kind = "key" if column == "tenant" else "shut"  # no key is of that municipality
    assert await log.found(with_keys=True) == [(kind, place)]
