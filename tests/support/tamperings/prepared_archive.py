"""An archive with something of everything: two municipalities, files, a request, erasures, holds,
destruction lists, disclosures, operations, tokens, a quarantined record and two checkpoints."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from archiver.media.fetch_policy import MALWARE, MediaResult
from archiver.quarantine import Quarantine
from archiver.timestamps.stamp import load_authorities, verify_stamp
from archiver.witnesses.answers import Outcome
from archiver.witnesses.client import WitnessClient, witness_client
from archiver.witnesses.cosigner import Cosigner
from services import clock
from services.files.object_store import ObjectStore, sealed_key, timestamp_key
from services.postgres.database import Pool, connection_pool
from services.transparency.cosignature import Witness
from tests.support.archiver.commands import Archive
from tests.support.archiver.destruction_history import DestructionHistory
from tests.support.archiver.disclosure_history import disclose_two
from tests.support.archiver.records import message, note, record
from tests.support.archiver.signed_log import Log, conversation, entry
from tests.support.archiver.time_stamp_authority import TimeStampAuthority
from tests.support.decrypted_record import keys_of
from tests.support.installation import EXAMPLE
from tests.support.integration.media_provider import book_of, came, dies, recorded
from tests.support.integration.parked_deliveries import commands
from tests.support.tamperings.laboratory import SIGNER, PreparedArchive
from tests.support.transparency import witness_of

FIRST, MORE = 40, 240
"""Messages before the first checkpoint, and between the two."""
PLACE = 100
"""Position of an ordinary message, which is signed with the second checkpoint alone."""
ERASED = conversation(10)
"""Erased, and written after the first checkpoint."""
TOKEN = (
    *(
        "token",
        "add",
        "balie",
        "--tenant",
        "almelo",
        "--role",
        "read",
        "--department",
        "burgerzaken",
    ),
    *("--until", "2099-01-01T00:00:00+01:00"),
)


async def fill_archive(
    url: str, folder: Path, client: WitnessClient, witness: Witness
) -> dict[str, object]:
    """Fill an empty database and an empty store, and return the places by name."""
    async with connection_pool(url, "test", 4) as pool:
        log = Log(pool, await keys_of(pool), folder, [])
        log.signer = SIGNER
        cosigner = Cosigner(pool, log.outside, client, witness)
        await log.grow(FIRST)
        await log.writer.add(_of_hengelo())
        names: dict[str, object] = {"signed": await log.sign()}
        await cosigner.cosign_newest()
        names |= await _add_files(pool, folder)
        await log.grow(MORE)
        await _act_as_operators(url, pool, log)
        await DestructionHistory(pool, log.keys, folder).live()
        await disclose_two(pool, log.keys)
        await log.erase(10)
        await log.eraser.erase_entry(log.records[12 * 5].id, "test")
        await log.grow(10)
        names |= {"size": await log.sign(), "place": PLACE}
        assert await cosigner.cosign_newest() is Outcome.COSIGNED
        return names | await _find_places(pool)


def _of_hengelo() -> list[Any]:
    """Messages of a second municipality, a note, and a receipt."""
    place = {"tenant": "hengelo", "conversation": conversation(600)}
    texts = ("waar kan ik parkeren", "dank u wel", "tot ziens")
    messages = [message(text, phone="31687654321", **place) for text in texts]
    return [*messages, note("belde over parkeren", **place), record("receipt", {}, tenant="")]


async def _add_files(pool: Pool, folder: Path) -> dict[str, object]:
    """Three files: one that is shown, one in quarantine, and one that waits."""
    store, book = ObjectStore(folder.as_uri()), await book_of(pool)
    results = {
        "file": MediaResult("available", scanned=True),
        "quarantined": MediaResult("quarantined", MALWARE.format("Eicar"), scanned=True),
    }
    names: dict[str, object] = {}
    for name, result in results.items():
        names[name] = await came(pool, name)
        await dies(pool, store, "fetched")
        file = await book.claim_to_scan(clock.now(), include_unscanned=False)
        assert file and await book.finish(file, result, clock.now())
    await recorded(pool)
    names["waiting"] = await came(pool, "902")
    return names


async def _act_as_operators(url: str, pool: Pool, log: Log) -> None:
    """A token, a request of a citizen and a quarantined record, and what commands recorded."""
    done = await asyncio.to_thread(commands(url), *TOKEN)
    assert done.exit_code == 0, done.output
    archive = Archive(url, POSTKAMER_CONFIG=str(EXAMPLE))
    day = f"{clock.now() - timedelta(days=2):%Y-%m-%d}"
    await archive(
        "request", "open", "--kind", "access", "--received", day, "--phone", "+31610000030",
        "--by", "P. Bakker",
    )  # fmt: skip
    body = msgspec.msgpack.encode(entry(9000))
    await Quarantine(pool, log.keys).add("it cannot be sealed", body)
    await recorded(pool)
    moved = "select archiver.operations_moved(array(select id from access.operation))"
    await pool.execute(moved)


async def _find_places(pool: Pool) -> dict[str, object]:
    object = "select ciphertext_sha256 from archiver.media where state = $1"
    return {
        "last": await pool.fetchval("select max(position) from archiver.entry"),
        "object": sealed_key(await pool.fetchval(object, "available")),
        "other_object": sealed_key(await pool.fetchval(object, "quarantined")),
        "conversation": await pool.fetchval(
            "select conversation from archiver.entry where position = $1", PLACE
        ),
    }


async def stamp(pool: Pool, folder: Path, authority: TimeStampAuthority, size: object) -> None:
    """Have the checkpoint of this size stamped."""
    note = await pool.fetchval("select note from archiver.checkpoint where size = $1", size)
    answer = authority.stamp_note(note.encode())
    add = "insert into archiver.time_stamp (size, at, answer) values ($1, $2, $3)"
    at = verify_stamp(answer, note.encode(), load_authorities(authority.roots.read_bytes()))
    await pool.execute(add, size, at, answer)
    await ObjectStore(folder.as_uri()).create(timestamp_key(int(str(size))), answer)


def prepare(url: str, folder: Path) -> PreparedArchive:
    """Fill an archive, whose witness answers in the same loop until the archive is closed."""
    for name in ("store", "witness"):
        (folder / name).mkdir()
    archive = PreparedArchive(url, folder / "store", {})

    async def fill() -> dict[str, object]:
        enter = archive.stack.enter_async_context
        witness = await enter(witness_of(folder / "witness", SIGNER.verifier))
        client = await enter(witness_client())
        names = await fill_archive(url, archive.folder, client, witness)
        authority = TimeStampAuthority(folder / "authority")
        async with connection_pool(url, "test", 1) as pool:
            await stamp(pool, archive.folder, authority, names["size"])
        names |= {"authority": authority, "roots": authority.roots}
        return names | {"witness": f"{witness.url} {witness.verifier}"}

    archive.names = archive.runner.run(fill())
    return archive
