"""Files as they lie in the store: sealed, under the hash of what lies there; and nothing else of a
damaged one is given than what is as it was kept."""

import asyncio
import base64
import hashlib
import stat
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from structlog.testing import capture_logs

from archiver.encryption.stream_sealing import CHUNK_BYTES
from archiver.log.erasure import Eraser
from archiver.media.fetch_policy import UNOPENABLE, AnnouncedFile
from services import metrics
from services.files.clamd import Scanner
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from tests.support.clamav import Clamd
from tests.support.decrypted_record import keys_of
from tests.support.integration.media_provider import (
    JPEG,
    LARGE,
    Room,
    came,
    dies,
    flipped,
    got,
    hash_of,
    lying,
    room,
)
from tests.support.tokens import bearer

LONG = 20.0


async def test_a_file_lies_sealed_under_the_hash_of_what_lies_there(
    pool: Pool, tmp_path: Path
) -> None:
    async with room(pool, tmp_path) as place:
        first, second = await got(place), await got(place, id="901")
        there = lying(tmp_path)
        rows = [await place.row(first), await place.row(second)]
        assert there.keys() == {f"sealed/{row['ciphertext_sha256']}" for row in rows}
        assert len(there) == 2, "the same file from two messages: sealed, it is the same nowhere"
        for name, path in there.items():
            body = path.read_bytes()
            assert name == f"sealed/{hashlib.sha256(body).hexdigest()}"
            assert stat.S_IMODE(path.stat().st_mode) == 0o400
            assert JPEG[:4] not in body[:64] and LARGE[-64:] not in body
        assert {row["size"] for row in rows} == {len(LARGE)}
        known = [await hash_of(place, row["id"]) for row in rows]
        assert known == [hashlib.sha256(LARGE).hexdigest()] * 2
        assert rows[0]["digest"] != rows[1]["digest"], "nobody sees that they are the same"
        assert (await place.get(first))[:2] == (await place.get(second))[:2] == (200, LARGE)
        outcomes = await place.book.outbox.fetch_unpublished(10, [])
        told = {one.message: one.object for one in outcomes}
        assert told == {row["id"]: row["ciphertext_sha256"] for row in rows}


async def test_who_has_the_file_and_the_table_cannot_tell_that_it_was_sent(
    pool: Pool, tmp_path: Path
) -> None:
    """From an older copy either, once it was destroyed."""
    async with room(pool, tmp_path) as place:
        id = await got(place, JPEG)
        copy = str(await pool.fetchval("select m::text from archiver.media m"))
        hash = hashlib.sha256(JPEG)
        for looks in (hash.hexdigest(), base64.b64encode(hash.digest()).decode()):
            assert looks not in copy
        [told] = await place.book.outbox.fetch_unpublished(10, [])
        assert told.sha256 == await hash_of(place, id) == hash.hexdigest()
        await Eraser(pool, await keys_of(pool)).erase_conversation(
            "almelo", told.conversation, "test"
        )
        [told] = await place.book.outbox.fetch_unpublished(10, [])
        assert told.sha256 == await hash_of(place, id) == ""


