"""Files of citizens: fetched over HTTP, scanned by clamd, stored, and handed out over HTTP."""

import gzip
import hashlib
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from aiohttp import web

from archiver.media.fetch_policy import EXPIRED, LARGEST_BYTES, META_RETENTION, TOO_LARGE, UNUSABLE
from services.postgres.database import Pool
from tests.support.integration.media_provider import (
    JPEG,
    TOKEN,
    Room,
    got,
    hash_of,
    lying,
    room,
)


async def test_photo_is_handed_out_byte_for_byte_to_its_department(scanned: Room) -> None:
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
    nothing = await scanned.get(UUID(int=1))
    assert (await scanned.get(id, "other"))[:2] == nothing[:2] and nothing[0] == 404


async def test_expired_address_is_asked_again(scanned: Room) -> None:
    scanned.provider.sick = [("bytes", 404, {})]
    await got(scanned, JPEG)
    assert await scanned.asked() == ["about", "bytes", "about", "bytes"]


async def test_long_name_and_type_with_a_zero_byte_do_not_stop_a_file(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg\0", JPEG)
    id = await scanned.came("900", filename="é" * 5000 + ".jpg")
    row = await scanned.until(id, "available", "quarantined")
    assert (row["state"], row["mime_type"]) == ("available", "image/jpeg")
    status, body, headers = await scanned.get(id)
    assert (status, body) == (200, JPEG)
    assert headers["Content-Disposition"].endswith(".jpg")


async def test_file_older_than_a_week_is_fetched_or_else_lost_as_expired(scanned: Room) -> None:
    scanned.provider.files["901"] = ("image/jpeg", JPEG)
    await scanned.until(await scanned.came("901", sent=timedelta(days=20)), "available")
    id = await scanned.came("900", sent=META_RETENTION + timedelta(hours=1))
    row = await scanned.until(id, "lost")
    assert row["reason"] == EXPIRED
    status, body, _ = await scanned.get(id)
    assert status == 410 and b"7 dagen" in body
    unpublished = await scanned.unpublished()
    lost = [one for one in unpublished if one.state == "lost"]
    assert [(one.reason, one.message) for one in lost] == [(EXPIRED, id)]


PAGE = web.Response(text="<html>Even geduld</html>", content_type="text/html")
OTHERS = web.Response(body=b"Even geduld", content_type="image/jpeg")
COMPRESSED = web.Response(
    body=gzip.compress(JPEG), headers={"Content-Encoding": "gzip", "Content-Type": "image/jpeg"}
)
ODD = {"url": "http://127.0.0.1:1/", "mime_type": "image/jpeg\0"}
SICK = {
    "token": [("about", 401, {"error": {"code": 190}})],
    "forbidden": [("about", 400, {"error": {"code": 100}})],
    "too fast": [("about", 429, {})],
    "broken": [("about", 500, {"error": {"code": 2}})],
    "no JSON": [("about", 200, "what")],
    "no address": [("about", 200, {"id": "900"})],
    "redirect": [("about", 302, {})],
    "bytes broken": [("bytes", 503, {})],
    "bytes redirected": [("bytes", 301, {})],
    "page instead of bytes": [("bytes", 200, PAGE)],
    "other bytes": [("bytes", 200, OTHERS)],
    "zero byte": [("about", 200, ODD)],
    "compressed": [("bytes", 200, COMPRESSED)],
    "both addresses expired": [("bytes", 404, {}), ("bytes", 403, {})],
}


async def test_file_is_fetched_once_a_sick_provider_is_well(scanned: Room) -> None:
    for n, (sickness, answers) in enumerate(SICK.items()):
        scanned.provider.sick = list(answers)
        id = await got(scanned, JPEG, f"{n}")
        assert not scanned.provider.sick, sickness
        assert (await scanned.get(id))[1] == JPEG, sickness


ADDRESSES = [
    "http://127.0.0.1:1/bytes/{}",
    "http://lookaside.fbsbx.com/{}",
    "https://lookaside.fbsbx.com.evil.example/{}",
    "https://evil.example/{}",
    "https://user@lookaside.fbsbx.com/{}",
    "https://lookaside.fbsbx.com:8443/{}",
    "file:///etc/passwd?{}",
    "http://[::1/{}",
    "//evil.example/{}",
]


async def test_token_goes_to_no_other_host(scanned: Room) -> None:
    for n, address in enumerate(ADDRESSES):
        scanned.provider.files[f"{n}"] = ("image/jpeg", JPEG)
        scanned.provider.address = lambda _, id, address=address: address.format(id)  # type: ignore[misc]
        reason = await scanned.reason(await scanned.came(f"{n}"))
        assert reason.startswith("media_elsewhere"), address
    assert {*await scanned.asked()} == {"about"}


async def test_file_shorter_than_announced_is_fetched_again(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    scanned.provider.size = len(JPEG) + 1
    id = await scanned.came("900")
    assert (await scanned.reason(id)).startswith("media_cut")
    assert await scanned.state(id) == "waiting"
    assert (await scanned.get(id))[0] == 202
    scanned.provider.size = None
    await scanned.until(id, "available")


async def test_file_of_another_type_than_announced_is_quarantined(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", b"MZ\x90\x00 a program " + bytes(100))
    id = await scanned.came("900")
    row = await scanned.until(id, "quarantined", "available")
    assert row["reason"].startswith("media_type_differs") and "image/jpeg" in row["reason"]
    assert (await scanned.get(id))[0] == 451


async def test_malformed_media_id_is_lost_and_never_asked(scanned: Room) -> None:
    for id in ("", "../me", "900?access_token=x", "9" * 129, "x/y"):
        row = await scanned.until(await scanned.came(id), "lost")
        assert row["reason"] == UNUSABLE
    assert scanned.provider.asked == []


async def test_file_larger_than_whatsapp_allows_is_lost_and_not_stored(
    pool: Pool, tmp_path: Path
) -> None:
    async with room(pool, tmp_path) as place:
        place.provider.files["900"] = ("application/pdf", bytes(LARGEST_BYTES + 1))
        id = await place.came("900", mimeType="application/pdf")
        assert (await place.until(id, "lost", seconds=60))["reason"] == TOO_LARGE
    assert lying(tmp_path) == {}
