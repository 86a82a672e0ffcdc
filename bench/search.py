"""Searching the record: its duration, and the cost of the index when writing.

The record is made here by the archiver's own writer: two years of a municipality, in which every
third record is a message with words. A search does what the API does: find, count, open a page.
"""

import asyncio
import base64
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from archiver.api.queries import RecordReader
from archiver.encryption.key_store import KeyStore
from archiver.index.blind_index import index_tokens
from archiver.index.record_fields import read_fields
from archiver.log.append import Entry
from archiver.log.writer import Writer
from archiver.search.request import SEARCH
from archiver.search.search import Search
from bench.reports.results import Line, Report, at_most, spread
from bench.servers import KEY
from bench.usage import cpu_seconds
from bench.workloads.corpus import DEPARTMENTS, GREETING, MONTHS, TENANT, Town
from cli.services import MIGRATION_ORDER
from cli.support.configuration import ROOT
from deploy.local.postgresql import Database
from services.contract import Record
from services.http.rights import Rights
from services.postgres.database import Pool, connection_pool
from services.postgres.migrations import migrate, migrations

BATCH = 2_000
"""Records written together, as by an archiver that catches up."""
QUESTIONS = 40
"""Searches of each kind, each about something else."""
ROUNDS = 20
"""Batches with and without the index at the end, alternating."""
MOST_MS = 200.0
"""Target of each kind except exact counts."""
EXACTLY = "frequent word, counted exactly"
RIGHTS = Rights(name="bench", tenant=TENANT, roles=frozenset(["read"]), departments=None)
Json = dict[str, Any]


class Subjects(msgspec.Struct, frozen=True):
    """Random things to search for."""

    town: Town
    conversations: int
    chance: random.Random

    @property
    def rare(self) -> str:
        return self.chance.choice(self.town.vocabulary[-5000:])

    @property
    def medium(self) -> str:
        return self.chance.choice(self.town.vocabulary[500:1500])

    @property
    def frequent(self) -> str:
        return self.chance.choice(self.town.vocabulary[:20])

    @property
    def person(self) -> Json:
        value = self.town.phone(self.chance.randrange(self.conversations))
        return {"person": {"kind": "phone", "value": value}}

    @property
    def period(self) -> Json:
        """A month, anywhere."""
        days = self.chance.randrange(30 * (MONTHS - 1))
        since = self.town.starts_at + timedelta(days=days)
        return {"from": since.isoformat(), "until": (since + timedelta(days=30)).isoformat()}

    @property
    def department(self) -> Json:
        return {"departments": [self.chance.choice(DEPARTMENTS)]}


KINDS: dict[str, Callable[[Subjects], Json]] = {
    "a rare word": lambda a: {"words": a.rare},
    "a medium word": lambda a: {"words": a.medium},
    "a frequent word": lambda a: {"words": a.frequent},
    "the most frequent word": lambda a: {"words": GREETING},
    "the same, oldest first": lambda a: {"words": GREETING, "order": "oldest"},
    "two medium words": lambda a: {"words": f"{a.medium} {a.medium}"},
    "two frequent words": lambda a: {"words": f"{a.frequent} {a.frequent}"},
    "one of three words": lambda a: {"anyOf": [a.rare, a.medium, a.medium]},
    "no such word": lambda a: {"words": "qqqqqq"},
    "a person": lambda a: a.person,
    "person, frequent word": lambda a: a.person | {"words": a.frequent},
    "person, period": lambda a: a.person | a.period,
    "a period": lambda a: a.period,
    "period, medium word": lambda a: a.period | {"words": a.medium},
    "period, frequent word": lambda a: a.period | {"words": a.frequent},
    "word, department, period": lambda a: a.period | a.department | {"words": a.medium},
    "frequent word, department": lambda a: a.department | {"words": a.frequent},
    "a department": lambda a: a.department,
    EXACTLY: lambda a: {"words": a.frequent, "count": "exact"},
}


class Result(msgspec.Struct, frozen=True):
    """One kind: milliseconds and hits of each search, and the mean CPU milliseconds, which other
    load on the machine does not affect."""

    ms: list[float]
    totals: list[int]
    processor_ms: float

    @property
    def late(self) -> float:
        """95th percentile, in milliseconds."""
        return sorted(self.ms)[int(0.95 * (len(self.ms) - 1))]


def measure(folder: Path, records: int, report: Report) -> None:
    """Make the record, search it, and print."""
    with Database(folder / "postgresql", durable=False) as database:
        assert database.process
        spent = partial(_cpu_seconds, database.process.pid)
        asyncio.run(_measure(database.url, records, spent, report))


def _cpu_seconds(server: int) -> float:
    """Return the CPU seconds of this process and of the database."""
    return time.process_time() + cpu_seconds(server)


