"""What somebody with all rights does beside the log, or before it is signed; and what others do
while it is gone over."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from archiver.audit import search_index
from archiver.audit.log_walk import Finding
from archiver.index.blind_index import person_hash
from archiver.intake import Batch, Intake
from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.log.erasure import Eraser
from archiver.log.inclusion_proof import prove_inclusion
from archiver.log.writer import Writer
from archiver.media.fetch_policy import FetchedFile
from archiver.media.store import MediaStore
from archiver.quarantine import Quarantine
from services import clock
from services.contract import Record
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from tests.integration.archiver.test_tampering import COPIED, _again
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.integration.log_fixture import ENTRIES, Log, conversation, logged, message
from tests.support.integration.media_provider import came


@pytest.fixture
async def log(pool: Pool, tmp_path: Path) -> AsyncIterator[Log]:
    async with logged(pool, tmp_path) as made:
        yield made


def receipt() -> Record:
    data = b'{"door":"x","proof":"y","signature":"sha256=ab"}'
    return Record(id=clock.new_id(), kind="receipt", at=clock.now(), data=data)


def whats(found: list[Finding]) -> list[str]:
    return [one.what for one in found]


async def test_an_entry_before_the_first_is_found_without_a_key(log: Log) -> None:
    await log.pool.execute(COPIED.format(-1) + "where position = 400")
    assert whats(await log.findings()) == ["doubled"]


async def test_a_destruction_that_was_made_of_something_else_is_found(log: Log) -> None:
    """Before it was signed: so what is signed afterwards fits."""
    made, victim = receipt(), conversation(80)
    await log.writer.add([made])
    await log.pool.execute(
        "update archiver.entry set kind = 'destruction', tenant = 'almelo', conversation = $2"
        " where id = $1",
        made.id,
        victim,
    )
    await _again(log, nodes=True, head=True, checkpoints=False)
    await log.pool.execute("delete from archiver.conversation_key where conversation = $1", victim)
    await log.sign()
    assert whats(await log.findings(keys=await keys_of(log.pool))) == ["destruction"]


async def test_a_destruction_of_one_is_none_of_another(log: Log) -> None:
    await log.destroyer.erase_conversation("almelo", conversation(3), "test")
    await log.pool.execute(
        "update archiver.entry set conversation = $1 where kind = 'destruction'", conversation(4)
    )
    await _again(log, nodes=True, head=True, checkpoints=False)
    await log.sign()
    assert "destruction" in whats(await log.findings(keys=await keys_of(log.pool)))


@pytest.mark.parametrize("purpose", ["hash", "content"])
async def test_a_municipalitys_key_that_is_gone_is_found_without_the_master_key(
    log: Log, purpose: str
) -> None:
    async with log.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local session_replication_role = replica")
        delete = "delete from archiver.municipality_key where purpose = $1 and tenant = 'almelo'"
        await connection.execute(delete, purpose)
    [found] = await log.findings()
    assert (found.what, found.sentence) == (
        "key",
        f"the {purpose} key of municipality almelo is gone",
    )


async def test_what_is_put_back_after_a_destruction_is_found(log: Log) -> None:
    made, pool = receipt(), log.pool
    said = msgspec.structs.replace(message(9000), receipt=made.id, item_index=0)
    await log.writer.add([made, said])
    salt = await pool.fetchval("select salt from archiver.entry where id = $1", made.id)
    await pool.execute("create table before as select * from archiver.subject")
    await log.destroyer.erase_conversation("almelo", said.conversation, "test")
    await log.sign()
    keys = await keys_of(pool)
    assert await log.findings(keys=keys) == []
    await pool.execute("update archiver.entry set salt = $2 where id = $1", made.id, salt)
    await pool.execute("insert into archiver.subject select * from before on conflict do nothing")
    assert whats(await log.findings(keys=keys)) == ["restored"]
    async with pool.acquire() as connection, connection.transaction():
        assert whats(await search_index.find_orphaned_rows(connection)) == ["index"]
        assert await search_index.delete_orphans(connection) == 1
        assert await search_index.find_orphaned_rows(connection) == []


@pytest.mark.parametrize("size", [-1, 2**62 + 1, 2**63 - 1])
async def test_a_checkpoint_of_a_size_that_cannot_be_is_found(log: Log, size: int) -> None:
    await log.pool.execute("insert into archiver.checkpoint values ($1, now(), 'x')", size)
    found = await log.findings(outside=False)
    assert [(one.what, one.position) for one in found] == [("checkpoint", size)]
    async with log.pool.acquire() as connection:
        made = await prove_inclusion(connection, log.records[3].id, log.signer.verifier)
    assert made.size == ENTRIES


async def test_of_a_record_whose_time_nobody_can_tell_the_rest_is_kept(pool: Pool) -> None:
    keys, good = await keys_of(pool), message(1)
    never = datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))
    intake = Intake(Writer(pool, keys), Quarantine(pool, keys))
    records = [msgspec.structs.replace(message(2), at=never), good]
    await intake._write_batch(Batch([], records, await intake._seal_records(records)))
    assert await pool.fetchval("select count(*) from archiver.quarantine") == 1
    assert await pool.fetchval("select id from archiver.entry") == good.id


async def test_checkpoints_of_each_entry_are_held_against_the_log_one_and_all(
    log: Log,
) -> None:
    """More of them than are looked at together."""
    for _ in range(40):
        await log.grow(1)
        await log.sign()
    assert await log.findings() == []
    await log.pool.execute(
        "update archiver.checkpoint set note = (select note from archiver.checkpoint"
        " where size = $1) where size in ($2, $3)",
        ENTRIES,
        ENTRIES + 3,
        ENTRIES + 37,
    )
    found = await log.findings(outside=False)
    assert [(one.what, one.position) for one in found] == [
        ("checkpoint", ENTRIES + 3),
        ("checkpoint", ENTRIES + 37),
    ]
    await log.pool.execute("delete from archiver.checkpoint where size = $1", ENTRIES + 5)
    found = await log.findings()
    gone = [one for one in found if "gone from its table" in one.sentence]
    assert [one.position for one in gone] == [ENTRIES + 5]
    await log.pool.execute("delete from archiver.entry where position >= $1", ENTRIES + 10)
    found = await log.findings(outside=False)
    assert [one.what for one in found].count("short") == 1


class Meanwhile(ObjectStore):
    """Where checkpoints are kept; while it is listed, the archiver writes and signs."""

    log: Log

    async def keys(self, folder: str) -> AsyncIterator[str]:
        await self.log.grow(1)
        await sign_checkpoint(self.log.pool, self.log.signer, ObjectStore(self.url))
        async for one in super().keys(folder):
            yield one

    url = ""


async def test_what_is_signed_while_it_is_gone_over_is_not_wrong(log: Log, tmp_path: Path) -> None:
    url = (tmp_path / "outside").as_uri()
    log.outside = slow = Meanwhile(url)
    slow.log, slow.url = log, url
    assert await log.findings() == []
    assert await log.pool.fetchval("select max(size) from archiver.checkpoint") == ENTRIES + 1


async def test_of_an_entry_in_no_conversation_nobody_is_left(pool: Pool) -> None:
    keys, alone = await keys_of(pool), msgspec.structs.replace(message(7), conversation="")
    await (await writer_of(pool)).add([alone])
    await Eraser(pool, keys).erase_entry(alone.id, "test")
    hash = person_hash(await keys.hash_key("almelo"), "phone", "31610000007")
    assert await pool.fetch("select entry from archiver.subject where hash = $1", hash) == []


async def test_a_file_on_its_way_to_a_message_that_is_destroyed_does_not_come(pool: Pool) -> None:
    keys, id, now = await keys_of(pool), await came(pool, "900"), clock.now()
    entry = await pool.fetchval("select id from archiver.entry where message = $1", id)
    book = MediaStore(pool, keys)
    file = await book.claim_to_fetch(now, clock.new_id(), [])
    assert file
    await Eraser(pool, keys).erase_entry(entry, "test")
    assert not await book.start_fetch(file)
    assert not await book.set_object(file, "cd" * 32)
    await book.record_fetch(file, FetchedFile(3, "ab" * 32, "image/jpeg", b""), now)
    kept = await book.find(id)
    assert kept and (kept.state, kept.stream_key, kept.sha256) == ("lost", None, "")
    assert await book.claim_to_fetch(now + timedelta(days=1), clock.new_id(), []) is None


async def test_a_municipality_is_destroyed_while_its_citizens_write(log: Log) -> None:
    await log.pool.execute(
        "create function slow() returns trigger language plpgsql"
        " as $$ begin perform pg_sleep(0.002); return old; end $$;"
        "create trigger slow before delete on archiver.conversation_key"
        " for each row execute function slow()"
    )

    async def write() -> None:
        for n in range(20):
            await log.writer.add([message(3000 + 5 * n)])

    await asyncio.gather(log.destroyer.erase_municipality("almelo", "it is no more"), write())
    assert await log.findings(keys=await keys_of(log.pool)) == []


async def test_a_hash_that_somebody_put_there_before_stops_nobody(log: Log) -> None:
    pool, keys = log.pool, await keys_of(log.pool)
    await pool.execute("insert into archiver.node values (8, 2, '\\x00')")  # of a tile that comes
    intake = Intake(Writer(pool, keys), Quarantine(pool, keys))
    records = [message(10_000 + n) for n in range(200)]
    await intake._write_batch(Batch([], records, await intake._seal_records(records)))
    assert await pool.fetchval("select count(*) from archiver.quarantine") == 0
    assert await pool.fetchval("select size from archiver.head") == ENTRIES + 200
    assert "tile" in whats(await log.findings())
