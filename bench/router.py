"""The router by itself: what one process carries through a real broker and a real database.

The partitions' queues are filled beforehand, as the gateway fills them under load; then the router
is started with nothing else at work, and timed from the first envelope that it takes to the last
message that it has done. In turns with the bare ceiling, `bench.bare_router`, on such envelopes.
"""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import aio_pika

from bench.harness import Stage, staged
from bench.receipts import Wave, envelopes, receipts
from bench.router_report import AGAIN, BARE, KINDS, KNOWN, NEW, Sample, counted, missing, table
from bench.rules import EXAMPLES
from bench.texts import examples, written
from bench.usage import peak
from deploy.local.process import Process
from services import clock, logs
from tests.support.citizens import NUMBER
from tests.support.installation import NEIGHBOUR_NUMBER

NUMBERS = (NUMBER, NEIGHBOUR_NUMBER)
"""A partition each."""
STUCK_SECONDS = 300.0
"""For all of a wave: longer is no measurement any more."""
LOOK_SECONDS = 0.005
"""Between two looks at whether the first envelope was taken; only the broker is asked."""
LOOKS = 50
"""How exactly the end is known: to a fiftieth of the time. The process itself is asked, and to ask
more often would cost what is measured."""


def measure(folder: Path, rounds: int, messages: int, report: Callable[[str], None]) -> None:
    """Measure and print; `rounds` of each kind, `messages` in each."""
    logs.log_to_stdout("bench", "error")  # for what is published here
    samples: dict[str, list[Sample]] = {kind: [] for kind in KINDS}
    with staged(folder) as stage:
        for turn in range(rounds):
            for kind, wave in _waves(turn * messages, messages).items():
                samples[kind].append(asyncio.run(_carried(stage, kind, wave)))
            got = ", ".join(f"{samples[kind][-1].rate:,.0f} {kind}" for kind in KINDS)
            report(f"round {turn + 1} of {rounds}, messages/s: {got}")
    for line in table(samples):
        report(line)


def _waves(first: int, messages: int) -> dict[str, Wave]:
    """In the order in which they are measured: who is known has written before."""
    new = Wave(first, messages)
    known, again = Wave(first, messages, nth=1), Wave(first, messages, nth=1, said=1)
    return {BARE: new, NEW: new, KNOWN: known, AGAIN: again}


async def _carried(stage: Stage, kind: str, wave: Wave) -> Sample:
    """One wave through one process; RuntimeError when anything is missing in the end."""
    async with await aio_pika.connect(stage.broker.url) as connection:
        channel = await connection.channel()
        filled = await _fill(stage, wave)
        process = Process(stage.bare() if kind == BARE else stage.router())
        process.start()
        try:
            while await stage.waiting(channel) == filled:
                process.must_run()
                await asyncio.sleep(LOOK_SECONDS)
            sample = await _watched(stage, wave.citizens, process)
        finally:
            process.stop()
        left, came = await stage.waiting(channel), await stage.empty(channel)
    fault = "" if kind == BARE else missing(kind, wave.citizens, came)
    if left or fault:
        raise RuntimeError(f"{kind}: {left} envelopes were not acknowledged; there came {fault}")
    return sample


async def _fill(stage: Stage, wave: Wave) -> int:
    """As many envelopes as a wave takes; the database knows what is in its tables."""
    about = [word for rule in stage.config.rules for word in rule.words]
    texts = written(examples(EXAMPLES.read_text()), about, seed=wave.first + wave.nth)
    given = receipts(wave, texts, clock.now(), NUMBERS)
    filled = await stage.fill(envelopes(given, stage.config.partitions))
    stage.database.execute("analyze")  # a town's database has done so by itself
    return filled


async def _watched(stage: Stage, messages: int, process: Process) -> Sample:
    """From now until the process says that it has done so many."""
    before, began = stage.spent(process.pid), time.monotonic()
    async with asyncio.timeout(STUCK_SECONDS):
        while counted(await asyncio.to_thread(_metrics, stage.metrics)) < messages:
            process.must_run()
            await asyncio.sleep(max(LOOK_SECONDS, (time.monotonic() - began) / LOOKS))
    took, after = time.monotonic() - began, stage.spent(process.pid)
    spent = {name: (after[name] - used) / messages for name, used in before.items()}
    return Sample(rate=messages / took, spent=spent, memory=peak(process.pid))


def _metrics(url: str) -> str:
    """Nothing while it does not listen yet."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bytes(answer.read()).decode()
    except urllib.error.URLError:
        return ""
