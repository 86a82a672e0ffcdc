"""Erasure while records come in, and what an attacker with every key can still guess after it."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from archiver.destruction.hash_renewal import HashRenewer
from archiver.encryption.key_store import KeyStore
from archiver.index.blind_index import person_hash, word_token
from archiver.intake import PREFETCH, Intake
from archiver.log.append import Entry
from archiver.log.writer import SealedBeforeErasure, Writer
from archiver.media.fetch_policy import FetchedFile
from archiver.media.store import MediaStore
from archiver.quarantine import Quarantine
from deploy.local.rabbitmq import Broker
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import run_consumer
from services.amqp.publisher import Publisher
from services.contract import ArchiveBatch, Record
from services.postgres.database import Pool
from tests.integration.conftest import PASSWORDS
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.records import id_of, message
from tests.support.archiver.signed_log import Log, entry, entry_like
from tests.support.decrypted_record import keys_of, rows_of, writer_of
from tests.support.integration.archive_queue import QUEUE
from tests.support.integration.media_provider import came
from tests.support.observer import until


class ErasingWriter(Writer):
    """Seals, and then the conversation is erased, so many times."""

    def __init__(self, pool: Pool, keys: KeyStore, folder: Path, times: int = 1) -> None:
        super().__init__(pool, keys)
        self._eraser, self._times = eraser_of(pool, keys, folder), times

    async def seal(self, records: Sequence[Record]) -> list[Entry]:
        entries = await super().seal(records)
        if self._times:
            self._times -= 1
            await self._eraser.erase_conversation("almelo", records[0].conversation, "meanwhile")
        return entries


async def _kinds(pool: Pool) -> list[tuple[str, bool]]:
    """Kind of every entry, and true if it opens."""
    entries = await pool.fetch("select id, kind from archiver.entry order by position")
    opens = {row["id"] for row in await rows_of(pool)}
    return [(row["kind"], row["id"] in opens) for row in entries]


async def _counts(pool: Pool) -> list[int]:
    """Rows of the index of words, and of persons."""
    tables = ("searchable", "subject")
    return [await pool.fetchval(f"select count(*) from archiver.{table}") for table in tables]


async def test_entry_that_was_sealed_before_an_erasure_is_not_written(log: Log) -> None:
    record = entry(0)
    sealed = await log.writer.seal([record])
    await log.erase(0)
    with pytest.raises(SealedBeforeErasure):
        await log.writer.write(sealed)
    assert await log.writer.add([record]) == 1
    assert await log.findings() == []
    [*_, (kind, _), last] = await _kinds(log.pool)
    assert (kind, last) == ("destruction", ("message", True))


@pytest.mark.parametrize("times", [1, 3])
async def test_writer_seals_again_after_each_erasure(
    pool: Pool, tmp_path: Path, times: int
) -> None:
    assert await ErasingWriter(pool, await keys_of(pool), tmp_path, times).add([entry(0)]) == 1
    assert await _kinds(pool) == [("destruction", True)] * times + [("message", True)]
    assert await _counts(pool) == [1, 1]


async def test_intake_writes_all_records_of_a_batch_after_an_erasure(
    pool: Pool, broker: Broker, tmp_path: Path
) -> None:
    keys = await keys_of(pool)
    intake = Intake(ErasingWriter(pool, keys, tmp_path), Quarantine(pool, keys))
    records = [entry(n) for n in range(20)]
    async with (
        broker_connection(broker.url_for("router", PASSWORDS["router"]), "test") as out,
        broker_connection(broker.url_for("archiver", PASSWORDS["archiver"]), "test") as link,
        run_consumer(link, QUEUE, PREFETCH, intake.work),
    ):
        batch = ArchiveBatch(records=records)
        await Publisher(out, topology.ARCHIVE).publish(topology.ARCHIVE_QUEUE, batch, 10)
        count = "select count(*) from archiver.entry where kind = 'message'"
        await until(lambda: pool.fetchval(count), lambda n: n == len(records), 20)
    assert await _kinds(pool) == [("destruction", True)] + [("message", True)] * len(records)
    assert await _counts(pool) == [len(records), len(records)]
    assert await pool.fetchval("select count(*) from archiver.quarantine") == 0


async def test_record_after_an_erased_municipality_is_indexed_under_its_new_key(
    pool: Pool, tmp_path: Path
) -> None:
    """The writer still has the old key in memory."""
    writer, record = await writer_of(pool), entry(0)
    await writer.add([record])
    before = await pool.fetchval("select words from archiver.searchable")
    await eraser_of(pool, await keys_of(pool), tmp_path).erase_municipality(
        "almelo", "it is no more"
    )
    record = entry_like(record)
    await writer.add([record])
    after = await pool.fetchval("select words from archiver.searchable")
    assert not set(before) & set(after)
    [sealed] = await (await writer_of(pool)).seal([record])
    assert sealed.index_tokens and list(sealed.index_tokens.words) == after


async def test_failed_erasure_is_neither_recorded_nor_done(log: Log) -> None:
    size = len(await _kinds(log.pool))
    await log.pool.execute(
        "create function refuse() returns trigger language plpgsql"
        " as $$ begin raise exception 'no'; end $$;"
        "create trigger refuse before delete on archiver.searchable execute function refuse()"
    )
    with pytest.raises(Exception, match="no"):
        await log.erase(0)
    assert await _kinds(log.pool) == [("message", True)] * size
    assert await log.findings() == []


async def _write_and_erase_conversations(log: Log) -> None:
    async def write(nth: int) -> None:
        for n in range(10):
            await log.writer.add([entry(nth + 5 * k) for k in range(n % 4 + 1)])

    async def erase(nth: int) -> None:
        for _ in range(5):
            await log.erase(nth)

    await asyncio.gather(*map(write, range(4)), *map(erase, range(3)))


async def _write_and_erase_municipality(log: Log) -> None:
    await log.pool.execute(
        "create function slow() returns trigger language plpgsql"
        " as $$ begin perform pg_sleep(0.002); return old; end $$;"
        "create trigger slow before delete on archiver.conversation_key"
        " for each row execute function slow()"
    )

    async def write() -> None:
        for n in range(20):
            await log.writer.add([entry(3000 + 5 * n)])

    await asyncio.gather(log.eraser.erase_municipality("almelo", "it is no more"), write())


@pytest.mark.parametrize("act", [_write_and_erase_conversations, _write_and_erase_municipality])
async def test_log_and_index_fit_after_writing_and_erasing_at_once(
    log: Log, act: Callable[[Log], Awaitable[None]]
) -> None:
    await act(log)
    assert await log.findings(with_keys=True) == []
    orphans = await log.pool.fetch(
        "select s.id from archiver.searchable s"
        " left join archiver.conversation_key k using (tenant, conversation)"
        " where k.tenant is null"
    )
    assert orphans == []


async def test_person_of_an_erased_entry_without_a_conversation_is_not_found(
    pool: Pool, tmp_path: Path
) -> None:
    keys, alone = await keys_of(pool), msgspec.structs.replace(entry(7), conversation="")
    await (await writer_of(pool)).add([alone])
    await eraser_of(pool, keys, tmp_path).erase_entry(alone.id, "test")
    hash = person_hash((await keys.index_keys("almelo")).newest, "phone", "31610000007")
    assert await pool.fetch("select entry from archiver.subject where hash = $1", hash) == []


async def test_file_in_transit_to_an_erased_message_is_not_stored(
    pool: Pool, tmp_path: Path
) -> None:
    keys, id, now = await keys_of(pool), await came(pool, "900"), clock.now()
    erased = await pool.fetchval("select id from archiver.entry where message = $1", id)
    store = MediaStore(pool, keys)
    file = await store.claim_to_fetch(now, clock.new_id(), [])
    assert file
    await eraser_of(pool, keys, tmp_path).erase_entry(erased, "test")
    assert not await store.start_fetch(file)
    assert not await store.set_object(file, "cd" * 32)
    await store.record_fetch(file, FetchedFile(3, "ab" * 32, "image/jpeg", b""), now)
    kept = await store.find(id)
    assert kept and (kept.state, kept.stream_key, kept.sha256) == ("lost", None, "")
    assert await store.claim_to_fetch(now + timedelta(days=1), clock.new_id(), []) is None


RANGE = [f"3162{n:07}" for n in range(5_000)]
PHONE, TEXT, BSN = RANGE[4_321], "ja", "123456782"
TEXTS = ["ja", "nee", "misschien", *(f"12345{n:04}" for n in range(6_000, 7_000))]


def guessable() -> Record:
    wamid, text = f"wamid.{PHONE}", f"{TEXT} {BSN}"
    raw = {"id": wamid, "from": PHONE, "type": "text", "text": {"body": text}}
    encoded = msgspec.json.encode(raw)
    return message(text, "z", phone=PHONE, at=clock.now(), wamid=wamid, raw=encoded)


def _plain(guess: str) -> Iterator[tuple[str, bytes]]:
    """Forms that a guess has without a key."""
    given = guess.encode()
    if len(given) > 5:
        yield guess, given
        yield guess, given.hex().encode()
    yield guess, hashlib.sha256(given).hexdigest().encode()
    yield guess, hashlib.sha256(b"\0" + given).hexdigest().encode()
    yield guess, hashlib.blake2b(given, digest_size=16).hexdigest().encode()


def _guesses(key: bytes) -> Iterator[tuple[str, bytes]]:
    """Every form in which the archive has ever kept or found a guess."""
    for phone in RANGE:
        yield phone, person_hash(key, "phone", phone).hex().encode()
        yield from _plain(phone)
        yield from _plain(f"wamid.{phone}")
    for text in TEXTS:
        yield text, str(word_token(key, text)).encode()
        yield from _plain(text)


async def _copy(pool: Pool) -> bytes:
    """Return every table of the database as text, without those of keys."""
    tables = await pool.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables"
        " where schemaname in ('archiver', 'access') and tablename !~ '_key$'"
    )
    rows: list[str] = []
    for table in tables:
        found = await pool.fetch(f"select t::text as row from {table['name']} t")
        rows += [row["row"] for row in found]
    return "\n".join(rows).encode()


async def _confirmed(pool: Pool, copy: bytes = b"") -> set[str]:
    """Guesses that the database confirms, or a copy of it, by the keys that there are now."""
    keys, everything = await (await keys_of(pool)).index_keys("almelo"), copy or await _copy(pool)
    guesses = [each for key in (*keys.hashes, keys.proof) for each in _guesses(key)]
    return {guess for guess, looks in guesses if looks in everything}


async def test_guess_is_confirmed_by_keyed_hashes_only_and_not_after_erasure(
    pool: Pool, tmp_path: Path
) -> None:
    writer, eraser = await writer_of(pool), eraser_of(pool, await keys_of(pool), tmp_path)
    await writer.add([guessable()])
    assert await _confirmed(pool) == {PHONE, TEXT, BSN}
    await eraser.erase_conversation("almelo", id_of("z"), "test")
    assert await _confirmed(pool) == set()
    record = guessable()
    await writer.add([record])
    await eraser.erase_entry(record.id, "test")
    # The conversation that is left tells that somebody wrote, but not what.
    assert await _confirmed(pool) <= {PHONE}


async def test_copies_from_before_confirm_no_guess_once_all_is_hashed_anew(
    pool: Pool, tmp_path: Path
) -> None:
    keys = await keys_of(pool)
    eraser, renewer = eraser_of(pool, keys, tmp_path), HashRenewer(pool, keys)
    await (await writer_of(pool)).add([guessable(), entry(7)])
    copy = await _copy(pool)
    await eraser.erase_conversation("almelo", id_of("z"), "test")
    assert await _confirmed(pool, copy) == {PHONE, TEXT, BSN}, "the key of then is the key of now"
    await renewer.renew("almelo")
    assert await _confirmed(pool, copy) == set()
    assert await _confirmed(pool) == set()
    left = await pool.fetch("select version from archiver.municipality_key where purpose = 'hash'")
    assert [row["version"] for row in left] == [2]
