"""Files that citizens send: got from a provider over real HTTP, scanned by a real clamd, kept in a
real folder and a real PostgreSQL, handed out over real HTTP."""

import asyncio
import gzip
import hashlib
import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp import web

from archiver.media.fetch_policy import EXPIRED, LARGEST_BYTES, META_RETENTION, TOO_LARGE, UNUSABLE
from services.files.clamd import Scanner
from services.postgres.database import Pool
from tests.support.clamav import Clamd
from tests.support.integration.media_provider import JPEG, TOKEN, Room, book_of, hash_of, room

LONG = 20.0


async def test_a_photo_is_handed_out_byte_for_byte_once_it_was_scanned(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    id = await scanned.came("900", filename="lantaarn & straat.jpg")
    row = await scanned.until(id, "available")
    assert (row["size"], row["scanned"], row["agrees"]) == (len(JPEG), True, True)
    assert await hash_of(scanned, id) == hashlib.sha256(JPEG).hexdigest()
    status, body, headers = await scanned.get(id)
    assert (status, body, headers["Content-Type"]) == (200, JPEG, "image/jpeg")
    name = "attachment; filename*=UTF-8''lantaarn%20%26%20straat.jpg"
    assert headers["Content-Disposition"] == name
    assert "sandbox" in headers["Content-Security-Policy"]
    assert scanned.provider.asked == [("about", TOKEN), ("bytes", TOKEN)]


async def test_an_address_that_is_over_is_asked_for_anew(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    scanned.provider.sick = [("bytes", 404, {})]
    await scanned.until(await scanned.came("900"), "available")
    asked = [what for what, _ in scanned.provider.asked]
    assert asked == ["about", "bytes", "about", "bytes"]


async def test_a_type_that_no_database_takes_is_none(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg\0", JPEG)
    row = await scanned.until(await scanned.came("900"), "available", "quarantined")
    assert (row["state"], row["mime_type"]) == ("available", "image/jpeg")


async def test_a_name_of_any_length_keeps_nobody_from_the_file(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    id = await scanned.came("900", filename="é" * 5000 + ".jpg")
    await scanned.until(id, "available")
    status, body, headers = await scanned.get(id)
    assert (status, body) == (200, JPEG)
    assert headers["Content-Disposition"].endswith(".jpg")


async def test_an_id_that_is_older_than_seven_days_says_so(scanned: Room) -> None:
    id = await scanned.came("900", sent=META_RETENTION + timedelta(hours=1))
    row = await scanned.until(id, "lost")
    assert row["reason"] == EXPIRED
    status, body, _ = await scanned.get(id)
    assert status == 410 and b"7 dagen" in body
    [told] = await (await book_of(scanned.pool)).outbox.fetch_unpublished(10, [])
    assert (told.state, told.reason, told.message) == ("lost", EXPIRED, id)


async def test_what_is_old_and_there_all_the_same_is_got(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    await scanned.until(await scanned.came("900", sent=timedelta(days=20)), "available")


PAGE = web.Response(text="<html>Even geduld</html>", content_type="text/html")
OTHERS = web.Response(body=b"Even geduld", content_type="image/jpeg")
COMPRESSED = web.Response(
    body=gzip.compress(JPEG), headers={"Content-Encoding": "gzip", "Content-Type": "image/jpeg"}
)
ODD = {"url": "http://127.0.0.1:1/", "mime_type": "image/jpeg\0"}
SICK = {
    "token": [("about", 401, {"error": {"code": 190}})],
    "not to be seen": [("about", 400, {"error": {"code": 100}})],
    "too fast": [("about", 429, {})],
    "broken": [("about", 500, {"error": {"code": 2}})],
    "no JSON": [("about", 200, "what")],
    "no address": [("about", 200, {"id": "900"})],
    "sends elsewhere": [("about", 302, {})],
    "bytes broken": [("bytes", 503, {})],
    "bytes elsewhere": [("bytes", 301, {})],
    "a page in its place": [("bytes", 200, PAGE)],
    "another's bytes in its place": [("bytes", 200, OTHERS)],
    "what no database takes": [("about", 200, ODD)],
    "compressed": [("bytes", 200, COMPRESSED)],
    "both addresses over": [("bytes", 404, {}), ("bytes", 403, {})],
}


@pytest.mark.parametrize("how", SICK)
async def test_whatever_the_provider_answers_the_file_is_got_once_it_is_well(
    scanned: Room, how: str
) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    scanned.provider.sick = list(SICK[how])
    id = await scanned.came("900")
    await scanned.until(id, "available")
    assert not scanned.provider.sick
    assert (await scanned.get(id))[1] == JPEG


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/bytes/{}",
        "http://lookaside.fbsbx.com/{}",
        "https://lookaside.fbsbx.com.evil.example/{}",
        "https://evil.example/{}",
        "https://user@lookaside.fbsbx.com/{}",
        "https://lookaside.fbsbx.com:8443/{}",
        "file:///etc/passwd?{}",
        "http://[::1/{}",
        "//evil.example/{}",
    ],
)
async def test_the_token_goes_to_no_other_host(scanned: Room, address: str) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    scanned.provider.address = lambda _, id: address.format(id)
    id = await scanned.came("900")
    async with asyncio.timeout(LONG):
        while not (await scanned.row(id))["reason"]:
            await asyncio.sleep(0.02)
    assert (await scanned.row(id))["reason"].startswith("media_elsewhere")
    assert [what for what, _ in scanned.provider.asked] == ["about"]


async def test_less_than_was_announced_is_not_the_file(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    scanned.provider.size = len(JPEG) + 1
    id = await scanned.came("900")
    async with asyncio.timeout(LONG):
        while not (await scanned.row(id))["reason"]:
            await asyncio.sleep(0.02)
    row = await scanned.row(id)
    assert (row["state"], row["reason"][:9]) == ("waiting", "media_cut")
    assert (await scanned.get(id))[0] == 202
    scanned.provider.size = None
    await scanned.until(id, "available")


async def test_what_is_not_of_the_kind_that_it_says_is_kept_from_everybody(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", b"MZ\x90\x00 a program " + bytes(100))
    id = await scanned.came("900")
    row = await scanned.until(id, "quarantined", "available")
    assert row["reason"].startswith("media_type_differs") and "image/jpeg" in row["reason"]
    assert (await scanned.get(id))[0] == 451


@pytest.mark.parametrize("id", ["", "../me", "900?access_token=x", "9" * 129, "x/y"])
async def test_an_id_that_is_none_is_asked_of_nobody(scanned: Room, id: str) -> None:
    row = await scanned.until(await scanned.came(id), "lost")
    assert row["reason"] == UNUSABLE
    assert scanned.provider.asked == []


async def test_no_token_of_another_department_finds_it(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    id = await scanned.came("900")
    await scanned.until(id, "available")
    assert (await scanned.get(id, "t"))[0] == 200
    nothing = await scanned.get(UUID(int=1), "t")
    assert (await scanned.get(id, "other"))[:2] == nothing[:2] and nothing[0] == 404


async def test_a_hundred_megabytes_stream_through(
    pool: Pool, tmp_path: Path, scanner: Clamd
) -> None:
    content = b"%PDF-1.7" + os.urandom(1024) * (LARGEST_BYTES // 1024 - 1)
    async with room(pool, tmp_path, Scanner(scanner.url)) as place:
        place.provider.files["900"] = ("application/pdf", content)
        id = await place.came("900", mimeType="application/pdf")
        row = await place.until(id, "available", "quarantined", seconds=120)
        assert (row["state"], row["size"], row["reason"]) == ("available", len(content), "")
        assert await hash_of(place, id) == hashlib.sha256(content).hexdigest()


async def test_what_is_larger_than_whatsapp_takes_is_not_held(pool: Pool, tmp_path: Path) -> None:
    async with room(pool, tmp_path) as place:
        place.provider.files["900"] = ("application/pdf", bytes(LARGEST_BYTES + 1))
        id = await place.came("900", mimeType="application/pdf")
        row = await place.until(id, "lost", seconds=60)
        assert row["reason"] == TOO_LARGE
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []
