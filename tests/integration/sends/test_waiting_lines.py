"""A lookout's conditions on the tables: they find whatever could be claimed, and read no more of
what is done, however PostgreSQL came to know the table."""

import json
from typing import Any

import pytest

from archiver.media import store as media_store
from deliverer.crm import resends
from deliverer.destinations.openklant.erasure import erasure_records
from deliverer.meta import ledger_sql
from deliverer.owners import actions, notice_store
from services.postgres.database import Pool

LINES = """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, state, media, claimed_by, created_at, due_at)
select gen_random_uuid(), $1, 'c', 1, gen_random_uuid(), 'phone', '31600000000', '{}', $2,
    case when $3 then gen_random_uuid() end, gen_random_uuid(), now(), now()
from generate_series(1, $4)
"""
MARKS = """
insert into deliverer.mark (number, person, id, wamid, heard_at, typing, created_at, due_at)
select '1', gen_random_uuid(), gen_random_uuid(), '', now(), false, now(), now()
from generate_series(1, $1)
"""
FILES = """
insert into archiver.media (id, tenant, number, conversation, department, announced, sealed,
    sent_at, state, due_at, scanned)
select gen_random_uuid(), 'almelo', '1', '', '', '{"mimeType": "image/jpeg"}', '', now(), $1,
    now(), $2 from generate_series(1, $3)
"""
MANY = 5000


async def holds(pool: Pool, condition: str) -> bool:
    return bool(await pool.fetchval(f"select exists (select from ({condition}) row)"))


async def rows_read(pool: Pool, condition: str) -> float:
    plan = await pool.fetchval(
        f"explain (analyze, format json) select exists (select from ({condition}) row)"
    )
    return max(_rows(json.loads(plan)[0]["Plan"]))


def _rows(step: dict[str, Any]) -> list[float]:
    removed = step.get("Rows Removed by Filter", 0) + step.get("Rows Removed by Index Recheck", 0)
    read = (step["Actual Rows"] + removed) * step["Actual Loops"]
    return [read, *(each for part in step.get("Plans", ()) for each in _rows(part))]


@pytest.mark.parametrize(
    ("state", "has_file", "waits", "file_waits"),
    [
        ("queued", False, True, False),
        ("queued", True, True, True),
        ("sending", True, True, False),
        ("unknown", True, False, False),
        ("held", False, False, False),
        ("sent", True, False, False),
    ],
)
async def test_lines_that_could_be_claimed_are_found(
    pool: Pool, state: str, has_file: bool, waits: bool, file_waits: bool
) -> None:
    assert not await holds(pool, ledger_sql.WAITS)
    await pool.execute(LINES, "1", state, has_file, 1)
    assert await holds(pool, ledger_sql.WAITS) == waits
    assert await holds(pool, ledger_sql.FILE_WAITS) == file_waits


async def test_receipts_that_could_be_claimed_are_found(pool: Pool) -> None:
    assert not await holds(pool, ledger_sql.READ_RECEIPT_WAITS)
    await pool.execute(MARKS, 1)
    assert await holds(pool, ledger_sql.READ_RECEIPT_WAITS)


@pytest.mark.parametrize(
    ("state", "scanned", "condition"),
    [
        ("waiting", False, media_store.FETCH_WAITS),
        ("fetched", False, media_store.SCAN_WAITS),
        ("available", False, media_store.SCAN_LATER_WAITS),
        ("available", True, ""),
        ("lost", False, ""),
    ],
)
async def test_files_that_could_be_claimed_are_found(
    pool: Pool, state: str, scanned: bool, condition: str
) -> None:
    await pool.execute(FILES, state, scanned, 1)
    conditions = media_store.FETCH_WAITS, media_store.SCAN_WAITS, media_store.SCAN_LATER_WAITS
    assert [each for each in conditions if await holds(pool, each)] == [condition] * bool(condition)


@pytest.mark.parametrize(
    ("condition", "insert", "end"),
    [
        (
            resends.WAITS,
            "insert into deliverer.resend (id, destination, tenant, token, fingerprint, since,"
            " until, per_second, ordered_at, taken_at) values (gen_random_uuid(), 'crm', 'almelo',"
            " 'x', '', now(), now(), 1, now(), now())",
            "update deliverer.resend set finished_at = now()",
        ),
        (
            actions._WAITS,
            "insert into deliverer.owner_action (id, at, tenant, destination, what, data)"
            " values (gen_random_uuid(), now(), 'almelo', 'crm', 'resend', '{}')",
            "delete from deliverer.owner_action",
        ),
        (
            notice_store._WAITS,
            "insert into deliverer.owner_notice (id, destination, owner, state, since, at, data,"
            " due_at, outcome) values (gen_random_uuid(), 'crm', 'desk', 'failing', now(), now(),"
            " '', now(), 'sent')",
            "update deliverer.owner_notice set told = true",
        ),
        (
            erasure_records._WAITS,
            "insert into deliverer.contact_erasure (destination, event, conversation, addresses,"
            " registered, registered_messages, registered_seals, tenant, list, due_at, ended_at)"
            " values ('ok', gen_random_uuid(), 'x', '{}', '{}', '{}', '{}', 'almelo', '', now(),"
            " now())",
            "update deliverer.contact_erasure set told = true",
        ),
    ],
)
async def test_orders_and_outboxes_of_the_deliverer_are_found_until_they_end(
    pool: Pool, condition: str, insert: str, end: str
) -> None:
    assert not await holds(pool, condition)
    await pool.execute(insert)
    assert await holds(pool, condition)
    await pool.execute(end)
    assert not await holds(pool, condition)


async def test_look_reads_nothing_of_what_is_done(pool: Pool) -> None:
    """The statistics are those of a moment at which everything waited."""
    await pool.execute("alter table deliverer.ledger set (autovacuum_enabled = off)")
    await pool.execute("alter table archiver.media set (autovacuum_enabled = off)")
    await pool.execute(LINES, "1", "queued", True, MANY)
    await pool.execute(FILES, "waiting", False, MANY)
    await pool.execute("analyze deliverer.ledger, archiver.media")
    await pool.execute("update deliverer.ledger set state = 'sent'")
    await pool.execute("update archiver.media set state = 'lost'")
    conditions = (ledger_sql.WAITS, ledger_sql.FILE_WAITS, media_store.FETCH_WAITS)
    later = (media_store.SCAN_WAITS, media_store.SCAN_LATER_WAITS)
    read = {each: await rows_read(pool, each) for each in (*conditions, *later)}
    await pool.execute("alter table deliverer.ledger reset (autovacuum_enabled)")
    await pool.execute("alter table archiver.media reset (autovacuum_enabled)")
    assert max(read.values()) <= 2, read
