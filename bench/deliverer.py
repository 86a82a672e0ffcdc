"""The deliverer by itself: what one process hands over to a CRM through a real broker and database.

The destination's queue is filled beforehand, as the router fills it; then the deliverer is started
with nothing else at work, and timed from the first event that the CRM gets to the last. In turns
with its own HTTP client doing nothing else, and with a neighbour that never answers. Then 100,000
that waited for a CRM that comes back, and messages to Meta at the pace of a number.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bench.crm import counted, events, receiver, running, told, towards, until
from bench.harness import Stage, staged
from bench.results import at_least, at_most, spread
from bench.servers import ROOT
from bench.usage import peak
from deploy.local.state import free_port
from services import logs
from tests.support.citizens import NUMBER

CONNECTIONS = 64
"""A destination's window, unless told otherwise."""
OF_BARE, OF_STEADY, OFF_PACE = 0.4, 0.8, 0.02
"""Asked: of the bare client's rate; of the steady rate, of what waited; and how far off the pace
of a number messages may be."""
WAITING = 100_000
"""For a CRM that comes back."""
PACED, PER_SECOND = 2_000, 80


class Sample(msgspec.Struct, frozen=True):
    """Deliveries/s, seconds of processor time for each, and the most MiB that were held."""

    rate: float
    cpu: float = 0.0
    memory: float = 0.0


Samples = dict[str, list[Sample]]
BARE, ALONE, BESIDE = "bare client", "deliverer", "beside a dead one"


def measure(folder: Path, rounds: int, messages: int, report: Callable[[str], None]) -> None:
    logs.log_to_stdout("bench", "error")  # for what is published here
    port = free_port()
    change = lambda text: towards(text, port)  # noqa: E731
    samples: Samples = {BARE: [], ALONE: [], BESIDE: []}
    with staged(folder, change) as stage, running(receiver(stage, port)):
        for _ in range(rounds):
            samples[BARE].append(Sample(_bare(port, messages)))
            samples[ALONE].append(_delivered(stage, port, {"crm": messages}))
            samples[BESIDE].append(_delivered(stage, port, {"crm": messages, "hang": 1000}))
            got = ", ".join(f"{taken[-1].rate:,.0f} {kind}" for kind, taken in samples.items())
            report(f"round {len(samples[BARE])} of {rounds}, deliveries/s: {got}")
        steady = statistics.median(sample.rate for sample in samples[ALONE])
        back = _delivered(stage, port, {"refuse": WAITING}, once=lambda: told(port, "refuse"))
        paced = _paced(stage, port)
    for line in table(samples, back, back.rate / steady, paced):
        report(line)


def _bare(port: int, requests: int) -> float:
    url = f"http://127.0.0.1:{port}/bare"
    command = [sys.executable, "-m", "bench.baseline_http", url, str(CONNECTIONS), str(requests)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True).stdout)


def _delivered(
    stage: Stage, port: int, counts: dict[str, int], once: Callable[[], None] = lambda: None
) -> Sample:
    """So many of each destination's, by one process; of the first, all of them are waited for."""
    for id, count in counts.items():
        stage.hand_over(id, events(count))
    first, count = next(iter(counts.items()))
    before = counted(port, first)
    with running(stage.deliverer(port)) as process:
        once()
        until(port, first, before + 1, process)
        spent, began = stage.spent(process.pid)["process"], time.monotonic()
        until(port, first, before + count, process)
        took = time.monotonic() - began
        cpu = (stage.spent(process.pid)["process"] - spent) / count
        sample = Sample(count / took, cpu, peak(process.pid))
    stage.purge(counts)
    return sample


def _paced(stage: Stage, port: int) -> float:
    """Messages/s of one number with many waiting, in the second half."""
    stage.database.execute(LINES.format(number=NUMBER, count=PACED))
    before = counted(port, "graph")
    with running(stage.deliverer(port)) as process:
        until(port, "graph", before + PACED // 2, process)
        began, sent = time.monotonic(), counted(port, "graph")
        until(port, "graph", before + PACED, process)
        return (before + PACED - sent) / (time.monotonic() - began)


LINES = """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, created_at, due_at)
select gen_random_uuid(), '{number}', 'c', 1, gen_random_uuid(), 'phone', '31600000000',
    '{{"type": "text", "text": {{"body": "x"}}}}', now(), now()
from generate_series(1, {count})
"""


def table(samples: Samples, back: Sample, of_steady: float, paced: float) -> Iterator[str]:
    yield ""
    yield f"{'':20}{'deliveries/s':>24}{'of bare':>18}{'CPU us':>10}{'MiB':>7}"
    for kind, taken in samples.items():
        shares = [one.rate / bare.rate for one, bare in zip(taken, samples[BARE], strict=True)]
        yield (
            f"{kind:20}{spread((s.rate for s in taken), ',.0f'):>24}{spread(shares):>18}"
            f"{statistics.median(s.cpu for s in taken) * 1e6:10.0f}"
            f"{max(s.memory for s in taken):7.0f}"
        )
    yield f"{'100,000 that waited':20}{back.rate:>24,.0f}{'':>18}{back.cpu * 1e6:10.0f}" + (
        f"{back.memory:7.0f}"
    )
    yield ""
    yield f"{'One deliverer':44}{'asked':>10}{'measured':>10}"
    yield at_least("of the bare client's rate, at least", OF_BARE, _shares(samples, ALONE, BARE))
    beside = _shares(samples, BESIDE, ALONE)
    yield at_least("of its rate, beside a dead destination", OF_STEADY, beside)
    yield at_least("of its rate, of what waited", OF_STEADY, of_steady)
    yield at_most("off the pace of a number, at most", OFF_PACE, abs(paced / PER_SECOND - 1))


def _shares(samples: Samples, kind: str, of: str) -> float:
    pairs = zip(samples[kind], samples[of], strict=True)
    return statistics.median(one.rate / other.rate for one, other in pairs)
