"""Files that went out: copied from the store of uploads, and part of the record as any other."""

from datetime import timedelta
from pathlib import Path

import pytest

from archiver.audit.media import verify_files
from archiver.media.fetch_policy import NOT_RESTORED, RESTORE_TIME, UPLOAD_ENDED
from gateway.media.upload_store import Upload
from services.files import object_store
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.records import message_id
from tests.support.clamav import EICAR
from tests.support.decrypted_record import keys_of
from tests.support.integration.media_provider import (
    CONVERSATION,
    JPEG,
    Room,
    dies,
    hash_of,
    lying,
    recorded,
    room,
    uploaded,
    went,
)
from tests.support.integration.shut_rows import alter

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 4096
"""Some chunks, the last not full."""
LATE = RESTORE_TIME + timedelta(hours=1)


def path_of(folder: Path, upload: Upload) -> Path:
    return folder / "uploads" / object_store.upload_key(upload.object)


async def faults(pool: Pool, folder: Path) -> list[str]:
    """Kinds of the faults of files and of their rows, as `archive verify --media` finds them."""
    store, keys = ObjectStore((folder / "objects").as_uri()), await keys_of(pool)
    findings = verify_files(pool, store, lambda *_: None, keys)
    return [one.what async for one in findings]


async def test_sent_file_is_handed_out_byte_for_byte_and_can_be_proved(
    scanned: Room, pool: Pool, tmp_path: Path
) -> None:
    upload = await uploaded(pool, tmp_path, PDF, "application/pdf")
    ids = [message_id(await went(pool, upload)) for _ in range(2)]
    for id in ids:
        row = await scanned.until(id, "available")
        assert (row["size"], row["scanned"], row["upload"]) == (len(PDF), True, upload.id)
        assert await hash_of(scanned, id) == upload.sha256.hex()
        status, body, headers = await scanned.get(id)
        assert (status, body, headers["Content-Type"]) == (200, PDF, "application/pdf")
        assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''besluit.pdf"
        assert (await scanned.get(id, "other"))[0] == 404
    assert scanned.provider.asked == [] and path_of(tmp_path, upload).exists()
    assert len(lying(tmp_path)) == 2, "each message has a copy under its own key"
    outcomes = await scanned.unpublished()
    assert {(one.message, one.is_outgoing, one.sha256) for one in outcomes} == {
        (id, True, upload.sha256.hex()) for id in ids
    }
    await recorded(pool)
    assert await faults(pool, tmp_path) == []


async def test_infected_sent_file_is_quarantined(scanned: Room, pool: Pool, tmp_path: Path) -> None:
    upload = await uploaded(pool, tmp_path, JPEG + EICAR, "image/jpeg")
    id = message_id(await went(pool, upload))
    await scanned.until(id, "quarantined")
    assert (await scanned.get(id))[0] == 451


async def test_upload_that_cannot_be_read_is_copied_once_it_is_restored(
    scanned: Room, pool: Pool, tmp_path: Path
) -> None:
    """A message is old here, so that nothing but a fault that a person mends ends it."""
    for content, reason in ((None, "media_absent"), (b"\0" * 100, "media_damaged")):
        upload = await uploaded(pool, tmp_path, PDF, "application/pdf")
        kept = path_of(tmp_path, upload).read_bytes()
        path_of(tmp_path, upload).unlink()
        if content:
            path_of(tmp_path, upload).write_bytes(content)
        id = message_id(await went(pool, upload, sent=RESTORE_TIME - timedelta(hours=1)))
        assert (await scanned.reason(id)).startswith(reason)
        path_of(tmp_path, upload).write_bytes(kept)
        await scanned.until(id, "available")
        assert (await scanned.get(id))[:2] == (200, PDF)


async def test_upload_that_is_not_restored_or_has_ended_is_lost_with_its_reason(
    scanned: Room, pool: Pool, tmp_path: Path
) -> None:
    gone, altered, replaced, ended = [
        await uploaded(pool, tmp_path, PDF, "application/pdf") for _ in range(4)
    ]
    path_of(tmp_path, gone).unlink()
    await alter(pool, "gateway.media", "sha256", altered.id)
    path_of(tmp_path, replaced).write_bytes(path_of(tmp_path, ended).read_bytes())
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local session_replication_role = replica")
        await connection.execute("delete from gateway.media where id = $1", ended.id)
    for upload, reason in (
        (gone, NOT_RESTORED),
        (altered, NOT_RESTORED),
        (replaced, NOT_RESTORED),
        (ended, UPLOAD_ENDED),
    ):
        id = message_id(await went(pool, upload, sent=LATE))
        assert (await scanned.until(id, "lost"))["reason"] == reason
        assert (await scanned.get(id))[0] == 410
    assert lying(tmp_path) == {}


@pytest.mark.parametrize("after", ["begun", "put", "named", "kept"])
async def test_killed_copy_is_made_again_and_leaves_no_unknown_object(
    pool: Pool, tmp_path: Path, after: str
) -> None:
    upload = await uploaded(pool, tmp_path, PDF, "application/pdf")
    id = message_id(await went(pool, upload))
    await dies(pool, ObjectStore((tmp_path / "objects").as_uri()), after)
    await pool.execute("update archiver.media set due_at = now()")  # its time is over
    async with room(pool, tmp_path) as place:
        row = await place.until(id, "available")
        assert [*lying(tmp_path)] == [f"sealed/{row['ciphertext_sha256']}"]
        assert (await place.get(id))[:2] == (200, PDF)


async def test_sent_files_are_destroyed_with_their_message_or_conversation(
    scanned: Room, pool: Pool, tmp_path: Path
) -> None:
    upload = await uploaded(pool, tmp_path, PDF, "application/pdf")
    one, other = [await went(pool, upload) for _ in range(2)]
    for each in (one, other):
        await scanned.until(message_id(each), "available")
    await recorded(pool)
    eraser = eraser_of(pool, await keys_of(pool), tmp_path / "orders")
    assert await eraser.erase_entry(one.id, "vernietigd")
    assert (await scanned.get(message_id(other)))[:2] == (200, PDF)
    assert await faults(pool, tmp_path) == []

    path_of(tmp_path, upload).unlink()
    late = await went(pool, upload)
    await scanned.reason(message_id(late))
    await eraser.erase_conversation("almelo", CONVERSATION, "vernietigd")
    for each in (one, other, late):
        row = await scanned.row(message_id(each))
        assert (row["salt"], row["file_salt"], row["digest"]) == (None, None, None)
        assert (await scanned.get(message_id(each)))[0] == 410
        assert (await scanned.get(message_id(each), "other"))[0] == 404
    assert await scanned.state(message_id(late)) == "lost", "nothing keeps its upload any more"
    assert await faults(pool, tmp_path) == []
