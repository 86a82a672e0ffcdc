"""Thumbnails over HTTP: made once in a bounded process, kept sealed, on the record, destroyed."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from PIL import Image

from archiver.media import thumbnail_maker
from archiver.media.thumbnail_maker import MakerBusy, ThumbnailMaker
from services.postgres.database import Pool
from tests.support.archiver.orders import eraser_of
from tests.support.decrypted_record import keys_of, rows_of
from tests.support.integration.media_provider import (
    CONVERSATION,
    Room,
    damage,
    flipped,
    lying,
    room,
)


def photo(format: str = "JPEG", size: tuple[int, int] = (1200, 900)) -> bytes:
    output = io.BytesIO()
    Image.effect_noise(size, 40).save(output, format)
    return output.getvalue()


PHOTO = photo()


async def came(place: Room, content: bytes, type: str = "image/jpeg", id: str = "900") -> UUID:
    """A file that came and is handed out."""
    place.provider.files[id] = (type, content)
    made = await place.came(id, mimeType=type)
    await place.until(made, "available")
    return made


async def small(place: Room, id: UUID, token: str = "t") -> tuple[int, bytes, str]:
    """Status, body and type of the answer to a request for a thumbnail."""
    status, body, headers = await place.get(f"{id}/thumbnail", token)  # type: ignore[arg-type]
    return status, body, headers["Content-Type"]


def kept(folder: Path) -> dict[str, Path]:
    """Thumbnails in the store."""
    return {name: path for name, path in lying(folder).items() if name.startswith("thumbnail/")}


async def test_picture_has_a_thumbnail_for_its_department_alone(scanned: Room) -> None:
    id = await came(scanned, PHOTO)
    status, body, type = await small(scanned, id)
    assert (status, type) == (200, "image/jpeg") and len(body) < len(PHOTO) / 4
    assert Image.open(io.BytesIO(body)).size == (320, 240)
    nothing = await small(scanned, UUID(int=1))
    assert await small(scanned, id, "other") == nothing and nothing[0] == 404


async def test_each_look_at_a_thumbnail_is_on_the_record(pool: Pool, scanned: Room) -> None:
    id = await came(scanned, PHOTO)
    for _ in range(2):
        assert (await small(scanned, id))[0] == 200
    views = [row for row in await rows_of(pool) if row["kind"] == "view"]
    seen = [(msgspec.json.decode(row["data"])["what"], row["message"]) for row in views]
    assert seen == [("thumbnail", id), ("thumbnail", id)]


async def test_thumbnail_is_made_once_and_again_if_what_is_kept_was_altered(
    pool: Pool, tmp_path: Path
) -> None:
    async with room(pool, tmp_path) as place:
        id, other = await came(place, PHOTO), await came(place, photo("PNG"), "image/png", "901")
        answer = await small(place, id)
        [name] = kept(tmp_path)
        assert name == f"thumbnail/{id}"
        path = kept(tmp_path)[name]
        assert b"JFIF" not in path.read_bytes()
        sealed = path.read_bytes()
        assert await small(place, id) == answer and path.read_bytes() == sealed
        damage(path, flipped(-1))
        assert await small(place, id) == answer
        assert (await small(place, other))[0] == 200
        path.write_bytes(kept(tmp_path)[f"thumbnail/{other}"].read_bytes())  # another's
        assert await small(place, id) == answer
        path.write_bytes(bytes(thumbnail_maker.THUMBNAIL_BYTES * 2))
        assert await small(place, id) == answer
        path.unlink()
        assert await small(place, id) == answer


async def test_thumbnail_is_destroyed_with_its_conversation(pool: Pool, tmp_path: Path) -> None:
    async with room(pool, tmp_path) as place:
        id = await came(place, PHOTO)
        assert (await small(place, id))[0] == 200
        keys = await keys_of(pool)
        await eraser_of(pool, keys, tmp_path).erase_conversation("almelo", CONVERSATION, "B1")
        assert (await small(place, id))[0] != 200
        assert kept(tmp_path)  # its bytes stay, and nothing opens them


@pytest.mark.parametrize(
    ("content", "type"),
    [
        (PHOTO[: len(PHOTO) // 2], "image/jpeg"),
        (b"\xff\xd8\xff\xe0<html><script>alert(1)</script></html>", "image/jpeg"),
        (b"%PDF-1.7 " + bytes(100), "application/pdf"),
        (b"\0\0\0\x18ftypmp42" + bytes(100), "video/mp4"),
    ],
)
async def test_file_without_a_thumbnail_says_so_and_is_handed_out(
    pool: Pool, tmp_path: Path, content: bytes, type: str
) -> None:
    async with room(pool, tmp_path) as place:
        id = await came(place, content, type)
        for _ in range(2):
            status, body, kind = await small(place, id)
            assert (status, kind) == (404, "application/problem+json")
            assert msgspec.json.decode(body)["code"] == "no_thumbnail"
        assert (await place.get(id))[:2] == (200, content)


async def test_file_that_is_on_its_way_or_quarantined_has_no_thumbnail_yet(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", b"MZ\x90\x00 a program " + bytes(100))
    id = await scanned.came("900")
    assert (await small(scanned, id))[0] in (202, 451)
    await scanned.until(id, "quarantined")
    assert (await small(scanned, id))[0] == 451


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 65536):
        yield content[at : at + 65536]


async def test_bomb_takes_neither_the_time_nor_the_memory_that_it_asks_for() -> None:
    """A PNG of 100 million pixels in 20 KB, and one of 16 MiB that ends in nothing."""
    Image.MAX_IMAGE_PIXELS = None
    bomb = photo_of_nothing(10_000)
    assert len(bomb) < 20_000
    maker = ThumbnailMaker()
    async with asyncio.timeout(60):
        assert await maker.make(pieces(bomb)) == b""
        assert await maker.make(pieces(b"\x89PNG\r\n\x1a\n" + bytes(17 * 2**20))) == b""
        assert await maker.make(pieces(PHOTO))


def photo_of_nothing(side: int) -> bytes:
    output = io.BytesIO()
    Image.new("1", (side, side)).save(output, "PNG", compress_level=9)
    return output.getvalue()


@pytest.fixture
def misbehave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a program in the place of ours."""
    path = tmp_path / "program.py"
    monkeypatch.setattr(thumbnail_maker, "PROGRAM", path)

    def write(text: str) -> None:
        path.write_text(text)

    return write


