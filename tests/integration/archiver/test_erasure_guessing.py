"""Of what was destroyed nothing can be confirmed by guessing: not by whoever has all that is left,
the database and every key, and tries every telephone number of a range and every short answer."""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.index.blind_index import person_hash, word_token
from archiver.log.erasure import Eraser
from services import clock
from services.contract import Record
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.integration.log_fixture import NUMBER

RANGE = [f"3162{n:07}" for n in range(5_000)]
THEIRS, TEXT, BSN = RANGE[4_321], "ja", "123456782"
WAMID = f"wamid.{THEIRS}"
TEXTS = ["ja", "nee", "misschien", *(f"12345{n:04}" for n in range(6_000, 7_000))]
WHERE = f"{NUMBER}-{'z' * 26}"


def message() -> Record:
    said = {"id": WAMID, "from": THEIRS, "type": "text", "text": {"body": f"{TEXT} {BSN}"}}
    data = {
        "direction": "in", "type": "text", "text": f"{TEXT} {BSN}", "wamid": WAMID,
        "from": {"identities": [{"kind": "phone", "value": THEIRS}], "name": "Anna"},
        "department": "balie", "decision": {"rule": "", "reason": ""}, "receivedAt": clock.now(),
    }  # fmt: skip
    return Record(
        id=clock.new_id(), kind="message", at=clock.now(), data=msgspec.json.encode(data),
        tenant="almelo", conversation=WHERE, message=clock.new_id(), sequence=1,
        raw=msgspec.json.encode(said),
    )  # fmt: skip


async def _left(pool: Pool) -> bytes:
    """Everything that the database has, in every table, as text: bytes in hex."""
    tables = await pool.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables"
        " where schemaname in ('archiver', 'access')"
    )
    rows: list[str] = []
    for table in tables:
        found = await pool.fetch(f"select t::text as row from {table['name']} t")
        rows += [row["row"] for row in found]
    return "\n".join(rows).encode()


async def _guesses(keys: KeyStore) -> Iterator[tuple[str, bytes]]:
    """What each guess would look like, in whatever way we ever keep or find anything."""
    key = await keys.hash_key("almelo")

    def made() -> Iterator[tuple[str, bytes]]:
        for phone in RANGE:
            yield phone, person_hash(key, "phone", phone).hex().encode()
            yield from _plain(phone)
            yield from _plain(f"wamid.{phone}")
        for text in TEXTS:
            yield text, str(word_token(key, text)).encode()
            yield from _plain(text)

    return made()


def _plain(guess: str) -> Iterator[tuple[str, bytes]]:
    given = guess.encode()
    if len(given) > 5:
        yield guess, given
        yield guess, given.hex().encode()
    yield guess, hashlib.sha256(given).hexdigest().encode()
    yield guess, hashlib.sha256(b"\0" + given).hexdigest().encode()
    yield guess, hashlib.blake2b(given, digest_size=16).hexdigest().encode()


async def _confirmed(pool: Pool, keys: KeyStore) -> set[str]:
    left = await _left(pool)
    return {guess for guess, looks in await _guesses(keys) if looks in left}


async def test_a_guess_is_confirmed_before_and_not_after(pool: Pool) -> None:
    writer, keys = await writer_of(pool), await keys_of(pool)
    await writer.add([message()])
    before = await _confirmed(pool, keys)
    assert before == {THEIRS, TEXT, BSN}, "by the keyed hashes, with the keys; and by nothing else"
    await Eraser(pool, keys).erase_conversation("almelo", WHERE, "test")
    assert await _confirmed(pool, keys) == set()


async def test_of_one_message_that_was_destroyed_nothing_is_confirmed_of_what_it_said(
    pool: Pool,
) -> None:
    writer, keys = await writer_of(pool), await keys_of(pool)
    record = message()
    await writer.add([record])
    await Eraser(pool, keys).erase_entry(record.id, "test")
    # That somebody wrote is told by the conversation that is left; what was said is not.
    assert await _confirmed(pool, keys) <= {THEIRS}


def test_the_range_has_the_number_that_is_looked_for() -> None:
    guessed: Any = (THEIRS in RANGE, TEXT in TEXTS, BSN in TEXTS)
    assert guessed == (True, True, True)
