"""What was kept of files held against what lies there: whatever somebody does to it is named."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from archiver.media import verifying
from archiver.media.verifying import damaged
from services import clock
from services.database import Pool
from services.objects import Away, Objects
from tests.integration.files import JPEG, came, dies, flipped, got, lying, room

Found = list[tuple[str, str, UUID | None]]
"""What, its name in the store, and the message."""


async def found(pool: Pool, folder: Path, progress: Any = lambda *_: None) -> Found:
    store = Objects((folder / "objects").as_uri())
    return [(one.what, one.object, one.message) async for one in damaged(pool, store, progress)]


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
    monkeypatch.setattr(verifying, "ROWS", 5)
    await kept(pool, tmp_path, 12)
    await came(pool, "waits")
    seen: list[tuple[int, int]] = []
    assert await found(pool, tmp_path, lambda *done: seen.append(done)) == []
    assert seen == [(4, 12), (5, 12), (9, 12), (10, 12), (12, 12)]


async def test_each_thing_that_is_wrong_is_named_with_its_message(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "ROWS", 3)
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


async def test_what_lies_open_from_before_is_held_against_the_hash_of_then(
    pool: Pool, tmp_path: Path
) -> None:
    id, object = await came(pool, "900"), clock.new_id()
    path = tmp_path / "objects" / "media" / str(object)
    path.parent.mkdir(parents=True)
    path.write_bytes(JPEG)
    await pool.execute(
        "update archiver.media set state = 'available', object = $1, sha256 = $2",
        object,
        hashlib.sha256(JPEG).hexdigest(),
    )
    assert await found(pool, tmp_path) == []
    altered(path, flipped(5))
    assert await found(pool, tmp_path) == [("damaged", f"media/{object}", id)]


async def test_what_is_under_way_is_not_wrong(pool: Pool, tmp_path: Path) -> None:
    await came(pool, "900")
    await dies(pool, Objects((tmp_path / "objects").as_uri()), "kept")
    assert len(lying(tmp_path)) == 1
    assert await found(pool, tmp_path) == []


async def test_what_was_taken_away_meanwhile_is_not_wrong(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(name, id), *_] = await kept(pool, tmp_path, 2)
    read = Objects.read

    async def taken_away(self: Objects, key: str) -> Any:
        if key == name:
            await self.delete(key)
            await pool.execute("delete from archiver.media where id = $1", id)
        return await read(self, key)

    monkeypatch.setattr(Objects, "read", taken_away)
    assert await found(pool, tmp_path) == []


async def test_a_store_that_is_away_is_not_damage(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept(pool, tmp_path, 3)

    async def away(*_: object) -> Any:
        raise Away("it does not answer")

    monkeypatch.setattr(Objects, "read", away)
    with pytest.raises(Away):
        await found(pool, tmp_path)
