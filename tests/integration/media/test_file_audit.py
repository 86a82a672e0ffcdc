"""`archive verify --media`: every change to the stored files is found and named."""

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from archiver.audit import file_rows, media
from archiver.audit.media import verify_files
from archiver.encryption.key_store import KeyStore
from services.files.object_store import ObjectStore, StoreUnavailable
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of
from tests.support.integration.media_provider import (
    JPEG,
    came,
    damage,
    dies,
    flipped,
    got,
    lying,
    recorded,
    room,
)

Found = list[tuple[str, str, UUID | None]]
"""Kind of a finding, name in the store, and message."""


async def found(
    pool: Pool, folder: Path, progress: Any = lambda *_: None, keys: KeyStore | None = None
) -> Found:
    store = ObjectStore((folder / "objects").as_uri())
    findings = verify_files(pool, store, progress, keys)
    return [(one.what, one.object, one.message) async for one in findings]


async def stored(pool: Pool, folder: Path, count: int) -> list[tuple[str, UUID]]:
    """Available files: name in the store and message, in the order of the messages."""
    async with room(pool, folder) as place:
        ids = [await got(place, JPEG + bytes([n]), f"9{n}") for n in range(count)]
        rows = [await place.row(id) for id in sorted(ids)]
    return [(f"sealed/{row['ciphertext_sha256']}", row["id"]) for row in rows]


async def test_untouched_and_waiting_files_have_no_findings(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "ROWS", 5)
    await stored(pool, tmp_path, 12)
    await came(pool, "waits")
    seen: list[tuple[int, int]] = []
    assert await found(pool, tmp_path, lambda *done: seen.append(done)) == []
    assert seen == [(4, 12), (5, 12), (9, 12), (10, 12), (12, 12)]


async def test_damaged_missing_and_unnamed_files_are_found(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "ROWS", 3)
    files = await stored(pool, tmp_path, 8)
    paths = lying(tmp_path)
    (flip, _), (cut, _), (longer, _), (gone, _), (one, _), (other, _), (empty, _), _ = files
    first, second = paths[one].read_bytes(), paths[other].read_bytes()
    for name, how in (
        (flip, flipped(-1)),
        (cut, lambda body: body[:-1]),
        (longer, lambda body: body + b"x"),
        (one, lambda _: second),
        (other, lambda _: first),
        (empty, lambda _: b""),
    ):
        damage(paths[name], how)
    paths[gone].unlink()
    strays: Found = [("unnamed", "sealed/" + "0" * 64, None), ("unnamed", "sealed/x", None)]
    for _, name, _ in strays:
        (tmp_path / "objects" / name).write_bytes(b"of no message")
    wrong = [("missing" if name == gone else "damaged", name, id) for name, id in files[:7]]
    assert await found(pool, tmp_path) == [*wrong, *strays]


async def test_file_in_transit_is_no_finding(pool: Pool, tmp_path: Path) -> None:
    await came(pool, "900")
    await dies(pool, ObjectStore((tmp_path / "objects").as_uri()), "kept")
    assert len(lying(tmp_path)) == 1
    assert await found(pool, tmp_path) == []


async def test_file_removed_during_the_check_is_no_finding(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(name, id), *_] = await stored(pool, tmp_path, 2)
    read = ObjectStore.read

    async def remove_first(self: ObjectStore, key: str) -> Any:
        if key == name:
            await self.delete(key)
            await pool.execute("delete from archiver.media where id = $1", id)
        return await read(self, key)

    monkeypatch.setattr(ObjectStore, "read", remove_first)
    assert await found(pool, tmp_path) == []


async def test_unavailable_store_is_no_damage(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(pool, tmp_path, 3)

    async def fail(*_: object) -> Any:
        raise StoreUnavailable("it does not answer")

    monkeypatch.setattr(ObjectStore, "read", fail)
    with pytest.raises(StoreUnavailable):
        await found(pool, tmp_path)


async def test_removed_and_replaced_files_are_found_with_the_master_key(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that name them are changed as well."""
    monkeypatch.setattr(media, "ROWS", 3)
    monkeypatch.setattr(file_rows, "FILES", 3)
    files, keys = await stored(pool, tmp_path, 8), await keys_of(pool)
    await recorded(pool)
    assert await found(pool, tmp_path, keys=keys) == []
    (removed, first), (replaced, second) = files[2], files[6]
    lying(tmp_path)[removed].unlink()
    await pool.execute("delete from archiver.media where id = $1", first)
    path = lying(tmp_path)[replaced]
    body = path.read_bytes() + b"x"
    path.unlink()
    other = hashlib.sha256(body).hexdigest()
    path.with_name(other).write_bytes(body)
    change = "update archiver.media set ciphertext_sha256 = $2 where id = $1"
    await pool.execute(change, second, other)
    assert await found(pool, tmp_path) == []
    wrong: Found = [("unreadable", f"sealed/{other}", second)]
    wrong += [("another", removed, first), ("another", replaced, second)]
    assert await found(pool, tmp_path, keys=keys) == wrong
