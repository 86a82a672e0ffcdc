"""`archive verify` names each row of a file that is not what the record says."""

import asyncio
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from structlog.testing import capture_logs

from archiver.audit.file_rows import verify_file_rows
from archiver.audit.media import verify_files
from archiver.encryption.sealing import seal, unseal
from services.files.clamd import Scanner
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from tests.support.archiver.commands import Archive
from tests.support.archiver.orders import eraser_of
from tests.support.clamav import EICAR, Clamd
from tests.support.decrypted_record import keys_of
from tests.support.integration.media_provider import JPEG, came, got, lying, recorded, room
from tests.support.integration.parked_deliveries import commands

FORGED_COLUMNS = {
    "file_salt = decode(repeat('00', 16), 'hex')": ("shut", ""),
    "file_salt = null": ("shut", ""),
    "digest = null": ("shut", ""),
    "salt = null": ("announced", ""),
    "salt = decode(repeat('00', 16), 'hex')": ("announced", ""),
    "number = '20000002'": ("announced", ""),
    "sent_at = sent_at - interval '8 days'": ("announced", ""),
    """announced = '{"mimeType": "text/html"}'""": ("announced", ""),
    "upload = gen_random_uuid()": ("announced", ""),
    "due_at = 'infinity'": ("delayed", ""),
    "conversation = conversation || 'x'": ("moved", "conversation"),
    "department = 'jeugd'": ("moved", "department"),
    "state = 'available'": ("forged", "state"),
    "state = 'waiting'": ("forged", "state"),
    "state = 'lost'": ("forged", "state"),
    "scanned = false": ("forged", "scanned"),
    "reason = 'media_malware: niets'": ("forged", "reason"),
    "size = size + 1": ("forged", "size"),
    "mime_type = 'image/png'": ("forged", "mime_type"),
    "released_by = 'A. Arts'": ("forged", "released_by"),
    "ended_at = ended_at - interval '1 day'": ("forged", "at"),
    "ended_at = ended_at + interval '1 day'": ("unrecorded", ""),
    "state = 'available', ended_at = now() - interval '2 hours'": ("forged", "at"),
}


async def faults(pool: Pool) -> list[tuple[str, str, UUID | None]]:
    """Kind, end of the sentence, and message."""
    findings = [one async for one in verify_file_rows(pool, await keys_of(pool))]
    return [(one.what, one.sentence, one.message) for one in findings]


async def quarantine(pool: Pool, folder: Path, scanner: Clamd) -> UUID:
    """Bring a file to quarantine, beside one that is available; both are on the record."""
    async with room(pool, folder, Scanner(scanner.url)) as place:
        await got(place, JPEG, "901")
        place.provider.files["900"] = ("image/jpeg", JPEG + EICAR)
        id = await place.came("900")
        await place.until(id, "quarantined")
    await recorded(pool)
    return id


async def test_forged_column_of_a_file_is_named(pool: Pool, tmp_path: Path, scanner: Clamd) -> None:
    id = await quarantine(pool, tmp_path, scanner)
    assert await faults(pool) == []
    before = await pool.fetchrow("select * from archiver.media where id = $1", id)
    names = list(before.keys())
    restore = ", ".join(f"{name} = r.{name}" for name in names)
    await pool.execute("create table kept as select * from archiver.media")
    for change, (what, word) in FORGED_COLUMNS.items():
        await pool.execute(f"update archiver.media set {change} where id = $1", id)
        found = await faults(pool)
        assert [id] == list({message for *_, message in found}), change
        assert any(kind == what and word in text for kind, text, _ in found), (change, found)
        await pool.execute(
            f"update archiver.media m set {restore} from kept r where m.id = r.id and m.id = $1", id
        )
    assert await faults(pool) == []


async def test_deleted_row_of_a_file_is_named(pool: Pool, tmp_path: Path, scanner: Clamd) -> None:
    id = await quarantine(pool, tmp_path, scanner)
    await pool.execute("delete from archiver.media where id = $1", id)
    assert [(kind, message) for kind, _, message in await faults(pool)] == [("another", id)]


async def test_deleted_row_of_a_file_that_waits_is_named(
    pool: Pool, empty: str, tmp_path: Path
) -> None:
    """Nothing would fetch the file, and Meta keeps it for a week."""
    ids, archive = [await came(pool, f"{n}") for n in range(3)], Archive(empty)
    assert "not as it was" not in (await archive("verify")).stdout
    await pool.execute("delete from archiver.media where id = $1", ids[1])
    [finding] = (await archive.json("verify", code=1))["findings"]
    assert (finding["what"], finding["position"]) == ("file", 1)


async def test_forged_release_is_named_although_postkamer_reported_it(
    pool: Pool, tmp_path: Path, scanner: Clamd
) -> None:
    id = await quarantine(pool, tmp_path, scanner)
    await pool.execute(
        "update archiver.media set state = 'available', released_by = 'A. Arts', told = false,"
        " reason = 'media_released: vrijgegeven door A. Arts',"
        " ended_at = now() - interval '2 hours' where id = $1",
        id,
    )
    await recorded(pool)
    assert [(kind, message) for kind, _, message in await faults(pool)] == [("released", id)]


async def test_real_release_is_right(
    pool: Pool, empty: str, tmp_path: Path, scanner: Clamd
) -> None:
    id = await quarantine(pool, tmp_path, scanner)
    release = ("files", "release", str(id), "--by", "A. Arts")
    done = await asyncio.to_thread(commands(empty), *release)
    assert done.exit_code == 0, done.output
    await recorded(pool)
    assert await faults(pool) == []
    older = "update archiver.media set ended_at = ended_at - interval '2 hours', told = false"
    await pool.execute(older)
    await recorded(pool)
    assert await faults(pool) == []


