"""Files at the scanner: a real clamd that finds, is away, is too small; who lets them through."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.media.fetch_policy import UNSCANNABLE
from services.files.clamd import Scanner, ScannerUnavailable
from services.files.clamd import TooLarge as ScannerTooLarge
from services.postgres.database import Pool
from tests.support.clamav import EICAR, FOUND, Clamd, clamd
from tests.support.integration.media_provider import JPEG, Room, book_of, room
from tests.support.integration.parked_deliveries import commands

LONG = 20.0


async def test_what_the_scanner_finds_is_kept_from_everybody_and_says_what_it_is(
    scanned: Room,
) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG + EICAR + JPEG)
    id = await scanned.came("900")
    row = await scanned.until(id, "quarantined", "available")
    assert row["reason"] == f"media_malware: de virusscanner vond {FOUND}.UNOFFICIAL"
    status, body, _ = await scanned.get(id)
    assert status == 451
    assert FOUND.encode() in body and EICAR not in body


async def test_a_scanner_that_is_away_costs_time_and_no_file(pool: Pool, tmp_path: Path) -> None:
    one = Clamd(tmp_path / "clamd")
    async with room(pool, tmp_path, Scanner(one.url)) as place:
        place.provider.files["900"] = ("image/jpeg", JPEG)
        id = await place.came("900")
        await place.until(id, "fetched")
        async with asyncio.timeout(LONG):
            while not (await place.row(id))["reason"]:
                await asyncio.sleep(0.02)
        assert (await place.row(id))["reason"].startswith("media_scanner")
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


async def test_without_a_scanner_a_file_is_handed_out_where_that_may_be_and_looked_at_later(
    pool: Pool, tmp_path: Path, scanner: Clamd
) -> None:
    async with room(pool, tmp_path) as place:
        place.provider.files["900"] = ("image/jpeg", JPEG + EICAR)
        id = await place.came("900")
        assert not (await place.until(id, "available"))["scanned"]
        assert (await place.get(id))[0] == 200
    async with room(pool, tmp_path, scanned_only=True) as place:
        assert (await place.get(id))[0] == 202, "in production nothing unscanned is shown"
    book = await book_of(pool)
    [told] = await book.outbox.fetch_unpublished(10, [])
    await book.outbox.mark_published([told])
    async with room(pool, tmp_path, Scanner(scanner.url), scanned_only=True) as place:
        await place.until(id, "quarantined")
        assert (await place.get(id))[0] == 451
    [anew] = await book.outbox.fetch_unpublished(10, [])
    assert (told.state, anew.state) == ("available", "quarantined")
    assert told.id != anew.id


async def test_what_the_scanner_is_too_small_for_is_kept_from_everybody(
    pool: Pool, tmp_path: Path
) -> None:
    with clamd(tmp_path / "clamd", most=1) as small:
        async with room(pool, tmp_path, Scanner(small.url)) as place:
            place.provider.files["900"] = ("image/jpeg", JPEG + bytes(8 * 1024 * 1024))
            row = await place.until(await place.came("900"), "quarantined", "available")
            assert row["reason"] == UNSCANNABLE
        scanner = Scanner(small.url)

        async def pieces(count: int) -> AsyncIterator[bytes]:
            for _ in range(count):
                yield bytes(64 * 1024)

        for _ in range(20):  # whatever it reads, and whenever it hangs up
            with pytest.raises(ScannerTooLarge):
                await scanner.scan(pieces(200))
        assert not (await scanner.scan(pieces(2))).malware


async def test_a_scanner_that_is_none_is_away(tmp_path: Path) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        yield b"x"

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_unix_server(hang_up, tmp_path / "socket")
    async with server:
        for url in (f"unix://{tmp_path}/socket", f"unix://{tmp_path}/none", "tcp://127.0.0.1:1"):
            with pytest.raises(ScannerUnavailable):
                await Scanner(url).scan(nothing())


async def test_a_person_lets_through_what_is_kept_from_everybody_and_answers_for_it(
    pool: Pool, empty: str, tmp_path: Path, scanner: Clamd
) -> None:
    command = commands(empty)
    async with room(pool, tmp_path, Scanner(scanner.url), scanned_only=True) as place:
        program = b"MZ\x90\x00 a program " + bytes(100)
        place.provider.files = {"900": ("image/jpeg", program), "901": ("image/jpeg", JPEG + EICAR)}
        ids = [await place.came("900"), await place.came("901")]
        for id in ids:
            await place.until(id, "quarantined")
        await place.book.outbox.mark_published(await place.book.outbox.fetch_unpublished(10, []))
        listed = await asyncio.to_thread(command, "files", "list", "--json")
        there = {str(id): f"sealed/{(await place.row(id))['ciphertext_sha256']}" for id in ids}
        assert {one["id"]: one["object"] for one in json.loads(listed.stdout)} == there
        listed = await asyncio.to_thread(command, "files", "list")
        assert all(f"    {name}\n" in listed.stdout for name in there.values())
        for id, content in zip(ids, (program, JPEG + EICAR), strict=True):
            done = await asyncio.to_thread(command, "files", "release", str(id), "--by", "A. Arts")
            assert done.exit_code == 0, done.output
            assert (await place.get(id))[:2] == (200, content)
        await place.until(await place.came("902"), "waiting")  # whoever gets files looks past these
        told = await place.book.outbox.fetch_unpublished(10, [])
        assert {one.reason for one in told} == {"media_released: vrijgegeven door A. Arts"}
        assert [(await place.state(id)) for id in ids] == ["available", "available"]
        again = await asyncio.to_thread(command, "files", "release", str(ids[0]), "--by", "A. Arts")
        assert again.exit_code == 1
    assert "lantaarn" not in (await asyncio.to_thread(command, "files", "list")).stdout
