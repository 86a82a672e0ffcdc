"""The deliverer alone: the rate of one process to a CRM, with a real broker and database.

The destination's queue is filled beforehand, as the router fills it. Then the deliverer starts with
nothing else running, and is timed from the CRM's first event to its last. This alternates with
aiohttp's client doing nothing else, and with a neighbour that never answers. Then come
100,000 events that waited for a CRM, and messages to Meta at the pace of a number.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bench.harness import Stage, start_stage
from bench.peers.crm import (
    add_failing_destinations,
    make_events,
    put,
    received_count,
    receiver_program,
    run_process,
    wait_until_received,
)
from bench.reports.results import Line, Report, at_least, at_most, spread
from bench.servers import ROOT
from bench.usage import peak_memory
from deploy.local.state import free_port
from services import logs
from services.postgres.database import connection_pool
from tests.support.citizens import NUMBER
from tests.support.integration.sealed_lines import seal_lines

CONNECTIONS = 64
"""Default concurrency window of a destination."""
OF_BARE, OF_STEADY, OFF_PACE = 0.5, 0.8, 0.02
"""Targets: share of the bare client's rate; share of the steady rate, for events that waited and
beside a dead destination; and the maximum deviation from the pace of a number."""
WAITING = 100_000
"""Events that wait for a CRM that was down."""
PACED, PER_SECOND = 2_000, 80


class DelivererSample(msgspec.Struct, frozen=True):
    """Deliveries/s, CPU seconds for each, and peak memory in MiB."""

    rate: float
    cpu: float = 0.0
    memory: float = 0.0


Samples = dict[str, list[DelivererSample]]
BARE, ALONE, BESIDE = "bare client", "deliverer", "beside a dead one"


def measure(folder: Path, rounds: int, messages: int, report: Report) -> None:
    logs.log_to_stdout("bench", "error")  # for what is published here
    port = free_port()
    change = lambda text: add_failing_destinations(text, port)  # noqa: E731
    samples: Samples = {BARE: [], ALONE: [], BESIDE: []}
    with start_stage(folder, change) as stage, run_process(receiver_program(stage, port)):
        for _ in range(rounds):
            samples[BARE].append(DelivererSample(_measure_bare(port, messages)))
            samples[ALONE].append(_measure_deliverer(stage, port, {"crm": messages}))
            samples[BESIDE].append(_measure_deliverer(stage, port, {"crm": messages, "hang": 1000}))
            values = ", ".join(f"{taken[-1].rate:,.0f} {kind}" for kind, taken in samples.items())
            report(f"round {len(samples[BARE])} of {rounds}, deliveries/s: {values}")
        steady = statistics.median(sample.rate for sample in samples[ALONE])
        back = _measure_deliverer(
            stage, port, {"refuse": WAITING}, once=lambda: put(port, "refuse")
        )
        paced = _measure_pace(stage, port)
    for line in table(samples, back, back.rate / steady, paced):
        report(line)


def _measure_bare(port: int, requests: int) -> float:
    url = f"http://127.0.0.1:{port}/bare"
    command = [sys.executable, "-m", "bench.baselines.http", url, str(CONNECTIONS), str(requests)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True).stdout)


def _measure_deliverer(
    stage: Stage, port: int, counts: dict[str, int], once: Callable[[], None] = lambda: None
) -> DelivererSample:
    """Measure one process that delivers `counts` of each destination; wait for those of the first.

    `once` is called when the process runs.
    """
    for id, count in counts.items():
        stage.publish_events(id, make_events(count))
    first, count = next(iter(counts.items()))
    before = received_count(port, first)
    with run_process(stage.deliverer(port)) as process:
        once()
        wait_until_received(port, first, before + 1, process)
        spent, began = stage.cpu_seconds(process.pid)["process"], time.monotonic()
        wait_until_received(port, first, before + count, process)
        took = time.monotonic() - began
        cpu = (stage.cpu_seconds(process.pid)["process"] - spent) / count
        sample = DelivererSample(count / took, cpu, peak_memory(process.pid))
    stage.purge(counts)
    return sample


def _measure_pace(stage: Stage, port: int) -> float:
    """Return the messages/s of one number with many waiting, over the second half."""
    stage.database.execute(LINES.format(number=NUMBER, count=PACED))
    asyncio.run(_seal_lines(stage))
    before = received_count(port, "graph")
    with run_process(stage.deliverer(port)) as process:
        wait_until_received(port, "graph", before + PACED // 2, process)
        began, sent = time.monotonic(), received_count(port, "graph")
        wait_until_received(port, "graph", before + PACED, process)
        return (before + PACED - sent) / (time.monotonic() - began)


async def _seal_lines(stage: Stage) -> None:
    async with connection_pool(stage.database.url, "bench", 1) as pool:
        await seal_lines(pool)


LINES = """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, created_at, due_at)
select gen_random_uuid(), '{number}', 'c', 1, gen_random_uuid(), 'phone', '31600000000',
    '{{"type": "text", "text": {{"body": "x"}}}}', now(), now()
from generate_series(1, {count})
"""


def table(
    samples: Samples, back: DelivererSample, of_steady: float, paced: float
) -> Iterator[Line]:
    yield ""
    yield f"{'':20}{'deliveries/s':>24}{'of bare':>18}{'CPU us':>10}{'MiB':>7}"
    for kind, rounds in samples.items():
        shares = [one.rate / bare.rate for one, bare in zip(rounds, samples[BARE], strict=True)]
        yield (
            f"{kind:20}{spread((s.rate for s in rounds), ',.0f'):>24}{spread(shares):>18}"
            f"{statistics.median(s.cpu for s in rounds) * 1e6:10.0f}"
            f"{max(s.memory for s in rounds):7.0f}"
        )
    yield f"{'100,000 that waited':20}{back.rate:>24,.0f}{'':>18}{back.cpu * 1e6:10.0f}" + (
        f"{back.memory:7.0f}"
    )
    yield ""
    yield f"{'One deliverer':44}{'target':>10}{'measured':>10}"
    yield at_least(
        "of the bare client's rate, at least", OF_BARE, _median_ratio(samples, ALONE, BARE)
    )
    beside = _median_ratio(samples, BESIDE, ALONE)
    yield at_least("of its rate, beside a dead destination", OF_STEADY, beside)
    yield at_least("of its rate, of what waited", OF_STEADY, of_steady)
    yield at_most("off the pace of a number, at most", OFF_PACE, abs(paced / PER_SECOND - 1))


def _median_ratio(samples: Samples, kind: str, of: str) -> float:
    pairs = zip(samples[kind], samples[of], strict=True)
    return statistics.median(one.rate / other.rate for one, other in pairs)
