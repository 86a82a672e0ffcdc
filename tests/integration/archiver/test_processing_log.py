"""The processing log: a row in the transaction of each action, its export, and months that end."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver import table_partitions
from archiver.index.processing_log import PASSED_ON, RECEIVED, SENT, Activities
from archiver.log.writer import Writer
from services import clock
from services.contract import Record
from services.ids import uuid7
from services.postgres.database import Pool, connection_pool
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.records import NOON, delivery, id_of, message, message_id, opening
from tests.support.decrypted_record import keys_of, writer_of

PHONE, OTHER_PHONE = "31600000011", "31600000012"
REGISTER = "https://register.example/verwerking/7/versie/2"
SINCE = ("processing", "--since", "2026-11-20")


def question_and_answers() -> list[Record]:
    """A question and its two deliveries, an answer and one that was refused; and a question of
    another citizen."""
    question = message("vraag", phone=f"+{PHONE}")
    answer = {"direction": "out", "status": "accepted"}
    return [
        opening("een", "balie"),
        question,
        message("dag", **answer),
        message("dag", **answer | {"status": "failed"}),
        delivery(question, "crm", NOON),
        delivery(question, "ander", NOON, state="parked", status=400),
        message("vraag", "twee", phone=OTHER_PHONE),
    ]


async def rows(pool: Pool) -> list[dict[str, Any]]:
    found = await pool.fetch("select * from archiver.processing order by start_time, name, status")
    return [dict(row) for row in found]


async def test_each_action_is_one_row_however_often_it_is_written(pool: Pool) -> None:
    records = question_and_answers()
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
    trace = message_id(records[1]).bytes
    assert sum(row["trace_id"] == trace for row in found) == 3, "received, and given to two"


async def test_processing_log_has_no_row_of_an_entry_that_is_not_written(pool: Pool) -> None:
    writer = await writer_of(pool)
    entries = await writer.seal(question_and_answers())
    last = msgspec.structs.replace(entries[-1], subjects=("what the database refuses",))
    with pytest.raises(Exception, match="bytes"):
        await writer.write([*entries[:-1], last])
    assert await rows(pool) == []
    await writer.write(entries)
    assert len(await rows(pool)) == 6


async def test_export_has_the_names_of_the_standard_and_no_person(
    pool: Pool, archive: Archive
) -> None:
    await (await writer_of(pool)).add(question_and_answers())
    exported = await archive.lines(*SINCE)
    assert len(exported) == 6
    [first] = [one for one in exported if one["name"] == PASSED_ON and one["status"] == "Ok"]
    milliseconds = int(NOON.timestamp() * 1000)
    assert (first["start_time"], first["end_time"]) == (milliseconds, milliseconds)
    assert (len(first["trace_id"]), len(first["span_id"])) == (32, 16)
    assert first["resource"]["attributes"]["service.name"] == "postkamer"
    assert first["attributes"]["dpl.core.processing_activity_id"] == "urn:postkamer:almelo:whatsapp"
    assert first["attributes"]["dpl.core.data_subject_id_type"] == "postkamer-conversation"
    assert "parent_span_id" not in first
    lines = (await archive(*SINCE)).stdout.splitlines()
    assert len(lines) == 6
    assert not any(PHONE in line or id_of("een") in line for line in lines)


async def test_export_is_limited_to_a_citizen_a_municipality_and_a_period(
    pool: Pool, archive: Archive
) -> None:
    await (await writer_of(pool)).add(question_and_answers())
    for options, count in (
        (["--phone", PHONE], 5),
        (["--phone", f"+{PHONE}"], 5),
        (["--phone", OTHER_PHONE], 1),
        (["--phone", "31600000099"], 0),
        (["--tenant", "almelo"], 6),
        (["--until", NOON.isoformat()], 0),
    ):
        assert len(await archive.lines(*SINCE, *options)) == count, options
    error = await archive.fails(*SINCE, "--phone", "geen", code=2)
    assert "--phone: expected a telephone number" in error


async def test_export_of_an_unknown_municipality_is_refused_and_not_on_the_record(
    pool: Pool, archive: Archive
) -> None:
    await (await writer_of(pool)).add(question_and_answers())
    error = await archive.fails(*SINCE, "--tenant", "almeloo", code=2)
    assert error == "--tenant: expected one of almelo\n"
    assert await pool.fetchval("select count(*) from access.operation") == 0


async def test_export_is_on_the_record_without_the_number(
    pool: Pool, archive: Archive, tmp_path: Path
) -> None:
    await (await writer_of(pool)).add(question_and_answers())
    file = tmp_path / "number"
    file.write_text(f"+{PHONE}")
    assert len(await archive.lines(*SINCE, "--phone-file", file)) == 5
    [row] = await pool.fetch("select what, by, data::text from access.operation")
    assert (row["what"], row["by"]) == ("archive processing", OPERATOR)
    assert '"of one citizen": true' in row["data"] and PHONE not in row["data"]


@pytest.mark.parametrize(
    ("today", "count", "expected"),
    [
        (date(2026, 11, 26), 24, date(2024, 11, 1)),
        (date(2026, 1, 1), 13, date(2024, 12, 1)),
        (date(2026, 12, 31), 12, date(2025, 12, 1)),
    ],
)
def test_first_month_that_is_kept(today: date, count: int, expected: date) -> None:
    assert table_partitions.months_before(today, count) == expected


@pytest.fixture
async def archivers(pool: Pool, empty: str) -> AsyncIterator[Pool]:
    """A pool with the role of the service."""
    await pool.execute("alter role postkamer_archiver login password 'a'")
    url = empty.replace(empty.partition("://")[2].partition("@")[0], "postkamer_archiver:a", 1)
    async with connection_pool(url, "test", 1) as theirs:
        yield theirs


def message_on(day: date) -> Record:
    at = NOON.replace(year=day.year, month=day.month, day=1)
    return message(at=at, id=uuid7(at, day.isoformat().encode()))


async def _months(pool: Pool) -> list[date]:
    found = await pool.fetch("select start_time from archiver.processing order by 1")
    return [row["start_time"].date() for row in found]


async def test_expired_months_are_dropped_and_a_year_cannot_be(pool: Pool, archivers: Pool) -> None:
    today = clock.now().date()
    past = {count: table_partitions.months_before(today, count) for count in (0, 11, 14, 30, 50)}
    await pool.execute("select archiver.make_processing_months($1, 40)", past[30])
    await (await writer_of(pool)).add([message_on(day) for day in past.values()])
    await table_partitions.create_partitions(archivers, today)
    await pool.execute("analyze pg_class; analyze pg_inherits")  # as autovacuum does
    await table_partitions.drop_expired(archivers, today, 24)
    assert await _months(pool) == sorted(past[count] for count in (0, 11, 14))
    await pool.execute(f"alter table {_table_of(past[0])} rename to processing_2020_01")
    await pool.execute(f"alter table {_table_of(past[14])} rename to processing_2999_01")
    await archivers.execute("select archiver.forget_processing('2999-01-01')")
    assert await _months(pool) == sorted(past[count] for count in (0, 11)), "not by their names"


def _table_of(month: date) -> str:
    return f"archiver.processing_{month:%Y_%m}"
