"""What was kept of files held against what lies there: whatever somebody does to it is named."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from archiver.audit import media
from archiver.audit.media import verify_files
from archiver.encryption.key_store import KeyStore
from services import clock
from services.contract import Record
from services.files.object_store import ObjectStore, StoreUnavailable
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.integration.media_provider import JPEG, came, dies, flipped, got, lying, room

Found = list[tuple[str, str, UUID | None]]
"""What, its name in the store, and the message."""


async def found(
    pool: Pool, folder: Path, progress: Any = lambda *_: None, keys: KeyStore | None = None
) -> Found:
    store = ObjectStore((folder / "objects").as_uri())
    looked = verify_files(pool, store, progress, keys)
    return [(one.what, one.object, one.message) async for one in looked]


async def kept(pool: Pool, folder: Path, count: int) -> list[tuple[str, UUID]]:
    """Files that are handed out: name in the store, message; in the order of the messages."""
    async with room(pool, folder) as place:
        ids = [await got(place, JPEG + bytes([n]), f"9{n}") for n in range(count)]
        rows = [await place.row(id) for id in sorted(ids)]
    return [(f"sealed/{row['ciphertext_sha256']}", row["id"]) for row in rows]


def altered(path: Path, how: Callable[[bytes], bytes]) -> None:
    path.chmod(0o600)
    path.write_bytes(how(path.read_bytes()))


async def test_of_what_is_as_it_was_nothing_is_said(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "ROWS", 5)
    await kept(pool, tmp_path, 12)
    await came(pool, "waits")
    seen: list[tuple[int, int]] = []
    assert await found(pool, tmp_path, lambda *done: seen.append(done)) == []
    assert seen == [(4, 12), (5, 12), (9, 12), (10, 12), (12, 12)]


async def test_each_thing_that_is_wrong_is_named_with_its_message(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "ROWS", 3)
    files = await kept(pool, tmp_path, 8)
    there = lying(tmp_path)
    (flip, _), (cut, _), (longer, _), (gone, _), (one, _), (other, _), (empty, _), _ = files
    altered(there[flip], flipped(-1))
    altered(there[cut], lambda body: body[:-1])
    altered(there[longer], lambda body: body + b"x")
    there[gone].unlink()
    first, second = there[one].read_bytes(), there[other].read_bytes()
    altered(there[one], lambda _: second)
    altered(there[other], lambda _: first)
    altered(there[empty], lambda _: b"")
    stray = "sealed/" + "0" * 64
    for name in (stray, "sealed/x"):
        (tmp_path / "objects" / name).write_bytes(b"nobody's")
    wrong = [("missing" if name == gone else "damaged", name, id) for name, id in files[:7]]
    strays: Found = [("unnamed", stray, None), ("unnamed", "sealed/x", None)]
    assert await found(pool, tmp_path) == [*wrong, *strays]


async def test_what_is_under_way_is_not_wrong(pool: Pool, tmp_path: Path) -> None:
    await came(pool, "900")
    await dies(pool, ObjectStore((tmp_path / "objects").as_uri()), "kept")
    assert len(lying(tmp_path)) == 1
    assert await found(pool, tmp_path) == []


async def test_what_was_taken_away_meanwhile_is_not_wrong(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(name, id), *_] = await kept(pool, tmp_path, 2)
    read = ObjectStore.read

    async def taken_away(self: ObjectStore, key: str) -> Any:
        if key == name:
            await self.delete(key)
            await pool.execute("delete from archiver.media where id = $1", id)
        return await read(self, key)

    monkeypatch.setattr(ObjectStore, "read", taken_away)
    assert await found(pool, tmp_path) == []


async def test_a_store_that_is_away_is_not_damage(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept(pool, tmp_path, 3)

    async def away(*_: object) -> Any:
        raise StoreUnavailable("it does not answer")

    monkeypatch.setattr(ObjectStore, "read", away)
    with pytest.raises(StoreUnavailable):
        await found(pool, tmp_path)


def said(message: UUID, name: str) -> Record:
    """On the record of a file, as the router has it written."""
    data = {"state": "available" if name else "lost", "object": name.rpartition("/")[2]}
    now = clock.now()
    return Record(
        id=clock.new_id(now),
        kind="media",
        at=now,
        data=msgspec.json.encode(data),
        tenant="almelo",
        message=message,
    )


async def test_with_the_master_key_files_are_held_against_the_record(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody takes one away whole, and puts another in the place of one, in the table too."""
    monkeypatch.setattr(media, "ROWS", 3)
    files = await kept(pool, tmp_path, 8)
    writer, keys = await writer_of(pool), await keys_of(pool)
    for name, id in files:
        await writer.add([said(id, "")])
        await writer.add([said(id, name)])
    await writer.add([said(clock.new_id(), "")])
    assert await found(pool, tmp_path, keys=keys) == []
    (taken, first), (swapped, second) = files[2], files[6]
    lying(tmp_path)[taken].unlink()
    await pool.execute("delete from archiver.media where id = $1", first)
    body = lying(tmp_path)[swapped].read_bytes() + b"x"
    other = hashlib.sha256(body).hexdigest()
    lying(tmp_path)[swapped].unlink()
    (tmp_path / "objects" / "sealed" / other).write_bytes(body)
    change = "update archiver.media set ciphertext_sha256 = $2 where id = $1"
    await pool.execute(change, second, other)
    assert await found(pool, tmp_path) == []
    wrong = [("another", taken, first), ("another", swapped, second)]
    assert await found(pool, tmp_path, keys=keys) == wrong
