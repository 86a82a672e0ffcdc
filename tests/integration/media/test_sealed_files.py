"""Files are stored sealed, under the hash of the sealed bytes; a damaged one is not handed out."""

import base64
import hashlib
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from structlog.testing import capture_logs

from archiver.media.fetch_policy import UNOPENABLE, AnnouncedFile
from services import metrics
from services.files.clamd import Scanner
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from services.sealing.stream_sealing import CHUNK_BYTES, TAG_BYTES
from tests.support.archiver.orders import eraser_of
from tests.support.clamav import Clamd
from tests.support.decrypted_record import keys_of
from tests.support.integration.media_provider import (
    JPEG,
    LARGE,
    Room,
    came,
    damage,
    dies,
    flipped,
    got,
    hash_of,
    lying,
    room,
)
from tests.support.observer import until
from tests.support.tokens import bearer


@pytest.fixture
async def place(pool: Pool, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(pool, tmp_path) as made:
        yield made


async def test_stored_file_is_sealed_private_and_named_by_its_own_hash(
    place: Room, tmp_path: Path
) -> None:
    """The same content from two messages looks the same nowhere."""
    ids = [await got(place), await got(place, id="901")]
    rows = [await place.row(id) for id in ids]
    paths = lying(tmp_path)
    assert paths.keys() == {f"sealed/{row['ciphertext_sha256']}" for row in rows}
    assert (len(paths), len({row["digest"] for row in rows})) == (2, 2)
    for name, path in paths.items():
        body = path.read_bytes()
        assert name == f"sealed/{hashlib.sha256(body).hexdigest()}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
        assert JPEG[:4] not in body[:64] and LARGE[-64:] not in body
    for id, row in zip(ids, rows, strict=True):
        assert row["size"] == len(LARGE)
        assert await hash_of(place, id) == hashlib.sha256(LARGE).hexdigest()
        assert (await place.get(id))[:2] == (200, LARGE)
    unpublished = {one.message: one.object for one in await place.unpublished()}
    assert unpublished == {row["id"]: row["ciphertext_sha256"] for row in rows}


async def test_table_does_not_tell_that_a_file_was_sent(place: Room, tmp_path: Path) -> None:
    """Also not an older copy of it, once the conversation was erased."""
    id, hash = await got(place, JPEG), hashlib.sha256(JPEG)
    copy = str(await place.pool.fetchval("select m::text from archiver.media m"))
    for looks in (hash.hexdigest(), base64.b64encode(hash.digest()).decode()):
        assert looks not in copy
    [outcome] = await place.unpublished()
    assert outcome.sha256 == await hash_of(place, id) == hash.hexdigest()
    eraser = eraser_of(place.pool, await keys_of(place.pool), tmp_path)
    await eraser.erase_conversation("almelo", outcome.conversation, "test")
    assert await place.unpublished() == [], "nobody hears any more that it came"
    assert await hash_of(place, id) == ""
    status, body, _ = await place.get(id)
    assert status == 410 and b"destroyed" in body


async def test_empty_file_is_handed_out(place: Room) -> None:
    place.provider.files["900"] = ("text/plain", b"")
    id = await place.came("900", mimeType="text/plain")
    await place.until(id, "available")
    assert (await place.get(id))[:2] == (200, b"")


CHUNKS = len(LARGE) // CHUNK_BYTES
SEALED_CHUNK = CHUNK_BYTES + TAG_BYTES
DAMAGES: dict[str, tuple[Callable[[bytes], bytes], int]] = {  # and chunks that are still whole
    "first bit": (flipped(0), 0),
    "later bit": (flipped(3 * CHUNK_BYTES), 2),
    "last bit": (flipped(-1), CHUNKS),
    "last byte gone": (lambda body: body[:-1], CHUNKS),
    "chunks gone": (lambda body: body[: 4 * SEALED_CHUNK], 3),
    "all gone": (lambda _: b"", 0),
    "byte more": (lambda body: body + b"x", CHUNKS),
}


async def download(place: Room, id: UUID) -> tuple[int, bytes, bool]:
    """Status, body, and true if the body looked whole."""
    body = b""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{place.url}/{id}", headers=bearer("t")) as answer,
    ):
        try:
            async for piece in answer.content.iter_any():
                body += piece
        except aiohttp.ClientPayloadError:
            return answer.status, body, False
        return answer.status, body, True


def damaged_count() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_media_damaged_total") or 0.0