@pytest.mark.parametrize("is_whole", [True, False])
async def test_erased_file_is_right(
    pool: Pool, tmp_path: Path, scanner: Clamd, *, is_whole: bool
) -> None:
    id = await quarantine(pool, tmp_path, scanner)
    waiting = await came(pool, "902")
    eraser = eraser_of(pool, await keys_of(pool), tmp_path)
    places = "select id, tenant, conversation from archiver.entry where message = $1 and kind = $2"
    for message in (id, waiting):
        row = await pool.fetchrow(places, message, "message")
        if is_whole:
            await eraser.erase_conversation(row["tenant"], row["conversation"], "test")
        else:
            await eraser.erase_entry(row["id"], "test")
    assert await faults(pool) == []


async def test_belated_scan_that_is_put_off_is_right(pool: Pool, tmp_path: Path) -> None:
    """Its row has the reason; the record has the result of before."""
    away = Scanner("tcp://127.0.0.1:1")
    async with room(pool, tmp_path) as place:
        id = await got(place)
    await recorded(pool)
    async with room(pool, tmp_path, away) as place:
        await place.reason(id)
    assert await faults(pool) == []


async def test_file_whose_salt_was_changed_is_named_by_opening_it(
    pool: Pool, tmp_path: Path
) -> None:
    async with room(pool, tmp_path) as place:
        ids = [await got(place), await got(place, JPEG[:900], "901")]
    [name] = [name for name, path in lying(tmp_path).items() if path.stat().st_size > 1000]
    store, keys = ObjectStore((tmp_path / "objects").as_uri()), await keys_of(pool)

    async def unreadable() -> list[tuple[str, UUID | None]]:
        findings = verify_files(pool, store, lambda *_: None, keys)
        return [(one.object, one.message) async for one in findings if one.what == "unreadable"]

    assert await unreadable() == []
    change = "update archiver.media set file_salt = decode(repeat('00', 16), 'hex') where id = $1"
    await pool.execute(change, ids[0])
    assert await unreadable() == [(name, ids[0])]


async def test_verify_names_the_file_that_does_not_open(
    pool: Pool, empty: str, tmp_path: Path, scanner: Clamd
) -> None:
    id, archive = await quarantine(pool, tmp_path, scanner), Archive(empty)
    assert "not as it was" not in (await archive("verify")).stdout
    await pool.execute("update archiver.media set file_salt = decode(repeat('00', 16), 'hex')")
    said = await archive("verify", code=1)
    assert "it does not open: its salt or its hash was changed" in said.stdout
    assert str(id) in said.stdout


RESULT = "ended_at = now(), told = false"
BENT_ROWS = {
    "scanned": f"state = 'available', scanned = true, {RESULT}",
    "available": f"state = 'available', {RESULT}",
    "quarantined": f"state = 'quarantined', scanned = true, {RESULT}",
    "lost": f"state = 'lost', reason = 'media_expired: x', {RESULT}",
    "type": "mime_type = 'image/png'",
    "name": "ciphertext_sha256 = repeat('0', 64)",
    "waiting": "state = 'waiting'",
    "without a keyed hash": f"state = 'available', scanned = true, mac = null, {RESULT}",
}
"""Changes of a file that waits for the scanner, which the record would then tell."""


async def test_row_bent_before_its_first_result_is_named(pool: Pool, tmp_path: Path) -> None:
    ids: dict[str, UUID] = {}
    async with room(pool, tmp_path, Scanner("tcp://127.0.0.1:1")) as place:
        for n, name in enumerate(("right", *BENT_ROWS)):
            place.provider.files[f"{n}"] = ("image/jpeg", JPEG)
            ids[name] = await place.came(f"{n}")
        for id in ids.values():
            await place.until(id, "fetched")
    assert await faults(pool) == []
    for name, change in BENT_ROWS.items():
        await pool.execute(f"update archiver.media set {change} where id = $1", ids[name])
    await recorded(pool)
    found = {message: what for what, _, message in await faults(pool)}
    assert found == {id: "bent" for name, id in ids.items() if name != "right"}


async def test_result_binds_no_row_that_was_bent_before(
    pool: Pool, tmp_path: Path, scanner: Clamd
) -> None:
    async with room(pool, tmp_path, Scanner("tcp://127.0.0.1:1")) as place:
        place.provider.files["900"] = ("image/jpeg", JPEG)
        id = await place.came("900")
        await place.until(id, "fetched")
    await pool.execute("update archiver.media set size = size + 1, due_at = now()")
    async with room(pool, tmp_path, Scanner(scanner.url)) as place:
        with capture_logs() as logs:
            await place.until(id, "available")
    await recorded(pool)
    assert [what for what, _, _ in await faults(pool)] == ["bent"]
    assert "media.bent" in [each["event"] for each in logs]


async def test_file_of_before_has_no_keyed_hash_and_is_right(pool: Pool, tmp_path: Path) -> None:
    """The version before wrote it: its sealed part does not ask for one."""
    async with room(pool, tmp_path) as place:
        id = await got(place)
    await recorded(pool)
    keys = await keys_of(pool)
    row = await pool.fetchrow("select * from archiver.media where id = $1", id)
    assert row
    where = (row["tenant"], row["conversation"])
    conversation_key = (await keys.existing_conversation_keys([where]))[where]
    plain = msgspec.json.decode(unseal(conversation_key, row["salt"], row["sealed"], id.bytes))
    assert plain.pop("bound") is True
    sealed = seal(conversation_key, row["salt"], msgspec.json.encode(plain), id.bytes)
    await pool.execute("update archiver.media set mac = null, sealed = $1", sealed)
    assert await faults(pool) == []