LIMITED = f"""
import importlib.util, os, resource, socket, sys
spec = importlib.util.spec_from_file_location("ours", {str(thumbnail_maker.PROGRAM)!r})
ours = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ours)
ours.limit_process()
"""
ALLOWED = 'sys.stdout.buffer.write(b"\\xff\\xd8\\xff\\xe0")'
MISDEEDS = {
    "memory": f"try: bytes(2**30)\nexcept MemoryError: {ALLOWED}",
    "a file": f"try: open('/etc/hostname')\nexcept OSError: {ALLOWED}",
    "a socket": f"try: socket.socket()\nexcept OSError: {ALLOWED}",
    "our secrets": f"if not os.environ.keys() - {{'LC_CTYPE'}}: {ALLOWED}",
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
async def test_process_gets_none_of_these(misbehave: Callable[[str], None], misdeed: str) -> None:
    misbehave(LIMITED + MISDEEDS[misdeed])
    assert await ThumbnailMaker().make(pieces(PHOTO)) == b"\xff\xd8\xff\xe0"


FAULTS = {
    "endless": LIMITED + "resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass",
    "talkative": "import sys; sys.stdin.buffer.read()\nwhile True: print('x' * 65536)",
    "a page": "print('<html>')",
    "a fault of memory": "import ctypes; ctypes.string_at(0)",
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_program_that_fails_by_its_picture_gives_no_thumbnail(
    misbehave: Callable[[str], None], fault: str
) -> None:
    misbehave(FAULTS[fault])
    async with asyncio.timeout(60):
        assert await ThumbnailMaker().make(pieces(PHOTO)) == b""


@pytest.mark.parametrize("text", ["import os; os.kill(os.getpid(), 9)", "import nothing_of_this"])
async def test_program_that_another_stopped_is_tried_again(
    misbehave: Callable[[str], None], text: str
) -> None:
    misbehave(text)
    with pytest.raises(MakerBusy):
        await ThumbnailMaker().make(pieces(PHOTO))


async def test_more_than_may_wait_are_asked_to_come_back(
    misbehave: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    misbehave("import sys, time; sys.stdin.buffer.read(); time.sleep(60)")
    monkeypatch.setattr(thumbnail_maker, "MOST_WAITING", 3)
    monkeypatch.setattr(thumbnail_maker, "MAKE_SECONDS", 0.5)
    maker = ThumbnailMaker()
    asked = [asyncio.create_task(maker.make(pieces(PHOTO))) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(MakerBusy):
        await maker.make(pieces(PHOTO))
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, MakerBusy) for each in results)
