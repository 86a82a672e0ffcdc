"""The balance beside a growing record: the cost of one round.

The rows are made in SQL, as the router, the archiver and the deliverer leave them: a decision, its
record and its delivery, all settled. A round follows a number of new ones, and looks again at as
many old ones.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from archiver.balance.round import run_round
from archiver.balance.store import load_sheet
from bench.reports.results import Line, Report, at_most
from bench.servers import migrated_database
from services import clock
from services.postgres.database import Pool, connection_pool

FACTOR = 5
"""Times the record that the first rounds have."""
NEW, ROUNDS = 2_000, 15
"""Decisions that one round follows, and rounds of which the median counts."""
STATEMENTS = 10
"""Transactions of NEW decisions before each round that follows the growing record: as many as a
round takes."""
MONTHS = 13
DAYS = 360
"""Days that the larger record spans."""
TIMES = 1.2
"""Target: the cost of a round beside the larger record, in times that beside the smaller."""


def measure(folder: Path, records: int, report: Report) -> None:
    """Measure and print."""
    with migrated_database(folder) as (database, _):
        for line in asyncio.run(_compare(database.url, records)):
            report(line)


async def _compare(url: str, records: int) -> list[Line]:
    async with connection_pool(url, "bench", 2) as pool:
        await pool.execute("insert into router.lease (partition, epoch) values (0, 1)")
        months = "select archiver.make_months_of('entry', (now() - interval '1 year')::date, $1)"
        await pool.execute(months, MONTHS)
        made, medians = 0, list[float]()
        for size in (records, FACTOR * records):
            while made < size:
                for _ in range(STATEMENTS):
                    await _decide(pool, made, NEW, records)
                    made += NEW
                await run_round(pool)
            await pool.execute("vacuum analyze")
            took = []
            for _ in range(ROUNDS):
                await _decide(pool, made, NEW, records)
                made += NEW
                began = time.monotonic()
                await run_round(pool)
                took.append(time.monotonic() - began)
            medians.append(statistics.median(took))
        assert (await load_sheet(pool)).is_closed
        return [*_table(records, medians)]


def _table(records: int, medians: list[float]) -> Iterator[Line]:
    yield f"{'A round of ' + f'{NEW:,} decisions beside':44}{'ms':>10}"
    for size, median in zip((records, FACTOR * records), medians, strict=True):
        yield f"{f'{size:,} decisions, records and deliveries':44}{median * 1000:10.0f}"
    yield f"{'':44}{'target':>10}{'measured':>10}"
    yield at_most(f"times the cost, {FACTOR} times the record", TIMES, medians[1] / medians[0])


async def _decide(pool: Pool, first: int, count: int, records: int) -> None:
    """Make so many decisions, spread over the months, with their records and deliveries."""
    begin = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    interval = timedelta(days=DAYS) / (FACTOR * records)
    for statement in (_INBOX, _ENTRIES, _DELIVERIES):
        await pool.execute(statement, first, count, begin, interval)
    await pool.execute("update archiver.head set size = $1", first + count)


# Ids have the time of their receipt, as they have in life: UUIDv7. A body has two items.
_IDS = """
with made as (
    select n, n - n % 2 as first
    from generate_series($1::bigint, $1::bigint + $2::bigint - 1) n
), timed as (
    select n, first, lpad(to_hex(
        (extract(epoch from $3::timestamptz + first * $4::interval) * 1000)::bigint), 12, '0')
        as time
    from made
), ids as (
    select n, (time || '7' || lpad(to_hex(n), 19, '0'))::uuid as record,
        (time || '8' || lpad(to_hex(n), 19, '0'))::uuid as event,
        (time || '9' || lpad(to_hex(first), 19, '0'))::uuid as receipt
    from timed
)
"""
_INBOX = f"""{_IDS}
insert into router.inbox (key, receipt, decision, partition, number, is_item, record, records,
    events, destinations)
select decode(md5('key' || n), 'hex'), receipt, convert_to(repeat('x', 300), 'UTF8'), 0,
    '106540352242922', true, record, array[record], array[event], array['crm'] from ids
"""
_ENTRIES = f"""{_IDS}
insert into archiver.entry (id, position, kind, at, tenant, conversation, department, receipt, item,
    sequence, sealed, leaf)
select record, n, 'message', now(), 'almelo', '106540352242922-a', 'kcc', receipt, n % 2, 1,
    convert_to(repeat('x', 300), 'UTF8'), convert_to(repeat('x', 32), 'UTF8') from ids
"""
_DELIVERIES = f"""{_IDS}
insert into deliverer.delivery (destination, event, tenant, conversation, state, attempts, status,
    at)
select 'crm', event, 'almelo', '106540352242922-a', 'settled', 1, 200, now() from ids
"""