async def test_an_empty_file_is_one_too(pool: Pool, tmp_path: Path) -> None:
    async with room(pool, tmp_path) as place:
        place.provider.files["900"] = ("text/plain", b"")
        id = await place.came("900", mimeType="text/plain")
        await place.until(id, "available")
        assert (await place.get(id))[:2] == (200, b"")


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "a bit in the beginning": (flipped(0), 0),
    "a bit further on": (flipped(3 * CHUNK_BYTES), 2),
    "a bit at the end": (flipped(-1), len(LARGE) // CHUNK_BYTES),
    "the end is gone": (lambda body: body[:-1], len(LARGE) // CHUNK_BYTES),
    "whole chunks are gone": (lambda body: body[: 4 * (CHUNK_BYTES + 16)], 3),
    "nothing is left": (lambda _: b"", 0),
    "there is more": (lambda body: body + b"x", len(LARGE) // CHUNK_BYTES),
}
"""What became of it, and how many chunks are as they were."""


async def taken(place: Room, id: UUID) -> tuple[int, bytes, bool]:
    """Status, what came, and whether that looked whole."""
    got = b""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{place.url}/{id}", headers=bearer("t")) as answer,
    ):
        try:
            async for piece in answer.content.iter_any():
                got += piece
        except aiohttp.ClientPayloadError:
            return answer.status, got, False
        return answer.status, got, True


@pytest.mark.parametrize("how", DAMAGES)
async def test_of_a_damaged_file_no_byte_is_given_that_is_not_as_it_was(
    pool: Pool, tmp_path: Path, how: str
) -> None:
    damage, chunks = DAMAGES[how]
    async with room(pool, tmp_path) as place:
        id = await got(place)
        [path] = lying(tmp_path).values()
        path.chmod(0o600)
        path.write_bytes(damage(path.read_bytes()))
        before = counted()
        with capture_logs() as logs:
            status, body, whole = await taken(place, id)
        assert counted() == before + 1
        assert [log["message"] for log in logs if log["event"] == "media.damaged"] == [id]
        if chunks:
            assert (status, whole) == (200, False)
            assert body == LARGE[: chunks * CHUNK_BYTES]
        else:
            assert (status, whole) == (500, True)
            assert b"this file is not what was kept" in body
        again = await got(place, JPEG, id="901")
        assert (await place.get(again))[:2] == (200, JPEG), "of others nothing is wrong"


def counted() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_media_damaged_total") or 0.0


async def test_files_that_changed_places_are_nobodys(pool: Pool, tmp_path: Path) -> None:
    async with room(pool, tmp_path) as place:
        ids = [await got(place, JPEG + id.encode(), id) for id in ("900", "901")]
        one, other = lying(tmp_path).values()
        first, second = one.read_bytes(), other.read_bytes()
        for path, body in ((one, second), (other, first)):
            path.chmod(0o600)
            path.write_bytes(body)
        assert [(await place.get(id))[0] for id in ids] == [500, 500]
        # Nor when a row is made to name another's, with all that opens it.
        for path, body in ((one, first), (other, second)):
            path.write_bytes(body)
        rows = [await place.row(id) for id in ids]
        await pool.execute("update archiver.media set ciphertext_sha256 = '', file_salt = null")
        for id, row in zip(ids, rows[::-1], strict=True):
            named = (row["file_salt"], row["ciphertext_sha256"])
            await pool.execute(
                "update archiver.media set file_salt = $2, ciphertext_sha256 = $3 where id = $1",
                id,
                *named,
            )
        assert [(await place.get(id))[0] for id in ids] == [500, 500]


async def test_what_is_gone_from_the_store_is_said_and_counted(pool: Pool, tmp_path: Path) -> None:
    async with room(pool, tmp_path) as place:
        id = await got(place)
        [path] = lying(tmp_path).values()
        path.unlink()
        before = counted()
        status, body, _ = await place.get(id)
        assert (status, counted()) == (500, before + 1)
        assert b"this file is not where it should be" in body


async def test_what_is_damaged_before_it_was_scanned_waits_until_it_is_mended(
    pool: Pool, tmp_path: Path
) -> None:
    one = Clamd(tmp_path / "clamd")
    async with room(pool, tmp_path, Scanner(one.url)) as place:
        place.provider.files["900"] = ("image/jpeg", LARGE)
        id = await place.came("900")
        await place.until(id, "fetched")
        [path] = lying(tmp_path).values()
        whole = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(flipped(-1)(whole))
        one.start()
        try:
            async with asyncio.timeout(LONG):
                while not (await place.row(id))["reason"].startswith("media_damaged"):
                    await place.hurry(id)
                    await asyncio.sleep(0.02)
            assert (await place.get(id))[0] == 202
            path.write_bytes(whole)
            await place.until(id, "available")
        finally:
            one.stop()
        assert (await place.get(id))[:2] == (200, LARGE)


async def test_what_is_in_a_file_is_lost_with_its_message(pool: Pool, tmp_path: Path) -> None:
    async with room(pool, tmp_path) as place:
        ids = [await got(place, JPEG, "900"), await got(place, JPEG, "901")]
        entry = await pool.fetchval("select id from archiver.entry where message = $1", ids[0])
        assert await Eraser(pool, await keys_of(pool)).erase_entry(entry, "its time is over")
        assert [(await place.get(id))[0] for id in ids] == [404, 200]
        lost, other = [await place.book.find(id) for id in ids]
        assert lost and lost.stream_key is None and lost.announced == AnnouncedFile("")
        assert other and other.stream_key


async def test_what_is_in_a_file_is_lost_with_the_key_of_its_conversation(
    pool: Pool, tmp_path: Path, scanner: Clamd
) -> None:
    id, waits = await came(pool, "900"), await came(pool, "901")
    await dies(pool, ObjectStore((tmp_path / "objects").as_uri()), "fetched")
    await pool.execute("delete from archiver.conversation_key")
    async with room(pool, tmp_path, Scanner(scanner.url)) as place:
        assert (await place.until(id, "lost"))["reason"] == UNOPENABLE
        await place.until(waits, "lost")
        assert (await place.get(id))[0] == 404
        assert place.provider.asked == []
