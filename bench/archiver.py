"""The archiver alone: the rate of one process, from a real broker into a real database.

The archive's queue is filled beforehand, as router and deliverer fill it. Then the archiver starts
with nothing else running, and is timed from its first batch message to its last record. The
baselines copy the same rows with a bare COPY: into tables like the archiver's own with all their
indexes, and the entries alone with only their primary key, and without any index.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import aio_pika

from bench.harness import Stage, start_stage
from bench.reports.archiver_report import ARCHIVER, KEYED, PLAIN, WHOLE, ArchiverSample, table
from bench.reports.results import Report
from bench.rules import EXAMPLES
from bench.usage import peak_memory
from bench.workloads.archive_workload import RECORDS_PER_CITIZEN, record_batches, split_waves
from bench.workloads.texts import example_texts, write_texts
from deploy.local.process import Process
from router.model.hashes import Hashes
from router.ruleset.context import build_context
from services import clock, logs
from services.config import loader
from services.contract import Record
from services.postgres.database import Pool, connection_pool
from tests.support.citizens import NUMBER
from tests.support.installation import NEIGHBOUR_NUMBER

NUMBERS = (NUMBER, NEIGHBOUR_NUMBER)
STUCK_SECONDS = 600.0
"""Limit of a whole round: a longer one is no measurement any more."""
POLL_SECONDS = 0.02
"""Interval of the progress poll, which asks the broker and the database and not the archiver."""
ARCHIVER_TABLES = ("entry", "searchable", "processing", "subject")
"""Tables that the archiver writes for a record; rows are only added."""
BARE_TABLES = {KEYED: "alter table bare add primary key (id)", PLAIN: ""}
"""Kind of a bare COPY of the entries -> statement that adds the indexes to its table."""


def measure(folder: Path, rounds: int, messages: int, report: Report) -> None:
    """Measure and print. Half of the `messages` are answers."""
    logs.log_to_stdout("bench", "error")  # for what is published here
    samples: list[ArchiverSample] = []
    with start_stage(folder) as stage:
        for turn in range(rounds):
            samples.append(asyncio.run(_round(stage, turn * messages, messages // 2)))
            rates = ", ".join(f"{rate:,.0f} {kind}" for kind, rate in samples[-1].rates.items())
            report(f"round {turn + 1} of {rounds}, records/s: {rates}")
    for line in table(samples):
        report(line)


async def _round(stage: Stage, first: int, citizens: int) -> ArchiverSample:
    """Run an archiver on a full queue, then the bare copies; RuntimeError if a batch is left."""
    async with (
        await aio_pika.connect(stage.broker.url) as connection,
        connection_pool(stage.database.url, "bench", 1) as pool,
    ):
        channel = await connection.channel()
        records = citizens * RECORDS_PER_CITIZEN
        filled = await stage.publish_records(_make_batches(stage, first, citizens))
        await pool.execute("analyze")  # as autovacuum has done in production
        before = await pool.fetchval(_SIZE)
        process = Process(stage.archiver())
        process.start()
        rows_before = await _count_rows(pool)
        try:
            while await stage.count_archive_queue(channel) == filled:
                process.must_run()
                await asyncio.sleep(POLL_SECONDS)
            result = await _measure_archiver(stage, pool, before + records, process)
        finally:
            process.stop()
        if left := await stage.count_archive_queue(channel):
            raise RuntimeError(f"{left} batch messages were not acknowledged")
        result.rates.update(await _measure_entry_copies(pool, before))
        result.rates[WHOLE] = await _measure_full_copy(pool, records, rows_before)
    return result


def _make_batches(stage: Stage, first: int, citizens: int) -> Iterator[list[Record]]:
    config = loader.load(stage.config_file)
    about = [word for rule in config.config.rules for word in rule.words]
    texts = write_texts(example_texts(EXAMPLES.read_text()), about, seed=first)
    context = build_context(config, Hashes(b"bench"))
    waves = ((wave, clock.now()) for wave in split_waves(first, citizens))
    return record_batches(waves, texts, context, NUMBERS)


async def _measure_archiver(
    stage: Stage, pool: Pool, size: int, process: Process
) -> ArchiverSample:
    """Measure from now until the log has `size` entries."""
    spent, began, first = (
        stage.cpu_seconds(process.pid),
        time.monotonic(),
        await pool.fetchval(_SIZE),
    )
    async with asyncio.timeout(STUCK_SECONDS):
        while await pool.fetchval(_SIZE) < size:
            process.must_run()
            await asyncio.sleep(POLL_SECONDS)
    took, after = time.monotonic() - began, stage.cpu_seconds(process.pid)
    count = size - first
    return ArchiverSample(
        rates={ARCHIVER: count / took},
        spent={name: (after[name] - used) / count for name, used in spent.items()},
        memory=peak_memory(process.pid),
    )


async def _measure_entry_copies(pool: Pool, first: int) -> dict[str, float]:
    """Return the records/s of a COPY of the entries from position `first`, for each kind."""
    rows = [tuple(row) for row in await pool.fetch(_ROWS, first)]
    rates = {}
    for kind, change in BARE_TABLES.items():
        await pool.execute(f"create table bare (like archiver.entry); {change}")
        began = time.monotonic()
        await pool.copy_records_to_table("bare", records=rows, timeout=STUCK_SECONDS)
        rates[kind] = len(rows) / (time.monotonic() - began)
        await pool.execute("drop table bare")
    return rates


async def _measure_full_copy(pool: Pool, count: int, before: Mapping[str, int]) -> float:
    """Return the records/s of a COPY of all new rows, into tables with the same indexes."""
    seconds = 0.0
    for name, rows_before in before.items():
        rows = await pool.fetch(f"select * from archiver.{name} offset $1", rows_before)
        await pool.execute(f"create table bare (like archiver.{name} including indexes)")
        columns, values = list(rows[0].keys()), [tuple(row) for row in rows]
        began = time.monotonic()
        await pool.copy_records_to_table(
            "bare", records=values, columns=columns, timeout=STUCK_SECONDS
        )
        seconds += time.monotonic() - began
        await pool.execute("drop table bare")
    return count / seconds


async def _count_rows(pool: Pool) -> dict[str, int]:
    count = "select count(*) from archiver."
    return {name: await pool.fetchval(count + name) for name in ARCHIVER_TABLES}


_SIZE = "select size from archiver.head"
_ROWS = "select * from archiver.entry where position >= $1 order by position"
