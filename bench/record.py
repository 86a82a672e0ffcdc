"""A growing record: the cost of writing, of verifying everything, and of inclusion proofs.

This process writes it in batches, to a database with its shipped settings that waits for its disk.
The records are real ones of two years: their ids and the table's partitions go through the months.
"""

import asyncio
import base64
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.log.inclusion_proof import prove_inclusion
from archiver.log.writer import Writer
from archiver.signing.signer import Signer
from bench.reports.log_report import (
    BatchCost,
    ProofTimes,
    Verification,
    proof_times,
    table,
    verification_table,
)
from bench.reports.results import Report
from bench.rules import EXAMPLES
from bench.servers import EXAMPLE, KEY, ROOT, migrated_database
from bench.usage import cpu_seconds
from bench.workloads import tampering
from bench.workloads.archive_workload import RECORDS_PER_CITIZEN, record_batches, split_waves
from bench.workloads.texts import example_texts, write_texts
from deploy.local.postgresql import Database
from router.model.hashes import Hashes
from router.ruleset.context import build_context
from services import clock
from services.config import loader
from services.contract import Record
from services.files.object_store import ObjectStore
from services.lifecycle import freeze_gc
from services.postgres.database import Pool, connection_pool

RECORDS_PER_BATCH = 2_000
"""Records of a batch."""
DAYS, MONTHS = 730, 26
"""Days that the record spans, and months for which the table has partitions."""
CITIZENS_AT_ONCE = 32
"""Citizens who write at the same time."""
BATCHES_PER_CHECKPOINT = 10
"""Batches from one checkpoint to the next."""
PROOFS = 200
SIGNER = Signer("bench.example/log", bytes(range(32)))


def measure(folder: Path, records: int, report: Report) -> None:
    """Measure and print."""
    with migrated_database(folder) as (database, settings):
        batches, size, proofs = asyncio.run(_write_record(folder, database, records))
        for line in table(batches, size):
            report(line)
        whole, tampered = _verify(settings), _verify(settings, "tampered")
    for line in verification_table(whole, tampered, len(tampering.DEEDS), proofs):
        report(line)


async def _write_record(
    folder: Path, database: Database, records: int
) -> tuple[list[BatchCost], int, ProofTimes]:
    """Return the cost of each batch, the bytes of the whole record, and the times of proofs."""
    async with connection_pool(database.url, "bench", 2) as pool:
        begin = clock.now() - timedelta(days=DAYS)
        months = "select archiver.make_months_of('entry', $1, $2)"
        await pool.execute(months, begin.date().replace(day=1), MONTHS)
        keys = KeyStore(pool, [base64.b64decode(KEY)])
        await keys.check()
        made = _make_records(records)
        batches = await _write_batches(pool, Writer(pool, keys), database, made, folder)
        return batches, await pool.fetchval(_BYTES), await _measure_proofs(pool)


def _make_records(records: int) -> Iterator[Record]:
    """Make records of the last two years."""
    config = loader.load(EXAMPLE)
    about = [word for rule in config.config.rules for word in rule.words]
    texts = write_texts(example_texts(EXAMPLES.read_text()), about, seed=1)
    citizens, now = -(-records // RECORDS_PER_CITIZEN), clock.now()
    waves = (
        (wave, now - timedelta(days=DAYS) * (1 - wave.first / citizens))
        for wave in split_waves(0, citizens, CITIZENS_AT_ONCE)
    )
    made = record_batches(waves, texts, build_context(config, Hashes(b"bench")))
    return itertools.islice((record for batch in made for record in batch), records)


async def _write_batches(
    pool: Pool, writer: Writer, database: Database, records: Iterator[Record], folder: Path
) -> list[BatchCost]:
    """Write batch by batch, and sign a checkpoint now and then, as the archiver does."""
    store = ObjectStore((folder / ".local" / "objects").as_uri())
    assert database.process
    server, batches, before = database.process.pid, list[BatchCost](), 0
    freeze_gc()
    while batch := list(itertools.islice(records, RECORDS_PER_BATCH)):
        own_cpu, database_cpu, began = time.process_time(), cpu_seconds(server), time.monotonic()
        new = await writer.add(batch)
        took, archiver_cpu = time.monotonic() - began, time.process_time() - own_cpu
        assert new == len(batch)
        batches.append(
            BatchCost(before, new, took, archiver_cpu, cpu_seconds(server) - database_cpu)
        )
        before += new
        if len(batches) % BATCHES_PER_CHECKPOINT == 0:
            await sign_checkpoint(pool, SIGNER, store)
    await sign_checkpoint(pool, SIGNER, store)
    return batches


async def _measure_proofs(pool: Pool) -> ProofTimes:
    """Measure proofs of messages throughout the record."""
    took = []
    async with pool.acquire() as connection:
        size = await connection.fetchval("select size from archiver.head")
        for n in range(PROOFS):
            id = await connection.fetchval(_MESSAGE, size * n // PROOFS)
            began = time.monotonic()
            await prove_inclusion(connection, id, SIGNER.verifier)
            took.append((time.monotonic() - began) * 1000)
    return proof_times(took)


def _verify(settings: Mapping[str, str], *how: str) -> Verification:
    command = [sys.executable, "-m", "bench.verify_process", SIGNER.verifier, *how]
    ran = subprocess.run(command, env=dict(settings), stdout=subprocess.PIPE, cwd=ROOT, check=True)
    return msgspec.json.decode(ran.stdout, type=Verification)


_BYTES = """
select sum(pg_total_relation_size(relid))::bigint from pg_partition_tree('archiver.entry')
"""

_MESSAGE = """
select id from archiver.entry where position >= $1 and kind = 'message' order by position limit 1
"""
