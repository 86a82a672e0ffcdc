"""Report of the growing record: samples in, tables out. Pure."""

import statistics
from collections.abc import Iterator, Sequence

import msgspec

from bench.reports.results import Line, at_least, at_most

WARM_UP, PART = 5_000, 50_000
"""Records: left out at the start, and compared at the beginning and at the end."""
TIMES, FLAT = 1.3, 1.1
"""Targets: for the cost of a record at the end, in times that at the beginning; and for the peak
memory of verifying the whole record, in times that of a tenth."""
TENTHS = 10


class BatchCost(msgspec.Struct, frozen=True):
    """Records written together: the number before and of this batch, the elapsed seconds, and the
    CPU seconds of this process and of PostgreSQL."""

    records_before: int
    count: int
    took: float
    archiver_cpu: float
    database_cpu: float

    @property
    def cpu(self) -> float:
        return self.archiver_cpu + self.database_cpu


class Verification(msgspec.Struct, frozen=True):
    """A verification of the whole record in a process of its own: peak MiB in the first tenth and
    in all, the number of findings, and the manipulations that were not found."""

    entries: int
    seconds: float
    early: float
    peak: float
    found: int
    missed: list[str] = []


class ProofTimes(msgspec.Struct, frozen=True):
    """Milliseconds for one proof."""

    p50: float
    p99: float


def table(batches: Sequence[BatchCost], bytes: int) -> Iterator[Line]:
    """Yield a row for each tenth, then the targets."""
    total = sum(batch.count for batch in batches)
    yield ""
    times = f"{'us a record':>14}{'CPU us: archiver':>18}{'PostgreSQL':>12}"
    yield f"{'before':>14}{'records/s':>12}{times}"
    for tenth in range(TENTHS):
        first, last = total * tenth // TENTHS, total * (tenth + 1) // TENTHS
        part = [batch for batch in batches if first <= batch.records_before < last]
        if not part:
            continue
        took, archiver, database = (
            microseconds_per_record(part, name) for name in ("took", "archiver_cpu", "database_cpu")
        )
        yield f"{first:14,}{1e6 / took:12,.0f}{took:14.0f}{archiver:18.0f}{database:12.0f}"
    yield f"{bytes / total:,.0f} bytes of disk a record, indexes included"
    yield ""
    yield f"{'A record of ' + f'{total:,}':44}{'target':>10}{'measured':>10}"
    for what, name in (("time", "took"), ("processor time", "cpu")):
        yield at_most(f"times the {what}, the last {PART:,}", TIMES, growth(batches, name))


def microseconds_per_record(batches: Sequence[BatchCost], name: str) -> float:
    seconds: float = sum(getattr(batch, name) for batch in batches)
    return seconds / sum(batch.count for batch in batches) * 1e6


def growth(batches: Sequence[BatchCost], name: str) -> float:
    """Return the cost of a record at the end, in times that at the beginning."""
    total = sum(batch.count for batch in batches)
    begin = [batch for batch in batches if WARM_UP <= batch.records_before < WARM_UP + PART]
    end = [batch for batch in batches if batch.records_before >= total - PART]
    return microseconds_per_record(end, name) / microseconds_per_record(begin, name)


def verification_table(
    whole: Verification, tampered: Verification, deeds: int, times: ProofTimes
) -> Iterator[Line]:
    """Yield the results of verification and proofs; `deeds`: the number of manipulations."""
    yield ""
    yield (
        f"archive verify: {whole.entries:,} entries in {whole.seconds:.1f} s, "
        f"{whole.entries / whole.seconds:,.0f}/s, {whole.peak:.0f} MiB"
    )
    yield f"prove: {times.p50:.1f} ms, {times.p99:.1f} ms at most of 99 in 100"
    yield ""
    yield f"{'Verification':44}{'target':>10}{'measured':>10}"
    yield at_most("times the memory of a tenth of it", FLAT, whole.peak / whole.early)
    yield at_most("findings where nothing is wrong", 0, whole.found)
    yield at_least(f"manipulations found, of {deeds}", deeds, deeds - len(tampered.missed))
    if tampered.missed:
        yield f"not found: {', '.join(tampered.missed)}"


def proof_times(milliseconds: Sequence[float]) -> ProofTimes:
    parts = statistics.quantiles(milliseconds, n=100)
    return ProofTimes(parts[49], parts[98])
