"""The archiver by itself: what one process puts on the record, from a real broker into a real
database.

The archive's queue is filled beforehand, as router and deliverer fill it; then the archiver is
started with nothing else at work, and timed from the first envelope that it takes to the last
record that it has written. Then the same rows, as they lie in its table, in one bare COPY each
into two tables: with the primary key of theirs, and with no index at all.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import aio_pika

from bench.archive_workload import EACH, envelopes, split
from bench.archiver_report import ARCHIVER, KEYED, PLAIN, WHOLE, Round, table
from bench.harness import Stage, staged
from bench.rules import EXAMPLES
from bench.texts import examples, written
from bench.usage import peak
from deploy.local.process import Process
from router.handlers.units import keyed_hash
from router.ruleset.context import build_context
from services import clock, logs
from services.config import loader
from services.contract import Record
from services.postgres.database import Pool, connection_pool
from tests.support.citizens import NUMBER
from tests.support.installation import NEIGHBOUR_NUMBER

NUMBERS = (NUMBER, NEIGHBOUR_NUMBER)
STUCK_SECONDS = 600.0
"""For all of a round: longer is no measurement any more."""
LOOK_SECONDS = 0.02
"""Between two looks at how far it has come; broker and database are asked, and not the process."""
WRITTEN = ("entry", "searchable", "processing", "subject")
"""What the archiver writes of a record; they are only added to."""
TABLES = {KEYED: "alter table bare add primary key (id)", PLAIN: ""}
"""What each table for a bare COPY has beside its columns."""


def measure(folder: Path, rounds: int, messages: int, report: Callable[[str], None]) -> None:
    """Measure and print; half of the `messages` are answers."""
    logs.log_to_stdout("bench", "error")  # for what is published here
    samples: list[Round] = []
    with staged(folder) as stage:
        for turn in range(rounds):
            samples.append(asyncio.run(_round(stage, turn * messages, messages // 2)))
            got = ", ".join(f"{rate:,.0f} {kind}" for kind, rate in samples[-1].rates.items())
            report(f"round {turn + 1} of {rounds}, records/s: {got}")
    for line in table(samples):
        report(line)


async def _round(stage: Stage, first: int, citizens: int) -> Round:
    """One archiver with all of it waiting, then its rows bare; RuntimeError when any is missing."""
    async with (
        await aio_pika.connect(stage.broker.url) as connection,
        connection_pool(stage.database.url, "bench", 1) as pool,
    ):
        channel = await connection.channel()
        filled = await stage.tell(_happened(stage, first, citizens))
        await pool.execute("analyze")  # a town's database has done so by itself
        before = await pool.fetchval(_SIZE)
        process = Process(stage.archiver())
        process.start()
        beside = await _rows(pool)
        try:
            while await stage.untold(channel) == filled:
                process.must_run()
                await asyncio.sleep(LOOK_SECONDS)
            found = await _watched(stage, pool, before + citizens * EACH, process)
        finally:
            process.stop()
        if left := await stage.untold(channel):
            raise RuntimeError(f"{left} envelopes were not acknowledged")
        found.rates.update(await _bare(pool, before))
        found.rates[WHOLE] = await _whole(pool, citizens * EACH, beside)
    return found


def _happened(stage: Stage, first: int, citizens: int) -> Iterator[list[Record]]:
    config = loader.load(stage.config_file)
    about = [word for rule in config.config.rules for word in rule.words]
    texts = written(examples(EXAMPLES.read_text()), about, seed=first)
    ground = build_context(config, keyed_hash(b"bench"))
    waves = ((wave, clock.now()) for wave in split(first, citizens))
    return envelopes(waves, texts, ground, NUMBERS)


async def _watched(stage: Stage, pool: Pool, size: int, process: Process) -> Round:
    """From now until the log has come so far."""
    spent, began, first = stage.spent(process.pid), time.monotonic(), await pool.fetchval(_SIZE)
    async with asyncio.timeout(STUCK_SECONDS):
        while await pool.fetchval(_SIZE) < size:
            process.must_run()
            await asyncio.sleep(LOOK_SECONDS)
    took, after = time.monotonic() - began, stage.spent(process.pid)
    count = size - first
    return Round(
        rates={ARCHIVER: count / took},
        spent={name: (after[name] - used) / count for name, used in spent.items()},
        memory=peak(process.pid),
    )


async def _bare(pool: Pool, first: int) -> dict[str, float]:
    """Records/s of a COPY of what was written from this place on, into each table."""
    rows = [tuple(row) for row in await pool.fetch(_ROWS, first)]
    rates = {}
    for kind, change in TABLES.items():
        await pool.execute(f"create table bare (like archiver.entry); {change}")
        began = time.monotonic()
        await pool.copy_records_to_table("bare", records=rows, timeout=STUCK_SECONDS)
        rates[kind] = len(rows) / (time.monotonic() - began)
        await pool.execute("drop table bare")
    return rates


async def _whole(pool: Pool, count: int, before: Mapping[str, int]) -> float:
    """Records/s of COPYs of all that was written, into tables with the indexes of those."""
    seconds = 0.0
    for name, rows_before in before.items():
        rows = await pool.fetch(f"select * from archiver.{name} offset $1", rows_before)
        await pool.execute(f"create table bare (like archiver.{name} including indexes)")
        columns, given = list(rows[0].keys()), [tuple(row) for row in rows]
        began = time.monotonic()
        await pool.copy_records_to_table(
            "bare", records=given, columns=columns, timeout=STUCK_SECONDS
        )
        seconds += time.monotonic() - began
        await pool.execute("drop table bare")
    return count / seconds


async def _rows(pool: Pool) -> dict[str, int]:
    return {name: await pool.fetchval(f"select count(*) from archiver.{name}") for name in WRITTEN}


_SIZE = "select size from archiver.head"
_ROWS = "select * from archiver.entry where position >= $1 order by position"
