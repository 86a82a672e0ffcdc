"""Records in quarantine: put there by the intake, listed, opened and released by command."""

import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from archiver.audit.rows.quarantine_rows import verify_quarantines
from archiver.intake import Batch, Intake
from archiver.quarantine import Quarantine, open_entry
from services import contract, metrics
from services.amqp.incoming_message import IncomingMessage
from services.amqp.sealed_batch import seal_batch
from services.contract import ArchiveBatch, Record
from services.postgres.database import Pool
from services.tasks import background_task
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.signed_log import ENTRIES, Log, entry
from tests.support.decrypted_record import keys_of, rows_of, writer_of
from tests.support.working_keys import give_lost_key_back, read_keys, seal_under_lost_key

GOOD, BAD = entry(1), entry(2, text=5)
OTHERS = [entry(n) for n in (3, 4)]
NONSENSE = b"\x00nonsense of 31600000011"
WHY = ("--reason", "de sleutel is terug")
QUARANTINED = "select count(*) from archiver.quarantine"
OPERATIONS = "select what, by, about, data::text from access.operation"


@pytest.fixture
async def ids(pool: Pool) -> list[UUID]:
    """A record that can be sealed, a batch of two, a record that cannot be, and nonsense."""
    bodies = [
        msgspec.msgpack.encode(GOOD),
        contract.encode(ArchiveBatch(records=OTHERS)),
        msgspec.msgpack.encode(BAD),
        NONSENSE,
    ]
    quarantine = Quarantine(pool, await keys_of(pool))
    return [await quarantine.add("it cannot be sealed", body) for body in bodies]


async def _take_in(pool: Pool, records: list[Record]) -> Intake:
    intake = Intake(await writer_of(pool), Quarantine(pool, await keys_of(pool)))
    await intake._write_batch(Batch([], records, await intake._seal_records(records)))
    return intake


def written_count() -> float:
    return sum(
        sample.value
        for metric in metrics.archive_records.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


async def test_records_with_an_impossible_time_are_quarantined_alone(pool: Pool) -> None:
    never = datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))
    nameless = msgspec.structs.replace(entry(3), at=never, conversation="\x00")
    late = msgspec.structs.replace(entry(2), at=never)
    await _take_in(pool, [late, nameless, GOOD])
    rows = await pool.fetch("select conversation from archiver.quarantine order by 1")
    assert [row["conversation"] for row in rows] == ["", late.conversation]
    written = "select id from archiver.entry where kind <> 'aside'"
    assert await pool.fetchval(written) == GOOD.id


async def test_message_whose_key_is_gone_is_quarantined_sealed(pool: Pool) -> None:
    name, body = seal_under_lost_key(ArchiveBatch(records=[GOOD]))
    keys = await keys_of(pool)
    intake = Intake(await writer_of(pool), Quarantine(pool, keys))
    sealed, good = seal_batch(ArchiveBatch(records=OTHERS))
    messages = [
        IncomingMessage(name, body, 1, 0),
        IncomingMessage(sealed, bytes(good), 2, 0),
    ]
    async with background_task(read_keys()):
        batch = await intake._seal_batch(messages)
    assert batch.records == OTHERS
    id = await pool.fetchval("select id from archiver.quarantine")
    async with pool.acquire() as connection:
        assert await open_entry(connection, keys, id) == body


async def test_repeat_does_not_count_and_makes_no_archive_late(pool: Pool) -> None:
    before = written_count()
    assert (await _take_in(pool, [GOOD])).lag
    assert written_count() == before + 1
    assert not (await _take_in(pool, [GOOD])).lag
    assert written_count() == before + 1
    await _take_in(pool, [GOOD, *OTHERS])
    assert written_count() == before + 3


async def test_foreign_hash_in_the_place_of_a_later_node_stops_no_record(log: Log) -> None:
    await log.pool.execute("insert into archiver.node values (8, 2, '\\x00')")
    await _take_in(log.pool, [entry(10_000 + n) for n in range(200)])
    assert await log.pool.fetchval(QUARANTINED) == 0
    assert await log.pool.fetchval("select size from archiver.head") == ENTRIES + 200
    assert "tile" in await log.kinds()


async def test_quarantine_is_listed_with_reasons_and_without_contents(
    ids: list[UUID], archive: Archive
) -> None:
    listed = await archive.json("aside", "list")
    assert [one["id"] for one in listed] == [str(id) for id in ids]
    assert {one["reason"] for one in listed} == {"it cannot be sealed"}
    shown = (await archive("aside", "list")).stdout
    assert shown.splitlines()[-1] == "4 messages aside" and "3160" not in shown


