"""A move: a municipality goes from one record to another, as the commands carry it.

First all that is on the record, while nothing stands still; then the rest in the part in which the
municipality stands still. Each conversation was opened, has a message with its body, an answer with
its statuses, deliveries and a closing; one in ten has a photograph. The ceiling of loading is the
archiver's own writing of the same entries in the same run: they are sealed there, and are not here.
"""

import asyncio
import base64
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

from archiver.encryption.key_store import KeyStore
from archiver.log.writer import Writer
from bench.export.conversations import DAYS, RECORDS_PER_WRITE, make_records
from bench.record import SIGNER
from bench.reports.results import Line, Report, at_least, at_most
from bench.servers import EXAMPLE, KEY, migrated_database
from bench.usage import tree_memory
from cli.tenant.export import place_of
from cli.tenant.loader import Loader
from cli.tenant.package import Manifest, Package
from cli.tenant.packer import Packer
from cli.tenant.transport_key import TransportKey
from services import clock
from services.config import loader
from services.files.object_store import ObjectStore
from services.keys.working_keys import refresh
from services.postgres.database import Pool, connection_pool

OF_WRITING, GROWTH_MIB = 0.5, 32.0
"""Targets: share of the archiver's own writing, and growth of memory from the first window to the
end of loading."""
TENANT = "almelo"

T = TypeVar("T")


class MoveRun(NamedTuple):
    entries: int
    rows: int
    written: float
    """Seconds in which the archiver wrote the entries, without making them."""
    packed: float
    loaded: float
    still: float
    """Seconds of the part in which the municipality stands still."""
    growth: float
    """MiB."""


class Installation(NamedTuple):
    pool: Pool
    keys: KeyStore
    store: ObjectStore


def measure(folder: Path, conversations: int, report: Report) -> None:
    """Measure and print."""
    with ExitStack() as stack:
        made = [stack.enter_context(migrated_database(folder / name)) for name in ("old", "new")]
        urls = [database.url for database, _ in made]
        for line in _table(asyncio.run(_measure(urls, folder, conversations))):
            report(line)


async def _measure(urls: Sequence[str], folder: Path, conversations: int) -> MoveRun:
    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(connection_pool(url, "bench", 4)) for url in urls]
        old = await _installation(pools[0], folder / "old", base64.b64decode(KEY))
        new = await _installation(pools[1], folder / "new", os.urandom(32))
        await refresh(new.pool, [os.urandom(32)], clock.now().date())
        written = await _write(old, conversations)
        return await _move(old, new, Package(folder / "package", TransportKey(b"t" * 32)), written)


async def _installation(pool: Pool, folder: Path, master: bytes) -> Installation:
    keys = KeyStore(pool, [master])
    await keys.check()
    return Installation(pool, keys, ObjectStore((folder / "objects").as_uri()))


async def _write(old: Installation, conversations: int) -> float:
    begin, seconds = clock.now() - timedelta(days=DAYS + 30), 0.0
    writer, made = Writer(old.pool, old.keys), make_records(conversations, begin)
    while batch := list(itertools.islice(made, RECORDS_PER_WRITE)):
        began = time.monotonic()
        await writer.add(batch)
        seconds += time.monotonic() - began
    await old.pool.execute("vacuum analyze", timeout=600)
    return seconds


async def _move(old: Installation, new: Installation, package: Package, written: float) -> MoveRun:
    warm = list[float]()

    def progress(done: int, of: int) -> None:
        if not warm:
            warm.append(tree_memory(os.getpid()))

    packed, manifest = await _timed(_pack(old, package, progress, is_final=False))
    loaded, _ = await _timed(_load(new, package, manifest))
    growth = tree_memory(os.getpid()) - warm[0]
    packed_rest, manifest = await _timed(_pack(old, package, progress, is_final=True))
    loaded_rest, rows = await _timed(_load(new, package, manifest))
    entries = sum(chunk.file.lines for chunk in manifest.chunks)
    still = packed_rest + loaded_rest
    return MoveRun(entries, rows, written, packed, loaded, still, growth)


async def _pack(
    old: Installation, package: Package, progress: Callable[[int, int], None], *, is_final: bool
) -> Manifest:
    place = place_of(loader.load(EXAMPLE).config, TENANT)
    packer = Packer(*old, package, place, bytes(32))
    return await packer.run(SIGNER, is_final=is_final, progress=progress)


async def _load(new: Installation, package: Package, manifest: Manifest) -> int:
    result = await Loader(*new, package, manifest).run(SIGNER.verifier, lambda done, of: None)
    return result.rows


async def _timed(work: Awaitable[T]) -> tuple[float, T]:
    began = time.monotonic()
    result = await work
    return time.monotonic() - began, result


def _table(run: MoveRun) -> Iterator[Line]:
    title = f"{run.entries:,} entries, {run.rows:,} other rows"
    yield f"{title:44}{'target':>10}{'measured':>10}"
    share = run.written / run.loaded
    yield at_least("loaded, as a share of the archiver's writing", OF_WRITING, share)
    yield at_most("MiB that the process grew meanwhile", GROWTH_MIB, run.growth)
    yield f"written into the folder: {run.entries / run.packed:,.0f} entries a second"
    yield f"loaded: {run.entries / run.loaded:,.0f} entries a second"
    yield f"standing still: {run.still:,.1f} s, {run.rows / run.still:,.0f} rows a second both ways"