async def test_damaged_file_is_handed_out_up_to_its_damage_only(
    place: Room, tmp_path: Path
) -> None:
    for n, (how, chunks) in enumerate(DAMAGES.values()):
        before, count = lying(tmp_path), damaged_count()
        id = await got(place, LARGE, f"{n}")
        [name] = lying(tmp_path).keys() - before.keys()
        damage(lying(tmp_path)[name], how)
        with capture_logs() as logs:
            status, body, is_whole = await download(place, id)
        assert damaged_count() == count + 1
        assert [log["message"] for log in logs if log["event"] == "media.damaged"] == [id]
        if chunks:
            assert (status, is_whole, body) == (200, False, LARGE[: chunks * CHUNK_BYTES])
        else:
            assert (status, is_whole) == (500, True)
            assert b"this file is not what was kept" in body
    assert (await place.get(await got(place, JPEG, "900")))[:2] == (200, JPEG), "others are whole"


async def test_swapped_files_and_swapped_rows_are_not_handed_out(
    place: Room, tmp_path: Path
) -> None:
    ids = [await got(place, JPEG + id.encode(), id) for id in ("900", "901")]
    one, other = lying(tmp_path).values()
    first, second = one.read_bytes(), other.read_bytes()
    damage(one, lambda _: second)
    damage(other, lambda _: first)
    assert [(await place.get(id))[0] for id in ids] == [500, 500]
    damage(one, lambda _: first)
    damage(other, lambda _: second)
    rows = [await place.row(id) for id in ids]
    await place.pool.execute("update archiver.media set ciphertext_sha256 = '', file_salt = null")
    change = "update archiver.media set file_salt = $2, ciphertext_sha256 = $3 where id = $1"
    for id, row in zip(ids, rows[::-1], strict=True):
        await place.pool.execute(change, id, row["file_salt"], row["ciphertext_sha256"])
    assert [(await place.get(id))[0] for id in ids] == [500, 500]


async def test_missing_file_is_an_error_and_counted(place: Room, tmp_path: Path) -> None:
    id = await got(place)
    [path] = lying(tmp_path).values()
    path.unlink()
    before = damaged_count()
    status, body, _ = await place.get(id)
    assert (status, damaged_count()) == (500, before + 1)
    assert b"this file is not where it should be" in body


async def test_file_damaged_before_its_scan_waits_until_it_is_mended(
    pool: Pool, tmp_path: Path
) -> None:
    one = Clamd(tmp_path / "clamd")
    async with room(pool, tmp_path, Scanner(one.url)) as place:
        place.provider.files["900"] = ("image/jpeg", LARGE)
        id = await place.came("900")
        await place.until(id, "fetched")
        [path] = lying(tmp_path).values()
        damage(path, flipped(-1))

        async def reason() -> str:
            await place.hurry(id)
            return str((await place.row(id))["reason"])

        one.start()
        try:
            await until(reason, lambda text: text.startswith("media_damaged"), 20)
            assert (await place.get(id))[0] == 202
            damage(path, flipped(-1))  # back as it was
            await place.until(id, "available")
        finally:
            one.stop()
        assert (await place.get(id))[:2] == (200, LARGE)


async def test_file_is_lost_with_its_erased_message(place: Room, tmp_path: Path) -> None:
    ids = [await got(place, JPEG, "900"), await got(place, JPEG, "901")]
    entry = await place.pool.fetchval("select id from archiver.entry where message = $1", ids[0])
    assert await eraser_of(place.pool, await keys_of(place.pool), tmp_path).erase_entry(
        entry, "its time is over"
    )
    assert [(await place.get(id))[0] for id in ids] == [410, 200]
    lost, other = [await place.book.find(id) for id in ids]
    assert lost and lost.stream_key is None and lost.announced == AnnouncedFile("")
    assert other and other.stream_key


async def test_file_is_lost_with_the_key_of_its_conversation(
    pool: Pool, tmp_path: Path, scanner: Clamd
) -> None:
    id, waiting = await came(pool, "900"), await came(pool, "901")
    await dies(pool, ObjectStore((tmp_path / "objects").as_uri()), "fetched")
    await pool.execute("delete from archiver.conversation_key")
    async with room(pool, tmp_path, Scanner(scanner.url)) as place:
        assert (await place.until(id, "lost"))["reason"] == UNOPENABLE
        await place.until(waiting, "lost")
        assert (await place.get(id))[0] == 404
        assert place.provider.asked == []
