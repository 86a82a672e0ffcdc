"""Files at the scanner: a real clamd that finds malware, is away, or is too small."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.media.fetch_policy import UNSCANNABLE
from services.files.clamd import Scanner, ScannerUnavailable, TooLarge
from services.postgres.database import Pool
from tests.support.clamav import EICAR, FOUND, Clamd, clamd
from tests.support.integration.media_provider import JPEG, Room, got, room
from tests.support.integration.parked_deliveries import commands


async def pieces(count: int, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(size)


async def test_malware_is_quarantined_and_named(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG + EICAR + JPEG)
    id = await scanned.came("900")
    row = await scanned.until(id, "quarantined", "available")
    assert row["reason"] == f"media_malware: de virusscanner vond {FOUND}.UNOFFICIAL"
    status, body, _ = await scanned.get(id)
    assert status == 451
    assert FOUND.encode() in body and EICAR not in body


async def test_file_waits_for_a_scanner_that_is_away(pool: Pool, tmp_path: Path) -> None:
    one = Clamd(tmp_path / "clamd")
    async with room(pool, tmp_path, Scanner(one.url)) as place:
        place.provider.files["900"] = ("image/jpeg", JPEG)
        id = await place.came("900")
        await place.until(id, "fetched")
        assert (await place.reason(id)).startswith("media_scanner")
        status, body, headers = await place.get(id)
        assert (status, headers["Retry-After"]) == (202, "5")
        assert JPEG[:4] not in body
        place.provider.files.clear()  # it is not asked for again
        one.start()
        try:
            await place.until(id, "available")
        finally:
            one.stop()
        assert (await place.get(id))[:2] == (200, JPEG)


async def test_unscanned_file_is_handed_out_where_allowed_and_scanned_later(
    pool: Pool, tmp_path: Path, scanner: Clamd
) -> None:
    async with room(pool, tmp_path) as place:
        id = await got(place, JPEG + EICAR)
        assert not (await place.row(id))["scanned"]
        assert (await place.get(id))[0] == 200
    async with room(pool, tmp_path, scanned_only=True) as place:
        assert (await place.get(id))[0] == 202, "in production nothing unscanned is shown"
        [first] = await place.unpublished()
        await place.mark_published([first])
    async with room(pool, tmp_path, Scanner(scanner.url), scanned_only=True) as place:
        await place.until(id, "quarantined")
        assert (await place.get(id))[0] == 451
        [second] = await place.unpublished()
    assert (first.state, second.state) == ("available", "quarantined")
    assert first.id != second.id


async def test_file_that_the_scanner_is_too_small_for_is_quarantined(
    pool: Pool, tmp_path: Path
) -> None:
    with clamd(tmp_path / "clamd", most=1) as small:
        scanner = Scanner(small.url)
        async with room(pool, tmp_path, scanner) as place:
            place.provider.files["900"] = ("image/jpeg", JPEG + bytes(8 * 1024 * 1024))
            row = await place.until(await place.came("900"), "quarantined", "available")
            assert row["reason"] == UNSCANNABLE
        for _ in range(20):  # whatever it reads, and whenever it hangs up
            with pytest.raises(TooLarge):
                await scanner.scan(pieces(200))
        assert not (await scanner.scan(pieces(2))).malware


async def test_server_that_is_no_scanner_is_unavailable(tmp_path: Path) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_unix_server(hang_up, tmp_path / "socket"):
        for url in (f"unix://{tmp_path}/socket", f"unix://{tmp_path}/none", "tcp://127.0.0.1:1"):
            with pytest.raises(ScannerUnavailable):
                await Scanner(url).scan(pieces(1, 1))


async def test_quarantined_files_are_listed_and_released_by_a_person(
    pool: Pool, empty: str, tmp_path: Path, scanner: Clamd
) -> None:
    command = commands(empty)
    contents = [b"MZ\x90\x00 a program " + bytes(100), JPEG + EICAR]
    async with room(pool, tmp_path, Scanner(scanner.url), scanned_only=True) as place:
        place.provider.files = {f"{n}": ("image/jpeg", each) for n, each in enumerate(contents)}
        ids = [await place.came(f"{n}") for n in range(2)]
        for id in ids:
            await place.until(id, "quarantined")
        await place.mark_published(await place.unpublished())
        listed = await asyncio.to_thread(command, "files", "list", "--json")
        names = {str(id): f"sealed/{(await place.row(id))['ciphertext_sha256']}" for id in ids}
        assert {one["id"]: one["object"] for one in json.loads(listed.stdout)} == names
        listed = await asyncio.to_thread(command, "files", "list")
        assert all(f"    {name}\n" in listed.stdout for name in names.values())
        for id, content in zip(ids, contents, strict=True):
            done = await asyncio.to_thread(command, "files", "release", str(id), "--by", "A. Arts")
            assert done.exit_code == 0, done.output
            assert (await place.get(id))[:2] == (200, content)
        await place.until(await place.came("902"), "waiting")  # fetching goes on past these
        unpublished = await place.unpublished()
        assert {one.reason for one in unpublished} == {"media_released: vrijgegeven door A. Arts"}
        assert [await place.state(id) for id in ids] == ["available", "available"]
        again = await asyncio.to_thread(command, "files", "release", str(ids[0]), "--by", "A. Arts")
        assert again.exit_code == 1
    assert "lantaarn" not in (await asyncio.to_thread(command, "files", "list")).stdout
