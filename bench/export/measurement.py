"""Export: conversations of a real record go to a folder as MDTO, beside new records.

Each was opened, has a message of the citizen with its body, an answer with its three statuses, and
deliveries, and was closed; one in ten has a photograph. They are exported by the command's own
code. The ceiling is what any program needs that writes and hashes the same bytes: the same files,
made in the same folders by one loop, without a database, keys, proofs or metadata.
"""

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from archiver.encryption.key_store import KeyStore
from archiver.log.writer import Writer
from archiver.transfer.exporter import Exporter, Means
from archiver.transfer.package import Package, Plan
from archiver.transfer.packing_slip import Slip
from archiver.transfer.selection import Selection, choose
from archiver.transfer.tree_reader import find_note
from bench.destruction import BATCHES_PER_SECOND, RECORDS_PER_BATCH, write_records
from bench.export.conversations import fill_record
from bench.export.killed_run import run_killed
from bench.record import SIGNER
from bench.reports.results import Line, Report, at_least, at_most
from bench.servers import EXAMPLE, KEY, migrated_database
from bench.usage import tree_memory
from services import clock
from services.config import loader
from services.files.object_store import ObjectStore
from services.postgres.database import connection_pool

WARM = 0.2
"""Share of the conversations after which memory is measured first."""
RATE, OF_CEILING, GROWTH_MIB = 40.0, 0.05, 16.0
"""Targets: conversations a second beside new records, share of the ceiling, and growth of memory
from WARM to the end."""
TENANT = "almelo"


class ExportRun(NamedTuple):
    slip: Slip
    seconds: float
    cpu: float
    """Seconds of this process, with those of the records beside it."""
    growth: float
    """MiB."""
    bare: float
    """Seconds that the same files take without anything else."""
    waits: Sequence[float]
    """Seconds that each batch of records took meanwhile."""


def measure(folder: Path, conversations: int, report: Report) -> None:
    """Measure and print; then export the same again, killed halfway."""
    with migrated_database(folder) as (database, _):
        run, plan = asyncio.run(_measure(database.url, folder, conversations))
        for line in _table(run):
            report(line)
        again = folder / "killed"
        was_killed = not run_killed(database.url, again, plan, conversations // 2)
        is_whole = run_killed(database.url, again, plan, 0)
        is_same = is_whole and trees_of(again) == trees_of(folder / "sip")
        word = "not a byte is different" if is_same else "IT IS NOT THE SAME"
        killed = "killed halfway" if was_killed else "NOT KILLED"
        report(f"the same again, {killed} and gone on: {word}")


def trees_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder."""
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        with open(path, "rb") as file:
            found[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


async def _measure(url: str, folder: Path, conversations: int) -> tuple[ExportRun, Plan]:
    own = f"{url}{'&' if '?' in url else '?'}role=postkamer_archiver"
    async with opened_means(url, folder) as means, connection_pool(own, "bench", 2) as role:
        await fill_record(means.pool, means.keys, means.objects, conversations)
        writer = Writer(role, KeyStore(role, [base64.b64decode(KEY)]))
        await writer._keys.check()
        plan = await _plan(means)
        async with _traffic(writer) as waits:
            return await _export(means, folder / "sip", plan, waits), plan


@asynccontextmanager
async def opened_means(url: str, folder: Path) -> AsyncIterator[Means]:
    """Open what an export needs; the object store is in `folder`."""
    async with connection_pool(url, "bench", 4) as pool:
        keys = KeyStore(pool, [base64.b64decode(KEY)])
        await keys.check()
        yield Means(
            pool=pool,
            keys=keys,
            objects=ObjectStore((folder / "objects").as_uri()),
            config=loader.load(EXAMPLE).config,
            verifier=SIGNER.verifier,
        )


@asynccontextmanager
async def _traffic(writer: Writer) -> AsyncIterator[Sequence[float]]:
    waits = list[float]()
    task = asyncio.create_task(write_records(writer, waits))
    try:
        yield waits
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _export(means: Means, folder: Path, plan: Plan, waits: Sequence[float]) -> ExportRun:
    package, warm = Package(folder), list[float]()
    package.begin(plan)

    async def look(conversations: Sequence[str]) -> None:
        """The command has the archiver record it here."""

    def progress(done: int, of: int) -> None:
        if not warm and done >= WARM * of:
            warm.append(tree_memory(os.getpid()))

    began, cpu = time.monotonic(), time.process_time()
    slip = await Exporter(means, package, plan).run(look, progress)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    growth = tree_memory(os.getpid()) - warm[0]
    bare = await asyncio.to_thread(_write_bare, folder, folder.with_name("bare"))
    return ExportRun(slip, seconds, cpu, growth, bare, waits)


async def _plan(means: Means) -> Plan:
    selection = Selection(tenant=TENANT)
    async with means.pool.acquire() as connection, connection.transaction():
        note = await find_note(connection, None)
        size = await connection.fetchval("select max(size) from archiver.checkpoint")
        choice = await choose(connection, means.keys, selection, size)
    assert note
    return Plan(
        selection=selection,
        choice=choice,
        log_size=size,
        note=note,
        target="depot",
        target_id="",
        title="bench",
        contact="",
        made_at=clock.now(),
    )


def _write_bare(folder: Path, copy: Path) -> float:
    """Return the seconds that it takes to write and hash the same bytes, in as many files and
    folders. They are read before, and that is not counted."""
    seconds = 0.0
    copy.mkdir()
    for top in sorted(each for each in folder.iterdir() if each.is_dir()):
        paths = sorted(top.rglob("*"))
        made = [(copy / path.relative_to(folder), path) for path in paths]
        contents = [(to, path.read_bytes()) for to, path in made if path.is_file()]
        began = time.monotonic()
        (copy / top.name).mkdir()
        for to, path in made:
            if path.is_dir():
                to.mkdir()
        for to, content in contents:
            to.write_bytes(content)
            hashlib.sha256(content).hexdigest()
        seconds += time.monotonic() - began
    began = time.monotonic()
    os.sync()
    return seconds + time.monotonic() - began


def _table(run: ExportRun) -> Iterator[Line]:
    slip = run.slip
    files = slip.totals.objects + 2 * slip.totals.files
    title = f"{slip.dossiers:,} conversations, {files:,} files"
    yield f"{title:44}{'target':>10}{'measured':>10}"
    yield at_least("conversations exported in a second", RATE, slip.dossiers / run.seconds)
    yield at_least("share of writing and hashing them alone", OF_CEILING, run.bare / run.seconds)
    yield at_most("MiB that the process grew meanwhile", GROWTH_MIB, run.growth)
    megabytes = slip.totals.bytes / 1e6
    yield f"{megabytes:,.0f} MB of contents in {run.seconds:,.0f} s; alone {run.bare:,.1f} s"
    milliseconds = run.cpu / slip.dossiers * 1000
    yield f"this process: {milliseconds:,.1f} ms of CPU for each, with the records beside it"
    waits = sorted(run.waits) or [0.0]
    yield (
        f"beside it {RECORDS_PER_BATCH * BATCHES_PER_SECOND} records a second:"
        f" a batch took {waits[len(waits) // 2] * 1000:,.0f} ms (median),"
        f" {waits[-1] * 1000:,.0f} ms at most"
    )
