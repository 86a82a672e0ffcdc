"""What destinations that fail cost another: how long its deliveries take, alone and beside them.

A CRM that works is offered a delivery every few milliseconds, and tells how long ago each was made.
In turns alone, and beside eight others with much waiting, each of which fails in its own way.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from bench.crm import (
    add_failing_destinations,
    get,
    make_events,
    put,
    received_count,
    receiver_program,
    running,
    wait_until_received,
)
from bench.harness import Stage, start_stage
from bench.receiver import FAILING
from bench.results import at_most, spread
from bench.usage import peak_memory
from deploy.local.state import free_port
from services import logs
from services.contract import Delivery

OFFERED, PER_SECOND = 2_000, 200
"""To the one that works: in ten seconds."""
WARM_UP = 200
"""Before those: a deliverer that starts takes in hand what waits for the others, for a quarter of a
second in which each waits for all."""
WAITING = (5_000, 25_000)
"""For each that fails: what a deliverer takes in hand (16 envelopes of 256), and 5 times that."""
MOST = 1.5
"""Asked: times as long as alone, at most, for the median and for one in a hundred."""
FLAT = 1.1
"""Asked: times as much memory, at most, with five times as much waiting."""
ALONE, FEW, MANY = "alone", "beside eight that fail", "with 5 times as much waiting"


class Sample(msgspec.Struct, frozen=True):
    """Milliseconds from when a delivery was made until it was there; MiB at the most."""

    p50: float
    p99: float
    memory: float


Samples = dict[str, list[Sample]]


def measure(folder: Path, rounds: int, report: Callable[[str], None]) -> None:
    logs.log_to_stdout("bench", "error")  # for what is published here
    port = free_port()
    samples: Samples = {ALONE: [], FEW: [], MANY: []}
    with (
        start_stage(folder, lambda text: add_failing_destinations(text, port)) as stage,
        running(receiver_program(stage, port)),
    ):
        for _ in range(rounds):
            for kind, waiting in zip(samples, (0, *WAITING), strict=True):
                others = {id: make_events(waiting) for id in FAILING if waiting}
                samples[kind].append(measure_deliveries(stage, port, others))
            got = ", ".join(f"{taken[-1].p50:.1f} ms {kind}" for kind, taken in samples.items())
            report(f"round {len(samples[ALONE])} of {rounds}, median: {got}")
    for line in table(samples):
        report(line)


def measure_deliveries(
    stage: Stage, port: int, others: Mapping[str, Iterable[Delivery]], warm_up: int = WARM_UP
) -> Sample:
    """To the one that works, at an even rate, while these wait for the others."""
    for id, waiting in others.items():
        stage.publish_events(id, waiting)
    stage.publish_events("crm", make_events(1))
    before = received_count(port, "crm")
    with running(stage.deliverer(port)) as process:
        wait_until_received(port, "crm", before + 1, process)
        stage.publish_at_rate("crm", make_events(warm_up), PER_SECOND)
        wait_until_received(port, "crm", before + 1 + warm_up, process)
        put(port, "timed")
        stage.publish_at_rate("crm", make_events(OFFERED), PER_SECOND)
        wait_until_received(port, "crm", before + 1 + warm_up + OFFERED, process)
        took = statistics.quantiles(get(port, "took")["took"], n=100)
        sample = Sample(took[49] * 1000, took[98] * 1000, peak_memory(process.pid))
    stage.purge(["crm", *others])
    return sample


def table(samples: Samples) -> Iterator[str]:
    yield ""
    yield f"{PER_SECOND}/s to a CRM that works; the others answer nothing, break off, or refuse"
    yield from times_table(samples)
    yield ""
    yield f"{'Beside eight that fail':44}{'asked':>10}{'measured':>10}"
    yield from verdicts(samples)


def times_table(samples: Samples) -> Iterator[str]:
    """A row for each kind."""
    yield f"{'':30}{'p50 ms':>20}{'p99 ms':>24}{'MiB':>7}"
    for kind, taken in samples.items():
        yield (
            f"{kind:30}{spread((s.p50 for s in taken), '.1f'):>20}"
            f"{spread((s.p99 for s in taken), '.1f'):>24}{max(s.memory for s in taken):7.0f}"
        )


def verdicts(samples: Samples) -> Iterator[str]:
    """Of the kinds: alone, beside others with a little waiting, and with much."""
    alone, few, many = samples
    for what in ("p50", "p99"):
        for kind in (few, many):
            yield at_most(f"times {what} alone, {kind}", MOST, _times(samples, what, kind, alone))
    held = _times(samples, "memory", many, few)
    yield at_most("times the memory, with 5 times as much", FLAT, held)


def _times(samples: Samples, what: str, kind: str, of: str) -> float:
    pairs = zip(samples[kind], samples[of], strict=True)
    shares: list[float] = [getattr(one, what) / getattr(other, what) for one, other in pairs]
    return statistics.median(shares)
