"""The cost of failing destinations for another: its delivery times, alone and beside them.

A working CRM is offered a delivery every few milliseconds, and reports how long ago each was made.
Rounds alternate between the CRM alone, and beside eight failing destinations with many events
waiting.
"""

import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from bench.harness import Stage, start_stage
from bench.peers.crm import (
    add_failing_destinations,
    get,
    make_events,
    put,
    received_count,
    receiver_program,
    run_process,
    wait_until_received,
)
from bench.peers.receiver import FAILING
from bench.reports.results import Line, Report, at_most, spread
from bench.usage import peak_memory
from deploy.local.state import free_port
from services import logs
from services.contract import Delivery

OFFERED, PER_SECOND = 2_000, 200
"""Deliveries to the working CRM: ten seconds."""
WARM_UP = 200
"""Deliveries before those: a deliverer that starts first receives what waits for the others. That
takes a quarter of a second, in which each waits for all."""
WAITING = (5_000, 25_000)
"""Events for each failing destination: what a deliverer prefetches (16 batch messages of 256), and
5 times that."""
MOST = 1.5
"""Target: maximum median and 99th percentile, in times those alone."""
FLAT = 1.1
"""Target: maximum memory with five times as many events waiting, in times that before."""
ALONE, FEW, MANY = "alone", "beside eight that fail", "with 5 times as much waiting"


class LatencySample(msgspec.Struct, frozen=True):
    """Milliseconds from making a delivery to its arrival, and peak memory in MiB."""

    p50: float
    p99: float
    memory: float


Samples = dict[str, list[LatencySample]]


def measure(folder: Path, rounds: int, report: Report) -> None:
    logs.log_to_stdout("bench", "error")  # for what is published here
    port = free_port()
    samples: Samples = {ALONE: [], FEW: [], MANY: []}
    with (
        start_stage(folder, lambda text: add_failing_destinations(text, port)) as stage,
        run_process(receiver_program(stage, port)),
    ):
        for _ in range(rounds):
            for kind, waiting in zip(samples, (0, *WAITING), strict=True):
                others = {id: make_events(waiting) for id in FAILING if waiting}
                samples[kind].append(measure_deliveries(stage, port, others))
            values = ", ".join(f"{taken[-1].p50:.1f} ms {kind}" for kind, taken in samples.items())
            report(f"round {len(samples[ALONE])} of {rounds}, median: {values}")
    for line in table(samples):
        report(line)


def measure_deliveries(
    stage: Stage, port: int, others: Mapping[str, Iterable[Delivery]], warm_up: int = WARM_UP
) -> LatencySample:
    """Measure deliveries to the working CRM at an even rate, while `others` have events waiting."""
    for id, waiting in others.items():
        stage.publish_events(id, waiting)
    stage.publish_events("crm", make_events(1))
    before = received_count(port, "crm")
    with run_process(stage.deliverer(port)) as process:
        wait_until_received(port, "crm", before + 1, process)
        stage.publish_at_rate("crm", make_events(warm_up), PER_SECOND)
        wait_until_received(port, "crm", before + 1 + warm_up, process)
        put(port, "timed")
        stage.publish_at_rate("crm", make_events(OFFERED), PER_SECOND)
        wait_until_received(port, "crm", before + 1 + warm_up + OFFERED, process)
        took = statistics.quantiles(get(port, "took")["took"], n=100)
        sample = LatencySample(took[49] * 1000, took[98] * 1000, peak_memory(process.pid))
    stage.purge(["crm", *others])
    return sample


def table(samples: Samples) -> Iterator[Line]:
    yield ""
    yield f"{PER_SECOND}/s to a CRM that works; the others answer nothing, break off, or refuse"
    yield from times_table(samples)
    yield ""
    yield f"{'Beside eight that fail':44}{'target':>10}{'measured':>10}"
    yield from verdicts(samples)


def times_table(samples: Samples) -> Iterator[str]:
    """Yield a row for each kind."""
    yield f"{'':30}{'p50 ms':>20}{'p99 ms':>24}{'MiB':>7}"
    for kind, rounds in samples.items():
        yield (
            f"{kind:30}{spread((s.p50 for s in rounds), '.1f'):>20}"
            f"{spread((s.p99 for s in rounds), '.1f'):>24}{max(s.memory for s in rounds):7.0f}"
        )


def verdicts(samples: Samples) -> Iterator[Line]:
    """Yield the verdicts on the kinds: alone, beside few events waiting, beside many."""
    alone, few, many = samples
    for field in ("p50", "p99"):
        for kind in (few, many):
            ratio = _median_ratio(samples, field, kind, alone)
            yield at_most(f"times {field} alone, {kind}", MOST, ratio)
    memory = _median_ratio(samples, "memory", many, few)
    yield at_most("times the memory, with 5 times as much", FLAT, memory)


def _median_ratio(samples: Samples, field: str, kind: str, of: str) -> float:
    pairs = zip(samples[kind], samples[of], strict=True)
    ratios: list[float] = [getattr(one, field) / getattr(other, field) for one, other in pairs]
    return statistics.median(ratios)
