"""The object store, on a folder."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services import clock
from services.files.object_store import (
    PIECE_BYTES,
    ObjectNotFound,
    ObjectStore,
    media_key,
    sealed_key,
    upload_key,
)


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def read(objects: ObjectStore, key: str) -> bytes:
    return b"".join([piece async for piece in await objects.read(key)])


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


KEY = upload_key(clock.new_id())


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path.as_uri())


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of which the contents were forced to disk."""
    paths: list[str] = []
    synced = paths.append
    monkeypatch.setattr(os, "fsync", lambda handle: synced(os.readlink(f"/proc/self/fd/{handle}")))
    return paths


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, 2 * PIECE_BYTES + 7])
async def test_stored_object_can_be_read_until_it_is_deleted(
    tmp_path: Path, objects: ObjectStore, size: int
) -> None:
    content = os.urandom(1024) * (size // 1024) + b"x" * (size % 1024)
    await objects.put(KEY, pieces(content[: size // 3], content[size // 3 :]))
    assert await read(objects, KEY) == content
    assert len(files(tmp_path)) == 1
    await objects.delete(KEY)
    await objects.delete(KEY)
    assert files(tmp_path) == []
    with pytest.raises(ObjectNotFound):
        await objects.read(KEY)


async def test_stored_object_and_its_folders_are_synced_to_disk(
    tmp_path: Path, objects: ObjectStore, synced: list[str]
) -> None:
    await objects.put(KEY, pieces(b"x"))
    assert synced == [str(tmp_path / KEY), str(tmp_path / "upload"), str(tmp_path)]


@pytest.mark.parametrize("size", [10, 2 * PIECE_BYTES])
async def test_interrupted_upload_leaves_no_object(
    tmp_path: Path, objects: ObjectStore, size: int
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * size
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        await objects.put(KEY, broken())
    assert files(tmp_path) == []


async def test_cancelled_put_leaves_nothing_and_reads_no_further(
    tmp_path: Path, objects: ObjectStore
) -> None:
    reached, ended = asyncio.Event(), asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield b"x" * 2 * PIECE_BYTES
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    put = asyncio.create_task(objects.put(KEY, stuck()))
    await reached.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    assert ended.is_set()
    assert files(tmp_path) == []


async def test_delete_removes_partial_files_of_a_killed_process(
    tmp_path: Path, objects: ObjectStore
) -> None:
    (tmp_path / "upload").mkdir()
    for name in (f"{KEY}#1", f"{KEY}#2", f"upload/{clock.new_id()}#1"):
        (tmp_path / name).write_bytes(b"half")
    await objects.delete(KEY)
    assert len(files(tmp_path)) == 1


async def test_complete_object_gets_its_final_name_and_is_never_rewritten(
    tmp_path: Path, objects: ObjectStore, synced: list[str]
) -> None:
    key, name = media_key(clock.new_id()), sealed_key("a" * 64)
    await objects.put(key, pieces(b"whole"))
    synced.clear()
    await objects.make_permanent(key, name)
    assert synced == [str(tmp_path / each) for each in (name, "sealed", "", "media")]
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o400
    await objects.put(key, pieces(b"other"))
    await objects.make_permanent(key, name)  # of a try of which the answer was lost
    assert files(tmp_path) == ["a" * 64]
    assert await read(objects, name) == b"whole"
    with pytest.raises(ObjectNotFound):
        await objects.make_permanent(key, sealed_key("b" * 64))
    await objects.delete(name)
    assert files(tmp_path) == []


@pytest.mark.parametrize("key", ["../etc/passwd", "upload/x", "upload/../" + "a" * 36, "/", ""])
async def test_path_that_is_no_key_is_refused(objects: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="a key is"):
        await objects.put(key, pieces(b"x"))
    with pytest.raises(ValueError, match="a key is"):
        await objects.read(key)


async def test_store_folder_is_private_and_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "met spatie"
    await ObjectStore(folder.as_uri()).put(KEY, pieces(b"x"))
    assert folder.stat().st_mode & 0o777 == 0o700
    wrong = tmp_path / "file"
    wrong.touch()
    with pytest.raises(OSError, match="POSTKAMER_OBJECT_STORE: the folder cannot be used"):
        ObjectStore(wrong.as_uri())
