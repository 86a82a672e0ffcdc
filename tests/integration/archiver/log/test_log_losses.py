"""A loss that came with a restore is accepted once; nothing else is hidden by that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver.log import checkpoint_signer, outside_head
from archiver.log.accepted_loss import AT_ONCE, KIND, load_accepted
from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.log.known_head import KnownHead
from archiver.log.log_loss import Cause, read_losses
from archiver.log.outside_head import HeadKeeper
from archiver.log.writer import Writer
from archiver.orders.comparer import Comparer
from archiver.signing.signer import Signer, sign_checkpoint_note
from cli.archive.restoration.destructions import LOOKS_REMOVED
from cli.archive.restoration.losses import ALREADY, REFUSED
from deploy.local.postgresql import Database
from services import clock
from services.config.settings import derive_key
from services.contract import Record
from services.files.object_store import ObjectStore, checkpoint_key
from services.postgres.database import Pool, connection_pool
from services.transparency.merkle import load_tree
from services.transparency.signed_note import Checkpoint
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.orders import MASTERS, book_of, eraser_of
from tests.support.archiver.records import id_of, message
from tests.support.decrypted_record import keys_of
from tests.support.observer import until

LIVE, RESTORED, AGAIN = "loss_live", "loss_restored", "loss_restored_again"
HEAD_KEY = derive_key(MASTERS, outside_head.PURPOSE)
SIGNER = Signer("postkamer", derive_key(MASTERS, checkpoint_signer.PURPOSE))
KINDS = {"checkpoint", "root", "short", "loss"}
"""Kinds of finding after a restore: a checkpoint without a row, one that differs, a longer log."""
REASON = "restored to 03:00, case 12"
FLAG = "--only-database-differs"
"""The restored databases of these tests are of one server."""


class Town:
    """A database with a log, and the object store that stays when the database is restored."""

    def __init__(self, pool: Pool, url: str, folder: Path, writer: Writer) -> None:
        self.pool, self.writer, self.store = pool, writer, ObjectStore(folder.as_uri())
        self.command = Archive(url, POSTKAMER_OBJECT_STORE=folder.as_uri())
        self.keeper = self._keeper()

    def _keeper(self) -> HeadKeeper:
        return HeadKeeper(self.pool, self.writer.known, self.store, HEAD_KEY)

    async def grow(self, count: int) -> int:
        """Add messages, sign them, and return the size of the log."""
        await self.writer.add([message("Goedemorgen", at=clock.now()) for _ in range(count)])
        signed = await sign_checkpoint(self.pool, SIGNER, self.store, self.writer.known)
        await self.keeper.keep()
        return signed.size

    async def start_archiver(self) -> None:
        """Compare with what stands outside, tell of it and sign it, as at each start."""
        self.writer.known = KnownHead()
        self.keeper = self._keeper()
        await self.keeper.compare()
        await self.grow(1)

    async def verify(self, code: int) -> Any:
        return await self.command.json("verify", code=code)

    async def found(self) -> list[tuple[str, int]]:
        """Kinds and places of what is wrong."""
        return [(each["what"], each["position"]) for each in (await self.verify(1))["findings"]]


@asynccontextmanager
async def town_in(url: str, folder: Path) -> AsyncIterator[Town]:
    async with connection_pool(url, "test", 4) as pool:
        yield Town(pool, url, folder, Writer(pool, await keys_of(pool)))


def _url(server: Database, database: str) -> str:
    return f"{server.url.rpartition('/')[0]}/{database}"


@pytest.fixture
async def lost(server: Database, tables: str, tmp_path: Path) -> AsyncIterator[tuple[Town, int]]:
    """A restored town, and the entries that the log had: 3 were backed up, the others came after,
    and one of the 3 was destroyed."""
    folder = tmp_path / "outside"
    urls = [_url(server, name) for name in (LIVE, RESTORED)]
    make = "create database {} template {} strategy file_copy"
    await asyncio.to_thread(server.execute, make.format(LIVE, tables), "postgres")
    async with town_in(urls[0], folder) as town:
        await Comparer(town.pool, book_of(folder)).compare()
        await town.writer.add([message("Mijn geheim", "twee", at=clock.now())])
        await town.grow(2)
    for name in (RESTORED, AGAIN):
        await asyncio.to_thread(server.execute, make.format(name, LIVE), "postgres")
    async with town_in(urls[0], folder) as town:
        await town.grow(1)
        await eraser_of(town.pool, await keys_of(town.pool), folder).erase_conversation(
            "almelo", id_of("twee"), "a test"
        )
        size = await town.grow(300)
    async with town_in(urls[1], folder) as town:
        yield town, size
    for name in (LIVE, RESTORED, AGAIN):
        drop = f"drop database {name} with (force)"
        await asyncio.to_thread(server.execute, drop, "postgres")


async def replay_noted(town: Town, size: int) -> None:
    """Carry out again what the first look found: it notes the loss, since WAL grows until then."""
    looked = await town.command.json("replay", "--dry-run")
    assert (looked["missing"], looked["looksRemoved"]) == (1, False)
    [noted] = await read_losses(town.store, HEAD_KEY)
    assert (noted.size, noted.kept_size, noted.cause) == (3, size, Cause.OTHER_NUMBER)
    said = (await town.command("replay")).stdout
    assert "1 order of 1 conversation were carried out again" in said
    assert await read_losses(town.store, HEAD_KEY) == [noted]


async def test_loss_that_came_with_a_restore_is_accepted_once(lost: tuple[Town, int]) -> None:
    town, size = lost
    await replay_noted(town, size)
    await town.start_archiver()
    before = await town.verify(1)
    assert {each["what"] for each in before["findings"]} == KINDS
    assert f"postkamer archive accept {size}" in before["findings"][-1]["sentence"]
    assert before["acceptedLosses"] == []
    refusal = await town.command.fails("accept", size, "--reason", REASON)
    assert REFUSED[Cause.OTHER_NUMBER] in refusal
    said = await town.command.json("accept", size, "--reason", REASON, FLAG)
    after = await town.verify(0)
    assert after["findings"] == [] and after["acceptedLosses"] == [said]
    # The longer log has a row, by which it is proved; a verification does not begin there.
    assert await town.pool.fetchval("select max(size) from archiver.checkpoint") == size
    since = (clock.now() + timedelta(minutes=1)).isoformat()
    assert (await town.command.json("verify", "--since", since))["findings"] == []
    assert (said["first"], said["last"], said["size"]) == (3, size - 1, size)
    assert (said["by"], said["reason"]) == (OPERATOR, REASON)
    recorded = "select data->>'cause' from access.operation where what = 'archive accept'"
    assert await town.pool.fetchval(recorded) == "other_number"
    assert said["root"] and said["signedAt"] and said["foundAt"] < said["acceptedAt"]
    [line] = [
        line
        for line in (await town.command("verify")).stdout.splitlines()
        if line.startswith("Accepted: ")
    ]
    assert line.startswith(f"Accepted: {size - 3} entries from 3 to {size - 1}, lost by a restore")
    assert line.endswith(f"by {OPERATOR}: {REASON}.")
    assert ALREADY in await town.command.fails("accept", size, "--reason", REASON, FLAG)
    # It stays so when the log is longer than what was lost, and at each start.
    await town.grow(size)
    await town.start_archiver()
    assert (await town.verify(0))["acceptedLosses"] == [said]


async def test_other_fault_is_found_after_a_loss_was_accepted(lost: tuple[Town, int]) -> None:
    town, size = lost
    await town.command("replay")
    await town.start_archiver()
    rows = await remove_rows(town.pool, 3)
    await town.command("accept", size, "--reason", REASON, FLAG)
    async with town.pool.acquire() as connection:
        [accepted] = await load_accepted(connection, await keys_of(town.pool))
    assert accepted.left_at == max(at for _, at, _ in rows), "rows of before are no part of it"
    await town.pool.executemany(
        "insert into archiver.checkpoint (size, at, note) values ($1, $2, $3)", rows
    )
    await town.verify(0)
    # A checkpoint of the time since, in the place of what was lost.
    later = clock.now() + timedelta(seconds=2)
    other = Checkpoint(SIGNER.origin, 6, bytes(32), later)
    await town.store.create(checkpoint_key(6), (await sign_checkpoint_note(SIGNER, other)).encode())
    assert ("checkpoint", 6) in await town.found()
    await town.store.delete(checkpoint_key(6))
    await town.verify(0)
    # Entries that are removed from a database that was not restored.
    grown = await town.grow(size)
    await remove_last(town.pool, 2)
    before = await read_losses(town.store, HEAD_KEY)
    assert (await town.command.json("replay", "--dry-run"))["looksRemoved"]
    assert LOOKS_REMOVED in (await town.command("replay", "--dry-run")).stdout
    assert await read_losses(town.store, HEAD_KEY) == before, "a new time line may still begin"
    await town.writer.add([message("Goedemorgen", at=clock.now())])
    await town.keeper.keep()  # the archiver that runs has found it
    await town.grow(0)
    assert {what for what, _ in await town.found()} == {"short", "loss"}
    assert REFUSED[Cause.REMOVED] in await town.command.fails(
        "accept", grown, "--reason", REASON, FLAG
    )
    assert "no loss of a log of 4 entries" in await town.command.fails(
        "accept", 4, "--reason", REASON, FLAG
    )


async def test_accepted_loss_counts_only_from_the_command(lost: tuple[Town, int]) -> None:
    town, size = lost
    await town.command("replay")
    await town.start_archiver()
    # Whoever can publish records has many sealed before it.
    await town.writer.add([other_loss() for _ in range(AT_ONCE)])
    await town.command("accept", size, "--reason", REASON, FLAG)
    keys = await keys_of(town.pool)
    async with town.pool.acquire() as connection:
        [accepted] = await load_accepted(connection, keys)
    # Or one that says the same, of more.
    more = msgspec.structs.replace(accepted, size=0)
    forged = other_loss(msgspec.json.encode(more))
    await town.writer.add([forged])
    await town.grow(1)
    assert len((await town.verify(0))["acceptedLosses"]) == 1
    # Without its entry the loss is found again, and so is it that an entry is gone.
    await town.pool.execute(
        "delete from archiver.entry where kind = $1 and id <> $2", KIND, forged.id
    )
    assert {what for what, _ in await town.found()} >= {"missing", "loss"}


def other_loss(data: bytes = b"{}") -> Record:
    """Record of the kind that the command writes, by somebody else."""
    return Record(id=clock.new_id(), kind=KIND, at=clock.now(), data=data)


async def test_each_loss_is_accepted_by_itself_also_anew(
    lost: tuple[Town, int], server: Database, tmp_path: Path
) -> None:
    """The second restore takes the entry of the first along."""
    town, size = lost
    await town.command("replay")
    await town.start_archiver()
    said = await town.command.json("accept", size, "--reason", REASON, FLAG)
    await later_than(datetime.fromisoformat(said["foundAt"]))
    grown = await town.grow(size)
    async with town_in(_url(server, AGAIN), tmp_path / "outside") as again:
        await again.command("replay")
        await again.start_archiver()
        for each, code in ((size, 1), (grown, 0)):
            await again.verify(1)
            await again.command("accept", each, "--reason", REASON, FLAG)
            found = await again.verify(code)
        assert [each["size"] for each in found["acceptedLosses"]] == [size, grown]


async def later_than(moment: datetime) -> None:
    """Wait until the second of this moment is over: a note has no finer time, and of what was
    signed in it nobody knows if it was before."""

    async def now() -> datetime:
        return clock.now()

    await until(now, lambda at: at >= moment.replace(microsecond=0) + timedelta(seconds=1), 5.0)


async def remove_rows(pool: Pool, size: int) -> list[tuple[int, datetime, str]]:
    """Remove the checkpoints up to this size, as somebody would who has all rights, and return
    them."""
    gone = "delete from archiver.checkpoint where size <= $1 returning size, at, note"
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local session_replication_role = replica")
        return [(row["size"], row["at"], row["note"]) for row in await connection.fetch(gone, size)]


async def remove_last(pool: Pool, count: int) -> None:
    """Remove the last entries as somebody would who has all rights on the database."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local session_replication_role = replica")
        size = int(await connection.fetchval("select size from archiver.head")) - count
        leaves = await connection.fetch(
            "select leaf from archiver.entry where position < $1 order by position", size
        )
        tree = load_tree(0, b"")
        for row in leaves:
            tree.append(row["leaf"])
        await connection.execute("delete from archiver.searchable where position >= $1", size)
        await connection.execute("delete from archiver.entry where position >= $1", size)
        await connection.execute("delete from archiver.checkpoint where size > $1", size)
        await connection.execute(
            "update archiver.head set size = $1, peaks = $2", size, tree.edge_bytes()
        )
