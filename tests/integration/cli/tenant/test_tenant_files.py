"""Files of citizens in the package of a municipality: each comes with its message, and no other."""

import asyncio
import hashlib
from base64 import b64encode
from pathlib import Path

import pytest
from pydantic import SecretStr

from archiver.destruction.removal import FileRemover
from archiver.orders import order
from archiver.orders.comparer import Comparer
from archiver.orders.order_book import OrderBook
from cli.tenant.package import PackageRefused
from services.config.settings import derive_key
from services.files.object_store import SEALED, sealed_key
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.records import NUMBER
from tests.support.archiver.signed_log import conversation
from tests.support.cli.two_installations import Side, loaded, packed, write
from tests.support.integration.parked_deliveries import commands


async def test_package_without_one_of_its_files_is_refused(
    old: Side, new: Side, tmp_path: Path
) -> None:
    await write(old, 2)
    sha256 = await add_file(old, 0)
    assert (await packed(old, tmp_path / "package")).objects == 1
    (tmp_path / "package" / "objects" / sha256).rename(tmp_path / "lost")
    with pytest.raises(PackageRefused, match="lacks 1 of the files"):
        await loaded(new, tmp_path / "package")
    (tmp_path / "lost").rename(tmp_path / "package" / "objects" / sha256)
    (tmp_path / "package" / "objects" / sha256).write_bytes(b"altered")
    with pytest.raises(PackageRefused, match="is not the file that the manifest names"):
        await loaded(new, tmp_path / "package")


async def test_file_that_was_destroyed_since_the_first_package_does_not_stay(
    old: Side, new: Side, tmp_path: Path
) -> None:
    await write(old, 15)
    gone, kept = await add_file(old, 1), await add_file(old, 2)
    await packed(old, tmp_path / "package", is_final=False)
    assert (await loaded(new, tmp_path / "package")).files == 2
    await eraser_of(old.pool, old.keys, old.folder).erase_conversation(
        "almelo", conversation(1), "test"
    )
    await old.pool.execute("update archiver.media set remove_at = now() where remove_at > now()")
    await FileRemover(old.pool, old.keys, old.store).remove_batch()
    await packed(old, tmp_path / "package")
    assert (await loaded(new, tmp_path / "package")).is_whole
    assert await files_of(old) == await files_of(new) == [kept]
    await new.pool.execute("delete from sharing.stopped_number")
    await loaded(new, tmp_path / "package")
    assert gone not in await files_of(new), "nor does it come back with late entries"


async def test_files_of_a_municipality_that_does_not_come_after_all_are_deleted(
    old: Side, new: Side, tmp_path: Path, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(old, 2)
    await add_file(old, 0)
    neighbours = await add_file(new, 1, "hengelo")
    await packed(old, tmp_path / "package", is_final=False)
    await loaded(new, tmp_path / "package")
    assert len(await files_of(new)) == 2
    monkeypatch.setenv("POSTKAMER_OPERATOR", "beheer")
    master = b64encode(b"n" * 32).decode()
    monkeypatch.setenv("POSTKAMER_ARCHIVE_KEY", master)
    monkeypatch.setenv("POSTKAMER_OBJECT_STORE", new.folder.as_uri())
    forget = ["tenant", "forget", "almelo", str(tmp_path / "package"), "--reason", "gaat niet door"]
    book = OrderBook(new.store, [derive_key([SecretStr(master)], order.PURPOSE)])
    await Comparer(new.pool, book).compare()  # as the archiver does at its start
    done = await asyncio.to_thread(commands(fresh), *forget, "--called-off")
    assert (done.exit_code, "1 file" in done.stdout) == (0, True), done.output
    assert await files_of(new) == [neighbours]


async def add_file(side: Side, n: int, tenant: str = "almelo") -> str:
    """Keep a file of a message in this conversation; return the hash of its bytes."""
    content = f"sealed {n}".encode()
    sha256 = hashlib.sha256(content).hexdigest()
    await side.store.create(sealed_key(sha256), content)
    await side.pool.execute(_FILE, NUMBER, conversation(n), sha256, tenant)
    return sha256


async def files_of(side: Side) -> list[str]:
    return [key.rpartition("/")[2] async for key in side.store.keys(SEALED)]


_FILE = """
insert into archiver.media (id, tenant, number, conversation, department, announced, sealed,
    sent_at, state, file_salt, ciphertext_sha256)
values (coalesce((select id from archiver.entry where (tenant, conversation) = ($4, $2)
        order by position limit 1), gen_random_uuid()),
    $4, $1, $2, 'balie', '{}', '', now(), 'available', '', $3)
"""