async def _measure(url: str, records: int, spent: Callable[[], float], report: Report) -> None:
    await migrate(url, [m for n in MIGRATION_ORDER for m in migrations(n, ROOT / n / "migrations")])
    town = Town(records)
    async with connection_pool(url, "bench", 8) as pool:
        keys = KeyStore(pool, [base64.b64decode(KEY)])
        await keys.check()
        await _months(pool, town.starts_at)
        for line in await _fill_archive(Writer(pool, keys), town, records):
            report(line)
        await pool.execute("analyze archiver.searchable, archiver.entry, archiver.subject")
        report(await _sizes(pool))
        finder = Search(pool, keys, RecordReader(pool, keys))
        subjects = Subjects(town, max(1, records // 15), random.Random(11))
        results = {}
        for name, kind in KINDS.items():
            questions = [kind(subjects) for _ in range(QUESTIONS)]
            results[name] = await _time_questions(finder, questions, spent)
    for row in table(results):
        report(row)


async def _fill_archive(writer: Writer, town: Town, records: int) -> list[str]:
    made, began = town.records(), time.monotonic()
    written = await _fill(writer, made, records - 2 * ROUNDS * BATCH)
    rate = f"{written:,} records written, {written / (time.monotonic() - began):,.0f}/s"
    return [rate, *await _compare_writing(writer, made)]


async def _months(pool: Pool, since: datetime) -> None:
    for parent in ("entry", "searchable"):
        months = "select archiver.make_months_of($1, $2, $3)"
        await pool.execute(months, parent, since.date(), MONTHS + 2)


async def _fill(writer: Writer, made: Iterator[Record], records: int) -> int:
    """Write records; seal the next batch while one is written, as the archiver does."""
    written, ahead = 0, None
    while written < records and (batch := list(islice(made, BATCH))):
        entries = await writer.seal(batch)
        if ahead:
            await ahead
        ahead = asyncio.create_task(writer.write(entries))
        written += len(batch)
        await asyncio.sleep(0)
    if ahead:
        await ahead
    return written


async def _compare_writing(writer: Writer, made: Iterator[Record]) -> list[str]:
    """Write batches with and without the search index, alternating."""
    spent: dict[bool, list[float]] = {True: [], False: []}
    words: list[float] = []
    for turn in range(2 * ROUNDS):
        batch = list(islice(made, BATCH))
        if not batch:
            break
        entries = await writer.seal(batch)
        with_index = turn % 2 == 0
        if not with_index:
            entries = [msgspec.structs.replace(entry, index_tokens=None) for entry in entries]
        spent[with_index].append(await _time_write(writer, entries))
        words.append(_time_indexing(batch))
    us = {with_index: [s / BATCH * 1e6 for s in some] for with_index, some in spent.items()}
    return [
        "written in a transaction, us a record:",
        f"  with the index     {spread(us[True], '.1f')}",
        f"  without            {spread(us[False], '.1f')}",
        f"  its words, before  {spread(words, '.1f')}",
    ]


async def _time_write(writer: Writer, entries: Sequence[Entry]) -> float:
    began = time.monotonic()
    await writer.write(entries)
    return time.monotonic() - began


def _time_indexing(batch: Sequence[Record]) -> float:
    """Return the CPU microseconds for the index tokens of a record."""
    parsed = [(record, read_fields(record)) for record in batch]
    began = time.process_time()
    for record, fields in parsed:
        index_tokens(record, fields, b"k" * 32)
    return (time.process_time() - began) / len(batch) * 1e6


async def _sizes(pool: Pool) -> str:
    size = """
    select count(*) as rows, (select sum(pg_total_relation_size(relid))
        from pg_partition_tree('archiver.searchable') where isleaf) as bytes,
        (select sum(pg_total_relation_size(relid))
        from pg_partition_tree('archiver.entry') where isleaf) as entries
    from archiver.searchable
    """
    row = await pool.fetchrow(size)
    assert row is not None
    each = row["bytes"] / max(1, row["rows"])
    share = row["bytes"] / row["entries"]
    rows = f"{row['rows']:,} messages in the index"
    return f"{rows}, {each:,.0f} bytes each, {share:.2f} of the record\n"


async def _time_questions(
    finder: Search, questions: Sequence[Json], spent: Callable[[], float]
) -> Result:
    ms, totals, before = [], [], spent()
    for each in questions:
        question = SEARCH.validate_json(msgspec.json.encode(each))
        began = time.monotonic()
        page = await finder.find(question, RIGHTS)
        ms.append((time.monotonic() - began) * 1000)
        totals.append(page.hits.total)
    return Result(ms, totals, (spent() - before) / len(ms) * 1000)


def table(results: Mapping[str, Result]) -> Iterator[Line]:
    """Yield each kind of search, then the target."""
    heads = f"{'p50':>9}{'p95':>9}{'processor':>11}{'hits':>9}"
    yield f"{'ms to find, count and open a page':34}{heads}"
    for name, each in results.items():
        times = f"{statistics.median(each.ms):9.1f}{each.late:9.1f}{each.processor_ms:11.1f}"
        yield f"{name:34}{times}{statistics.median(each.totals):9,.0f}"
    yield ""
    worst = max(each.late for name, each in results.items() if name != EXACTLY)
    yield at_most("the slowest kind, p95 in ms", MOST_MS, worst)
