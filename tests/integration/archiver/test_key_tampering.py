"""Whoever has all rights and no key changes what opens the record, and is found out by whoever has
the master key."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.audit.log_walk import Finding
from archiver.encryption.sealing import nonce
from archiver.log.entry import PlainColumns, entry_leaf_hash
from archiver.log.merkle import leaf_hash, load_tree
from services import clock
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of
from tests.support.integration.log_fixture import Log, conversation, logged


@pytest.fixture
async def log(pool: Pool, tmp_path: Path) -> AsyncIterator[Log]:
    async with logged(pool, tmp_path) as log:
        yield log


async def _found(log: Log) -> list[Finding]:
    return await log.findings(keys=await keys_of(log.pool))


async def test_with_the_keys_what_nobody_touched_is_as_it_was(log: Log) -> None:
    await log.destroyer.erase_conversation("almelo", conversation(1), "test")
    await log.destroyer.erase_entry(log.records[400].id, "test")
    await log.sign()
    assert await _found(log) == []


async def test_one_key_in_the_place_of_all_others(log: Log) -> None:
    await log.pool.execute(
        "update archiver.conversation_key a set wrapped = b.wrapped"
        " from archiver.conversation_key b where b.conversation = $1",
        conversation(0),
    )
    assert {one.what for one in await _found(log)} == {"key"}


@pytest.mark.parametrize("purpose", ["content", "hash"])
async def test_a_municipality_s_key_is_taken_away(log: Log, purpose: str) -> None:
    async with log.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local session_replication_role = replica")
        await connection.execute(
            "delete from archiver.municipality_key where purpose = $1 and tenant <> ''", purpose
        )
    found = await _found(log)
    assert found[0].what == "key"
    assert f"the {purpose} key of municipality almelo" in found[0].sentence


async def test_a_destruction_excuses_nothing_that_came_after_it(log: Log) -> None:
    await log.destroyer.erase_conversation("almelo", conversation(3), "test")
    late = log.records[15]
    again = [
        type(late)(**{name: getattr(late, name) for name in late.__struct_fields__} | change)
        for change in [{"id": clock.new_id(), "message": clock.new_id()}]
    ]
    await log.writer.add(again)
    await log.sign()
    assert await _found(log) == []
    delete = "delete from archiver.conversation_key where conversation = $1"
    await log.pool.execute(delete, conversation(3))
    assert [one.what for one in await _found(log)] == ["key"]


async def test_a_destruction_that_was_not_sealed_here(log: Log) -> None:
    """Made to fit the log by somebody who knows how, and signed since."""
    head = await log.pool.fetchrow("select size, peaks from archiver.head")
    assert head
    leaf = leaf_hash(b"forged")
    await log.pool.execute(
        "insert into archiver.entry (id, position, kind, at, tenant, conversation, department,"
        " sequence, salt, sealed, leaf)"
        " values ($1, $2, 'destruction', now(), 'almelo', '', '', 0, $3, $4, $5)",
        clock.new_id(), head["size"], bytes(16), bytes(60), leaf,
    )  # fmt: skip
    tree = load_tree(head["size"], head["peaks"])
    tree.append(leaf)
    change = "update archiver.head set size = $1, peaks = $2"
    await log.pool.execute(change, tree.size, tree.edge_bytes())
    await log.sign()
    await log.pool.execute("delete from archiver.conversation_key where tenant = 'almelo'")
    assert "destruction" in {one.what for one in await _found(log)}


async def test_what_nobody_has_signed_for_long(log: Log) -> None:
    await log.grow(5)
    await log.pool.execute(
        "update archiver.entry set written_at = now() - interval '1 hour' where position >= 700"
    )
    assert [(one.what, one.position) for one in await _found(log)] == [("unsigned", 700)]
    await log.sign()
    assert await _found(log) == []


async def test_what_somebody_else_lays_beside_the_checkpoints_stops_nothing(
    log: Log, tmp_path: Path
) -> None:
    (tmp_path / "outside" / "checkpoint" / "README").write_text("x")
    assert await _found(log) == []
    await log.grow(1)
    forged = "insert into archiver.checkpoint values (701, now(), 'x')"
    await log.pool.execute(forged)
    assert await log.sign() == 701
    assert (tmp_path / "outside" / "checkpoint" / f"{701:020}").read_text() != "x"
    assert {one.what for one in await _found(log)} == {"checkpoint"}


async def test_a_key_that_was_taken_away_and_made_anew_hides_nothing(log: Log) -> None:
    """The next message of the conversation gets a key, and the older ones do not open with it."""
    delete = "delete from archiver.conversation_key where conversation = $1"
    await log.pool.execute(delete, conversation(3))
    late = log.records[15]
    more = {name: getattr(late, name) for name in late.__struct_fields__}
    await log.writer.add([type(late)(**more | {"id": clock.new_id(), "message": clock.new_id()})])
    await log.sign()
    found = await _found(log)
    assert [(one.what, one.position) for one in found] == [("shut", n) for n in range(15, 20)]


async def test_what_was_destroyed_and_is_put_back(log: Log) -> None:
    keys = "select * from archiver.conversation_key where conversation = $1"
    key = await log.pool.fetchrow(keys, conversation(3))
    salt = await log.pool.fetchval("select salt from archiver.entry where position = 400")
    destroyer = log.destroyer
    await destroyer.erase_conversation("almelo", conversation(3), "test")
    await destroyer.erase_entry(log.records[400].id, "test")
    await log.sign()
    assert key and await _found(log) == []
    back = "insert into archiver.conversation_key values ($1, $2, $3, $4, $5)"
    await log.pool.execute(back, *key.values())
    await log.pool.execute("update archiver.entry set salt = $1 where position = 400", salt)
    found = await _found(log)
    assert [(one.what, one.position) for one in found] == [
        ("restored", n) for n in (*range(15, 20), 400)
    ]


async def test_an_entry_that_nobody_with_a_key_has_sealed(log: Log) -> None:
    head = await log.pool.fetchrow("select size, peaks from archiver.head")
    assert head
    made = PlainColumns(
        id=clock.new_id(), kind="message", at=clock.now(), tenant="almelo",
        conversation=conversation(3), department="balie", message=clock.new_id(), receipt=None,
        item=None, sequence=99,
    )  # fmt: skip
    sealed = nonce(bytes(16)) + bytes(80)
    leaf = entry_leaf_hash(made, sealed)
    values = {name: getattr(made, name) for name in PlainColumns.__struct_fields__}
    row = values | {"position": head["size"], "salt": bytes(16), "sealed": sealed, "leaf": leaf}
    places = ", ".join(f"${n + 1}" for n in range(len(row)))
    await log.pool.execute(
        f"insert into archiver.entry ({', '.join(row)}) values ({places})", *row.values()
    )
    tree = load_tree(head["size"], head["peaks"])
    tree.append(leaf)
    change = "update archiver.head set size = $1, peaks = $2"
    await log.pool.execute(change, tree.size, tree.edge_bytes())
    await log.sign()
    assert await log.findings() == [], "that there is something, and nobody sees what"
    assert [(one.what, one.position) for one in await _found(log)] == [("shut", head["size"])]


async def test_when_a_checkpoint_was_signed_is_what_its_note_says(log: Log) -> None:
    await log.pool.execute("update archiver.checkpoint set at = '2000-01-01' where size = 700")
    found = await log.findings(since=clock.now())
    assert ("checkpoint", 700) in [(one.what, one.position) for one in found]
