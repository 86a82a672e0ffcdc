"""The cost of a destination whose queue is full for another, in the same partition of a router.

Half of the messages are for a CRM that works, half for one that is dead. Rounds alternate between a
dead CRM whose queue takes everything, and one whose queue is full. Each is measured at the highest
rate, with queues filled beforehand, and at an even one. Then the dead CRM returns, and everything
must be there, in order.
"""

import asyncio
import itertools
import os
import statistics
import time
from pathlib import Path

import aio_pika
import msgspec

from bench.harness import PUBLISH_SECONDS, Stage, start_stage
from bench.peers.destination_reader import DestinationReader, fill_queue
from bench.reports.full_destination_report import ALONE, FULL, FullSample, table
from bench.reports.results import Report
from bench.reports.router_report import handled_count
from bench.router import read_metrics
from bench.workloads.receipts import Wave, receipt_batches, receipts
from deploy.local.process import Process
from services import clock, logs
from services.amqp.connection import broker_connection
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.topology import partition_of
from services.contract import Entry
from tests.support.citizens import NUMBER
from tests.support.small_queues import small_queues

EACH = 4
"""Messages of each citizen, so that there is an order to keep."""
PER_SECOND, BATCH = 200, 4
"""Messages at an even rate, and of these in a batch: a router with little to do."""
STEADY = 2_000
"""Messages at an even rate: ten seconds."""
PREFETCH = 100
STUCK_SECONDS = 600.0
POLL_SECONDS = 0.02
TEXTS = ("Mijn container is vol", "Ik heb een vraag over mijn aanslag")
"""Texts for the CRM that works and for the dead one, in turn."""
DEAD_CRM = """
[[destinations]]
id = "dead"
kind = "cloudevents"
url = "http://127.0.0.1:9/events"
secret = "env:CRM_SECRET"
"""


def measure(folder: Path, rounds: int, load: tuple[int, int], report: Report) -> None:
    """Measure with this load: messages of a round at the highest rate (a whole number for an even
    number of citizens), and MB that fill the queue."""
    messages, queue = load[0] // (2 * EACH) * 2 * EACH, load[1]
    logs.log_to_stdout("bench", "critical")  # a full queue is meant here
    samples: dict[str, list[FullSample]] = {ALONE: [], FULL: []}
    with (
        start_stage(folder, add_dead_crm) as stage,
        small_queues(stage.broker, "destination", queue * 1_000_000),
    ):
        for turn in range(2 * rounds):
            kind = (ALONE, FULL)[turn % 2]
            first = turn * (messages + STEADY)
            samples[kind].append(asyncio.run(_measure_round(stage, kind, first, messages)))
            taken = samples[kind][-1]
            report(
                f"round {turn // 2 + 1} of {rounds}, {kind}: {taken.rate:,.0f} messages/s, "
                f"p99 {taken.p99:.1f} ms, {taken.waited:,} events waited"
            )
    for line in table(samples, queue):
        report(line)


def add_dead_crm(text: str) -> str:
    """Return a configuration in which one department has a CRM of its own."""
    taxes = 'name = "Belastingen"\ndestination = "crm'
    assert taxes in text
    return text.replace(taxes + '"', 'name = "Belastingen"\ndestination = "dead"') + DEAD_CRM


async def _measure_round(stage: Stage, kind: str, first: int, messages: int) -> FullSample:
    """Measure one round through one process; RuntimeError if anything is missing or misplaced."""
    async with await aio_pika.connect(stage.broker.url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        works, dead = (DestinationReader(channel, name) for name in ("crm", "dead"))
        await works.open()
        await (fill_queue(channel, "dead") if kind == FULL else dead.open())
        await _fill_partition(stage, Wave(first, messages // EACH))
        await asyncio.to_thread(os.sync)  # so that writing what fills the queue is not measured
        process = Process(stage.router())
        process.start()
        try:
            rate, cpu = await _measure_rate(stage, process, messages)
            await works.wait(messages // 2, process)
            works.seconds.clear()
            await _publish_evenly(stage, first + messages)
            total = (messages + STEADY) // 2
            await works.wait(total, process)
            took = statistics.quantiles(works.seconds, n=100)
            waited, began = _count_waiting(stage), time.monotonic()
            if kind == FULL:
                await dead.open()
            await dead.wait(total, process)
            drained = waited / (time.monotonic() - began)
        finally:
            process.stop()
    _check(stage, kind, waited, works, dead)
    stage.purge(["crm", "dead"])
    return FullSample(rate, cpu, took[49] * 1000, took[98] * 1000, waited, drained)


async def _fill_partition(stage: Stage, wave: Wave) -> None:
    """Publish `EACH` messages of every citizen to the partition's queue."""
    for nth in range(EACH):
        texts = itertools.cycle(TEXTS)
        one = receipts(msgspec.structs.replace(wave, nth=nth), texts, clock.now())
        await stage.publish_receipts(receipt_batches(one, stage.config.partitions))


async def _measure_rate(stage: Stage, process: Process, messages: int) -> tuple[float, float]:
    """Return messages/s, from the first that is handled until all are, and the microseconds of CPU
    for each."""
    began = last = 0.0
    handled = at_start = 0
    before: dict[str, float] = {}
    async with asyncio.timeout(STUCK_SECONDS):
        while handled < messages:
            process.must_run()
            await asyncio.sleep(POLL_SECONDS)
            handled = handled_count(await asyncio.to_thread(read_metrics, stage.metrics))
            last = time.monotonic()
            if not began and handled:
                began, at_start, before = last, handled, stage.cpu_seconds(process.pid)
    spent = sum(stage.cpu_seconds(process.pid).values()) - sum(before.values())
    count = messages - at_start
    return count / (last - began), spent / count * 1e6


async def _publish_evenly(stage: Stage, first: int) -> None:
    """Publish `STEADY` messages of a citizen each, at an even rate."""
    loop, partitions = asyncio.get_running_loop(), stage.config.partitions
    async with broker_connection(stage.broker.url, "bench") as link:
        publisher, due = PartitionPublisher(link, clock.new_id(), partitions), loop.time()
        for n in range(0, STEADY, BATCH):
            wave = receipts(Wave(first + n, BATCH), itertools.cycle(TEXTS), clock.now())
            batch: list[Entry] = [receipt for _, receipt in wave]
            partition = partition_of(NUMBER, partitions)
            await publisher.publish(partition, batch, PUBLISH_SECONDS)
            due += BATCH / PER_SECOND
            await asyncio.sleep(max(0.0, due - loop.time()))


def _count_waiting(stage: Stage) -> int:
    return int(stage.database.execute("select count(*) from router.waiting"))


def _check(stage: Stage, kind: str, waited: int, *readers: DestinationReader) -> None:
    faults = [f"{reader.destination}: {fault}" for reader in readers for fault in reader.faults()]
    if (kind == FULL) != bool(waited):
        faults.append(f"{waited} events waited")
    if left := _count_waiting(stage):
        faults.append(f"{left} events still wait")
    if faults:
        raise RuntimeError(f"{kind}: " + "; ".join(faults))
