"""The router alone: the rate of one process, with a real broker and a real database.

The partitions' queues are filled beforehand, as the gateway fills them under load. Then the router
starts with nothing else running, and is timed from its first batch message to its last decision.
This alternates with the baseline, `bench.baseline_router`, on the same kind of batches.
"""

import asyncio
import time
import urllib.error
import urllib.request
from pathlib import Path

import aio_pika

from bench.harness import Stage, start_stage
from bench.reports.results import Report
from bench.reports.router_report import (
    BARE,
    KINDS,
    KNOWN,
    NEW,
    REPEATED,
    RouterSample,
    describe_missing,
    handled_count,
    table,
)
from bench.rules import EXAMPLES
from bench.usage import peak_memory
from bench.workloads.receipts import Wave, receipt_batches, receipts
from bench.workloads.texts import example_texts, write_texts
from deploy.local.process import Process
from services import clock, logs
from tests.support.citizens import NUMBER
from tests.support.installation import NEIGHBOUR_NUMBER

NUMBERS = (NUMBER, NEIGHBOUR_NUMBER)
"""A partition each."""
STUCK_SECONDS = 300.0
"""Limit of a whole wave: a longer one is no measurement any more."""
POLL_SECONDS = 0.005
"""Interval of the poll for the start, which asks only the broker."""
POLLS = 50
"""Polls for the end in the time that has passed: the end is known to a fiftieth. They ask the
process itself, so more of them would affect the result."""


def measure(folder: Path, rounds: int, messages: int, report: Report) -> None:
    """Measure and print `rounds` of each kind, with `messages` in each."""
    logs.log_to_stdout("bench", "error")  # for what is published here
    samples: dict[str, list[RouterSample]] = {kind: [] for kind in KINDS}
    with start_stage(folder) as stage:
        for turn in range(rounds):
            for kind, wave in _waves(turn * messages, messages).items():
                samples[kind].append(asyncio.run(_measure_wave(stage, kind, wave)))
            rates = ", ".join(f"{samples[kind][-1].rate:,.0f} {kind}" for kind in KINDS)
            report(f"round {turn + 1} of {rounds}, messages/s: {rates}")
    for line in table(samples):
        report(line)


def _waves(first: int, messages: int) -> dict[str, Wave]:
    """Return the waves in order of measurement: a known citizen has written before."""
    new = Wave(first, messages)
    known, again = Wave(first, messages, nth=1), Wave(first, messages, nth=1, repeat=1)
    return {BARE: new, NEW: new, KNOWN: known, REPEATED: again}


async def _measure_wave(stage: Stage, kind: str, wave: Wave) -> RouterSample:
    """Measure one wave through one process; RuntimeError if anything is missing in the end."""
    async with await aio_pika.connect(stage.broker.url) as connection:
        channel = await connection.channel()
        filled = await _fill(stage, wave)
        process = Process(stage.bare_router() if kind == BARE else stage.router())
        process.start()
        try:
            while await stage.count_partition_queues(channel) == filled:
                process.must_run()
                await asyncio.sleep(POLL_SECONDS)
            sample = await _measure_router(stage, wave.citizens, process)
        finally:
            process.stop()
        left, output = (
            await stage.count_partition_queues(channel),
            await stage.drain_output(channel),
        )
    fault = "" if kind == BARE else describe_missing(kind, wave.citizens, output)
    if left or fault:
        raise RuntimeError(f"{kind}: {left} batches were not acknowledged; output: {fault}")
    return sample


async def _fill(stage: Stage, wave: Wave) -> int:
    """Publish the batches of a wave, and update the database's statistics; return how many."""
    words = [word for rule in stage.config.rules for word in rule.words]
    texts = write_texts(example_texts(EXAMPLES.read_text()), words, seed=wave.first + wave.nth)
    messages_to_publish = receipts(wave, texts, clock.now(), NUMBERS)
    filled = await stage.publish_receipts(
        receipt_batches(messages_to_publish, stage.config.partitions)
    )
    stage.database.execute("analyze")  # as autovacuum has done in production
    return filled


async def _measure_router(stage: Stage, messages: int, process: Process) -> RouterSample:
    """Measure from now until the process has handled so many messages."""
    before, began = stage.cpu_seconds(process.pid), time.monotonic()
    async with asyncio.timeout(STUCK_SECONDS):
        while handled_count(await asyncio.to_thread(read_metrics, stage.metrics)) < messages:
            process.must_run()
            await asyncio.sleep(max(POLL_SECONDS, (time.monotonic() - began) / POLLS))
    took, after = time.monotonic() - began, stage.cpu_seconds(process.pid)
    spent = {name: (after[name] - used) / messages for name, used in before.items()}
    return RouterSample(rate=messages / took, spent=spent, memory=peak_memory(process.pid))


def read_metrics(url: str) -> str:
    """Read the metrics; '' while the process does not listen yet."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bytes(answer.read()).decode()
    except urllib.error.URLError:
        return ""