async def test_sealable_records_are_written_once_and_leave_the_quarantine(
    pool: Pool, ids: list[UUID], archive: Archive
) -> None:
    await (await writer_of(pool)).add(OTHERS[:1])  # the writer's publish was confirmed too late
    done = await archive("aside", "again", *ids[:2], *WHY)
    assert done.stdout == "2 records added to the archive\n"
    written = sorted(row["id"] for row in await rows_of(pool) if row["kind"] != "aside")
    assert written == sorted(record.id for record in [GOOD, *OTHERS])
    assert [one["id"] for one in await archive.json("aside", "list")] == [str(id) for id in ids[2:]]
    [operation] = await pool.fetch(OPERATIONS)
    assert (operation["what"], operation["by"]) == ("archive aside again", OPERATOR)
    assert msgspec.json.decode(operation["data"])["records"] == 2
    error = await archive.fails("aside", "again", ids[0], *WHY)
    assert error == f"there is nothing aside under {ids[0]}\n"


async def test_message_whose_key_is_back_is_archived(pool: Pool, archive: Archive) -> None:
    _, body = seal_under_lost_key(ArchiveBatch(records=OTHERS))
    id = await Quarantine(pool, await keys_of(pool)).add("an envelope that cannot be read", body)
    shut = await archive.fails("aside", "again", id, *WHY)
    assert "its working key is gone" in shut
    await give_lost_key_back(pool)
    await archive("aside", "again", id, *WHY)
    written = sorted(row["id"] for row in await rows_of(pool) if row["kind"] != "aside")
    assert written == sorted(record.id for record in OTHERS)


async def test_no_record_is_written_if_one_of_them_cannot_be(
    pool: Pool, ids: list[UUID], archive: Archive
) -> None:
    nonsense = "it is neither a record nor an envelope of this version: see `open`"
    for id, why in ((ids[2], "its data is not what its kind says"), (ids[3], nonsense)):
        assert await archive.fails("aside", "again", ids[0], id, *WHY) == f"{id}: {why}\n"
    await pool.execute("update archiver.quarantine set sealed = sealed || '\\x00'::bytea")
    altered = await archive.fails("aside", "again", ids[0], *WHY)
    assert "it was altered, or its key was" in altered
    assert await pool.fetchval(QUARANTINED) == 4
    assert {row["kind"] for row in await rows_of(pool)} == {"aside"}
    assert await pool.fetch(OPERATIONS) == []


async def test_unreadable_messages_are_given_up_on_the_record(
    pool: Pool, ids: list[UUID], archive: Archive
) -> None:
    await pool.execute("update archiver.quarantine set sealed = '\\x00' where id = $1", ids[2])
    error = await archive.fails("aside", "drop", ids[2], UUID(int=7), *WHY)
    assert error == f"there is nothing aside under {UUID(int=7)}\n"
    assert await pool.fetchval(QUARANTINED) == 4
    done = await archive("aside", "drop", *ids[2:], *WHY)
    assert done.stdout == "2 messages are given up\n"
    assert [one["id"] for one in await archive.json("aside", "list")] == [str(id) for id in ids[:2]]
    [operation] = await pool.fetch(OPERATIONS)
    assert (operation["what"], operation["by"]) == ("archive aside drop", OPERATOR)
    given = {"why": WHY[1], "ids": [str(id) for id in ids[2:]], "count": 2}
    assert msgspec.json.decode(operation["data"]).items() >= given.items()
    async with pool.acquire() as connection, connection.transaction():
        found = [each async for each in verify_quarantines(connection, await keys_of(pool))]
    assert found == []


async def test_opening_writes_a_private_file_and_is_on_the_record(
    pool: Pool, ids: list[UUID], archive: Archive, tmp_path: Path
) -> None:
    out = tmp_path / "body"
    await archive("aside", "open", ids[3], "--out", out, *WHY)
    assert out.read_bytes() == NONSENSE
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    [operation] = await pool.fetch(OPERATIONS)
    assert tuple(operation)[:3] == ("archive aside open", OPERATOR, str(ids[3]))
    assert await pool.fetchval(QUARANTINED) == 4
    await archive("aside", "open", ids[3], "--out", out, code=2)
