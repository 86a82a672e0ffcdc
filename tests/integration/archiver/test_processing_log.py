"""The processing log: a row in the transaction of each action, months that end, and its export; on
a real PostgreSQL."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver import table_partitions
from archiver.index.processing_log import PASSED_ON, RECEIVED, SENT, Activities
from archiver.log.writer import Writer
from services import clock
from services.ids import uuid7
from services.postgres.database import Pool, connection_pool
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.integration.archive_readers import (
    AT,
    Said,
    delivered,
    id_of,
    opening,
    record,
    said,
    told,
    typed,
)

PHONE = "31600000011"
REGISTER = "https://register.example/verwerking/7/versie/2"


def world() -> list[Any]:
    """A question, its answer and one that was refused, deliveries, and another citizen's."""
    asked, other = said("een", "balie", 2, f"+{PHONE}"), said("twee", "balie", 2, "31600000012")
    why = {"decision": {"rule": "", "reason": "x"}, "department": "balie", "type": "text"}
    answer = {"direction": "out", "text": "dag", "status": "accepted"} | why
    written = record("message", "een", 4, answer, message=clock.new_id())
    refused = record("message", "een", 6, answer | {"status": "failed"}, message=clock.new_id())
    parked = delivered(asked, "ander", AT, state="parked", status=400)
    more = [written, refused, delivered(asked, "crm", AT), parked, other.record]
    return [opening("een", "balie"), asked.record, *more]


async def rows(pool: Pool) -> list[dict[str, Any]]:
    found = await pool.fetch("select * from archiver.processing order by start_time, name, status")
    return [dict(row) for row in found]


async def test_each_action_with_somebodys_data_is_one_row_however_often_it_is_written(
    pool: Pool,
) -> None:
    records = world()
    writer = Writer(pool, await keys_of(pool), Activities({"almelo": REGISTER}))
    for _ in range(2):
        await writer.add(records)
    found = await rows(pool)
    assert sorted((row["name"], row["status"]) for row in found) == [
        (PASSED_ON, "Error"),
        (PASSED_ON, "Ok"),
        (RECEIVED, "Ok"),
        (RECEIVED, "Ok"),
        (SENT, "Error"),
        (SENT, "Ok"),
    ]
    assert {row["activity"] for row in found} == {REGISTER}
    assert len({row["subject"] for row in found}) == 2, "one for each citizen"
    question = records[1].message.bytes
    assert sum(row["trace_id"] == question for row in found) == 3, "received, and given to two"


async def test_nothing_is_logged_of_what_is_not_written(pool: Pool) -> None:
    writer = await writer_of(pool)
    entries = await writer.seal(world())
    last = msgspec.structs.replace(entries[-1], subjects=("what the database refuses",))
    with pytest.raises(Exception, match="bytes"):
        await writer.write([*entries[:-1], last])
    assert await rows(pool) == []
    await writer.write(entries)
    assert len(await rows(pool)) == 6


async def test_the_export_has_the_names_of_the_standard(pool: Pool, empty: str) -> None:
    await (await writer_of(pool)).add(world())
    whole = told(await typed(empty, "processing", "--from", "2026-11-20", "--json"))
    assert len(whole) == 6
    (first,) = [one for one in whole if one["name"] == PASSED_ON and one["status"] == "Ok"]
    milliseconds = int(AT.timestamp() * 1000)
    assert (first["start_time"], first["end_time"]) == (milliseconds, milliseconds)
    assert (len(first["trace_id"]), len(first["span_id"])) == (32, 16)
    assert first["resource"]["attributes"]["service.name"] == "postkamer"
    assert first["attributes"]["dpl.core.processing_activity_id"] == "urn:postkamer:almelo:whatsapp"
    assert first["attributes"]["dpl.core.data_subject_id_type"] == "postkamer-conversation"
    assert "parent_span_id" not in first
    words = (await typed(empty, "processing", "--from", "2026-11-20")).stdout.splitlines()
    assert len(words) == 6
    assert not any(PHONE in line or id_of("een") in line for line in words)


