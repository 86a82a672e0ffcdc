"""The check of the log: its reach, and what is no finding. The table of tamperings has what it
finds."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.log.entry import PlainColumns
from archiver.log.inclusion_proof import prove_inclusion
from archiver.log.writer import Writer
from services import clock
from services.files import object_store
from services.files.object_store import ObjectStore, StoreUnavailable
from services.ids import uuid7
from tests.support.archiver.signed_log import ENTRIES, Log, Place, entry
from tests.support.archiver.tampering import SET_HEAD, insert_entry

PLACE = 400
"""An entry in the second tile, which is signed with the second checkpoint alone."""
CHANGE, DELETE = "update archiver.entry set", "delete from archiver.entry"
ONE = f"where position = {PLACE}"


async def test_untouched_log_has_no_findings_signed_or_not(log: Log) -> None:
    assert await log.findings() == []
    await log.grow(1000)
    assert await log.findings() == []
    await log.sign()
    assert await log.findings() == []


async def test_erased_entry_is_no_finding_but_a_removed_one_is(log: Log) -> None:
    await log.erase(3)
    await log.eraser.erase_entry(log.records[PLACE].id, "test")
    assert await log.findings() == []
    await log.pool.execute(f"{DELETE} {ONE}")
    assert (await log.kinds())[:1] == ["missing"]


async def restore_backup(log: Log) -> None:
    """Bring the database back to what it is now, once more was signed outside, and go on."""
    head = await log.pool.fetchrow("select size, peaks from archiver.head")
    await log.grow(5)
    await log.sign()
    await log.pool.execute(f"{DELETE} where position >= $1", head["size"])
    await log.pool.execute("delete from archiver.checkpoint where size > $1", head["size"])
    await log.pool.execute(SET_HEAD, head["size"], head["peaks"])
    log.writer = Writer(log.pool, log.keys)  # of an archiver that has just started
    await log.grow(20)
    await log.sign()


TWO = (ENTRIES + 10, ENTRIES + 11)
SWAP = f"{CHANGE} position = {sum(TWO)} - position where position in {TWO}"


async def test_change_after_a_restored_backup_is_found_beside_what_the_backup_lacks(
    log: Log,
) -> None:
    await restore_backup(log)
    lacks = [("checkpoint", ENTRIES + 5), ("root", ENTRIES)]
    assert sorted(await log.found()) == lacks
    await log.pool.execute(SWAP)
    assert sorted(set(await log.kinds())) == ["checkpoint", "head", "root"]
    named = [f.sentence for f in await log.findings() if f.what == "root"]
    assert f"something from {ENTRIES} to {ENTRIES + 19} is not what was signed" in named[-1]


async def test_check_since_a_time_covers_later_entries_only(log: Log) -> None:
    await log.grow(600)
    before = clock.now()
    await log.grow(600)
    await log.sign()
    await log.pool.execute(f"{CHANGE} department = 'x' where position in (100, 1500)")
    assert [position for _, position in await log.found(since=before)] == [1500]
    assert [position for _, position in await log.found()] == [100, 1500]


async def test_check_since_a_time_covers_all_when_earlier_nodes_are_gone(log: Log) -> None:
    await log.grow(600)
    await log.sign()
    after = clock.now()
    await log.pool.execute("delete from archiver.node where index = 1")
    assert (await log.kinds(since=after))[:2] == ["node", "node"]


async def test_checkpoint_that_is_missing_outside_is_found(log: Log, tmp_path: Path) -> None:
    (tmp_path / "outside" / "checkpoint" / f"{ENTRIES:020}").unlink()
    assert await log.found() == [("outside", ENTRIES)]


async def test_checkpoint_signed_while_the_store_was_away_is_stored_later(
    log: Log, tmp_path: Path
) -> None:
    store, log.outside = log.outside, ObjectStore((tmp_path / "away").as_uri())
    (tmp_path / "away" / "checkpoint").write_text("a file where the folder should be")
    for _ in range(2):
        await log.grow(10)
        with pytest.raises(StoreUnavailable):
            await log.sign()
    log.outside = store
    sizes = [ENTRIES + 10, ENTRIES + 20]
    assert await log.kinds() == ["outside"] * 2
    assert await log.sign() == sizes[-1]
    assert await log.findings() == []
    assert all([await store.exists(object_store.checkpoint_key(size)) for size in sizes])


async def test_foreign_file_or_row_beside_the_checkpoints_does_not_stop_signing(
    log: Log, tmp_path: Path
) -> None:
    folder = tmp_path / "outside" / "checkpoint"
    (folder / "README").write_text("x")
    assert await log.findings() == []
    await log.grow(1)
    await log.pool.execute("insert into archiver.checkpoint values (701, now(), 'x')")
    assert await log.sign() == 701
    assert (folder / f"{701:020}").read_text() != "x"
    assert {*await log.kinds(with_keys=True)} == {"checkpoint"}


@pytest.mark.parametrize("size", [-1, 2**62 + 1, 2**63 - 1])
async def test_checkpoint_of_an_impossible_size_is_found_and_proofs_go_on(
    log: Log, size: int
) -> None:
    await log.pool.execute("insert into archiver.checkpoint values ($1, now(), 'x')", size)
    assert await log.found(outside=False) == [("checkpoint", size)]
    async with log.pool.acquire() as connection:
        proof = await prove_inclusion(connection, log.records[3].id, log.signer.verifier)
    assert proof.size == ENTRIES


async def test_time_of_a_checkpoint_is_held_against_its_note(log: Log) -> None:
    await log.pool.execute("update archiver.checkpoint set at = '2000-01-01' where size = 700")
    assert ("checkpoint", 700) in await log.found(since=clock.now())


async def test_each_of_many_checkpoints_is_held_against_the_log(log: Log) -> None:
    """More of them than are checked in one batch."""
    for _ in range(40):
        await log.grow(1)
        await log.sign()
    assert await log.findings() == []
    wrong: list[Place] = [("checkpoint", ENTRIES + 3), ("checkpoint", ENTRIES + 37)]
    await log.pool.execute(
        "update archiver.checkpoint set note = (select note from archiver.checkpoint"
        " where size = $1) where size in ($2, $3)",
        ENTRIES, *(size for _, size in wrong),
    )  # fmt: skip
    assert await log.found(outside=False) == wrong
    await log.pool.execute("delete from archiver.checkpoint where size = $1", ENTRIES + 5)
    gone = [one for one in await log.findings() if "gone from its table" in one.sentence]
    assert [one.position for one in gone] == [ENTRIES + 5]
    await log.pool.execute("delete from archiver.entry where position >= $1", ENTRIES + 10)
    assert (await log.kinds(outside=False)).count("short") == 1


async def test_unsigned_entries_are_found_after_an_hour(log: Log) -> None:
    await log.grow(5)
    hour_ago = "now() - interval '1 hour'"
    await log.pool.execute(f"{CHANGE} written_at = {hour_ago} where position >= 700")
    assert await log.found(with_keys=True) == [("unsigned", 700)]
    await log.sign()
    assert await log.found(with_keys=True) == [("written", 700)], "which the test altered"


async def test_time_of_writing_that_is_forged_does_not_hide_unsigned_entries(log: Log) -> None:
    hour_ago = uuid7(clock.now() - timedelta(hours=1), bytes(10))
    await log.writer.add([entry(9000, id=hour_ago)])
    assert await log.found(with_keys=True) == [], "the archiver may catch up"
    await log.pool.execute("update archiver.checkpoint set at = at - interval '1 hour'")
    assert ("unsigned", ENTRIES) in await log.found(with_keys=True)


class SigningStore(ObjectStore):
    """A store of checkpoints; while it is listed, the archiver writes and signs."""

    def __init__(self, log: Log, url: str) -> None:
        super().__init__(url)
        self._log, self._url = log, url

    async def keys(self, folder: str) -> AsyncIterator[str]:
        await self._log.grow(1)
        await sign_checkpoint(self._log.pool, self._log.signer, ObjectStore(self._url))
        async for one in super().keys(folder):
            yield one


async def test_checkpoint_signed_during_the_check_is_no_finding(log: Log, tmp_path: Path) -> None:
    log.outside = SigningStore(log, (tmp_path / "outside").as_uri())
    assert await log.findings() == []
    assert await log.pool.fetchval("select max(size) from archiver.checkpoint") == ENTRIES + 1


@pytest.mark.parametrize("since", [None, "the last checkpoint"])
async def test_id_that_stands_twice_is_found(log: Log, since: str | None) -> None:
    """The constraint is gone while it is written, and could be there again."""
    await log.grow(3)
    names = ", ".join(PlainColumns.__struct_fields__)
    row = await log.pool.fetchrow(
        f"select {names}, salt, sealed, leaf from archiver.entry where position = {PLACE}"
    )
    assert row
    await log.pool.execute("alter table archiver.entry drop constraint entry_pkey")
    columns = dict(row)
    options = {"since": clock.now()} if since else {}
    position = await insert_entry(log.pool, columns, columns.pop("leaf"))
    await log.sign()
    assert await log.found(**options) == [("doubled", position)]