async def test_of_one_citizen_the_export_has_theirs_alone(pool: Pool, empty: str) -> None:
    await (await writer_of(pool)).add(world())
    for phone, count in ((PHONE, 5), (f"+{PHONE}", 5), ("31600000012", 1), ("31600000099", 0)):
        given = ("--from", "2026-11-20", "--subject-phone", phone, "--json")
        assert len(told(await typed(empty, "processing", *given))) == count
    for tenant, count in (("almelo", 6), ("hengelo", 0)):
        given = ("--from", "2026-11-20", "--tenant", tenant, "--json")
        assert len(told(await typed(empty, "processing", *given))) == count
    ended = ("--from", "2026-11-20", "--to", AT.isoformat(), "--json")
    assert told(await typed(empty, "processing", *ended)) == []


async def test_who_asks_is_on_the_record_and_not_after_whom(
    pool: Pool, empty: str, tmp_path: Path
) -> None:
    await (await writer_of(pool)).add(world())
    file = tmp_path / "number"
    file.write_text(f"+{PHONE}")
    given = ("--from", "2026-11-20", "--phone-file", str(file), "--json")
    assert len(told(await typed(empty, "processing", *given))) == 5
    [asked] = await pool.fetch("select what, by, data::text from access.operation")
    assert (asked["what"], asked["by"]) == ("archive processing", "S. Jansen")
    assert '"of one citizen": true' in asked["data"] and PHONE not in asked["data"]


async def test_what_is_no_number_is_said_to_be_none(pool: Pool, empty: str) -> None:
    said = await typed(empty, "processing", "--from", "2026-11-20", "--subject-phone", "geen")
    assert said.exit_code == 2 and "--subject-phone: expected a telephone number" in said.stderr


@pytest.mark.parametrize(
    ("today", "count", "expected"),
    [
        (date(2026, 11, 26), 24, date(2024, 11, 1)),
        (date(2026, 1, 1), 13, date(2024, 12, 1)),
        (date(2026, 12, 31), 12, date(2025, 12, 1)),
    ],
)
def test_the_first_month_that_is_kept(today: date, count: int, expected: date) -> None:
    assert table_partitions.months_before(today, count) == expected


async def test_what_is_past_its_term_goes_and_a_year_stays_whatever_is_asked(
    pool: Pool, archivers: Pool
) -> None:
    today = clock.now().date()
    past = {count: table_partitions.months_before(today, count) for count in (0, 11, 14, 30, 50)}
    await pool.execute("select archiver.make_processing_months($1, 40)", past[30])
    messages = [_of(day) for day in past.values()]
    await (await writer_of(pool)).add([one.record for one in messages])
    await table_partitions.drop_expired(archivers, today, 24)
    assert await _months(pool) == sorted(past[count] for count in (0, 11, 14))
    await archivers.execute("select archiver.forget_processing('2999-01-01')")
    assert await _months(pool) == sorted(past[count] for count in (0, 11))


@pytest.fixture
async def archivers(pool: Pool, empty: str) -> Any:
    """As the service connects."""
    await pool.execute("alter role postkamer_archiver login password 'a'")
    url = empty.replace(empty.partition("://")[2].partition("@")[0], "postkamer_archiver:a", 1)
    async with connection_pool(url, "test", 1) as theirs:
        yield theirs


def _of(day: date) -> Said:
    at = AT.replace(year=day.year, month=day.month, day=1)
    made = record(
        "message", "een", 2, {"direction": "in", "department": "balie"},
        at=at, id=uuid7(at, day.isoformat().encode()), message=clock.new_id(),
    )  # fmt: skip
    return Said(id_of("een"), "balie", made)


async def _months(pool: Pool) -> list[date]:
    found = await pool.fetch("select start_time from archiver.processing order by 1")
    return [row["start_time"].date() for row in found]
