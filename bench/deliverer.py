"""The deliverer by itself: what one process hands over to a CRM through a real broker and database.

The destination's queue is filled beforehand, as the router fills it; then the deliverer is started
with nothing else at work, and timed from the first event that the CRM gets to the last. In turns
with its own HTTP client doing nothing else, and with a neighbour that never answers. Then 100,000
that waited for a CRM that comes back, and messages to Meta at the pace of a number.
"""

import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.results import spread
from bench.servers import ROOT
from bench.stage import Stage, staged
from bench.usage import peak
from deploy.local.process import Process, Program
from deploy.local.state import free_port
from services import clock, observe
from services.contract import Delivery
from services.ids import uuid7
from tests.citizens import NUMBER

CONNECTIONS = 64
"""A destination's window, unless told otherwise."""
OF_BARE, OF_STEADY, OFF_PACE = 0.4, 0.8, 0.02
"""Asked: of the bare client's rate; of the steady rate, of what waited; and how far off the pace
of a number messages may be."""
WAITING = 100_000
"""For a CRM that comes back."""
PACED, PER_SECOND = 2_000, 80
STUCK_SECONDS = 300.0
LOOK_SECONDS = 0.02
DATA = msgspec.json.encode({"conversationId": "c", "text": "x" * 500})
NEIGHBOUR = """
[[destinations]]
id = "{id}"
kind = "cloudevents"
url = "http://127.0.0.1:{port}/{id}/events"
secret = "env:CRM_SECRET"
"""


class Sample(msgspec.Struct, frozen=True):
    """Deliveries/s, seconds of processor time for each, and the most MiB that were held."""

    rate: float
    cpu: float = 0.0
    memory: float = 0.0


Samples = dict[str, list[Sample]]
BARE, ALONE, BESIDE = "bare client", "deliverer", "beside a dead one"


def measure(folder: Path, rounds: int, messages: int, report: Callable[[str], None]) -> None:
    observe.log_to_stdout("bench", "error")  # for what is published here
    port = free_port()
    change = lambda text: _towards(text, port)  # noqa: E731
    samples: Samples = {BARE: [], ALONE: [], BESIDE: []}
    with staged(folder, change) as stage, _running(_receiver(stage, port)):
        for _ in range(rounds):
            samples[BARE].append(Sample(_bare(port, messages)))
            samples[ALONE].append(_delivered(stage, port, {"crm": messages}))
            samples[BESIDE].append(_delivered(stage, port, {"crm": messages, "hang": 1000}))
            got = ", ".join(f"{taken[-1].rate:,.0f} {kind}" for kind, taken in samples.items())
            report(f"round {len(samples[BARE])} of {rounds}, deliveries/s: {got}")
        steady = statistics.median(sample.rate for sample in samples[ALONE])
        back = _delivered(stage, port, {"refuse": WAITING}, once=lambda: _open(port))
        paced = _paced(stage, port)
    for line in table(samples, back, back.rate / steady, paced):
        report(line)


def _towards(text: str, port: int) -> str:
    """The configuration with its CRM at the receiver, and the two that fail."""
    there = text.replace("//127.0.0.1:8090/", f"//127.0.0.1:{port}/")
    return there + "".join(NEIGHBOUR.format(id=id, port=port) for id in ("hang", "refuse"))


def _receiver(stage: Stage, port: int) -> Program:
    return Program(
        name="receiver",
        arguments=(sys.executable, "-m", "bench.receiver", str(port)),
        environment=stage.settings,
        folder=stage.folder,
        cwd=ROOT,
    )


@contextmanager
def _running(program: Program) -> Iterator[Process]:
    process = Process(program)
    process.start()
    try:
        yield process
    finally:
        process.stop()


def _bare(port: int, requests: int) -> float:
    url = f"http://127.0.0.1:{port}/bare"
    command = [sys.executable, "-m", "bench.bare_poster", url, str(CONNECTIONS), str(requests)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True).stdout)


def _delivered(
    stage: Stage, port: int, counts: dict[str, int], once: Callable[[], None] = lambda: None
) -> Sample:
    """So many of each destination's, by one process; of the first, all of them are waited for."""
    for id, count in counts.items():
        stage.hand_over(id, events(count))
    first, count = next(iter(counts.items()))
    before = _counted(port, first)
    with _running(stage.deliverer(port)) as process:
        once()
        _until(port, first, before + 1, process)
        spent, began = stage.spent(process.pid)["process"], time.monotonic()
        _until(port, first, before + count, process)
        took = time.monotonic() - began
        cpu = (stage.spent(process.pid)["process"] - spent) / count
        sample = Sample(count / took, cpu, peak(process.pid))
    stage.purge(counts)
    return sample


def _paced(stage: Stage, port: int) -> float:
    """Messages/s of one number with many waiting, in the second half."""
    stage.database.execute(LINES.format(number=NUMBER, count=PACED))
    before = _counted(port, "graph")
    with _running(stage.deliverer(port)) as process:
        _until(port, "graph", before + PACED // 2, process)
        began, sent = time.monotonic(), _counted(port, "graph")
        _until(port, "graph", before + PACED, process)
        return (before + PACED - sent) / (time.monotonic() - began)


LINES = """
insert into deliverer.ledger (id, number, conversation, person, address_kind, address, content,
    created_at, due_at)
select gen_random_uuid(), '{number}', 'c', gen_random_uuid(), 'phone', '31600000000',
    '{{"type": "text", "text": {{"body": "x"}}}}', now(), now()
from generate_series(1, {count})
"""


def events(count: int) -> Iterator[Delivery]:
    """Of a conversation each."""
    for n in range(count):
        now = clock.now()
        yield Delivery(
            id=uuid7(now, n.to_bytes(10, "big")),
            type="nl.postkamer.message-received.v1",
            tenant="almelo",
            conversation=f"{NUMBER}-{n:026}",
            department="klantcontact",
            sequence=n,
            time=now,
            received_at=now,
            data=DATA,
        )


def _open(port: int) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/refuse", method="PUT")
    urllib.request.urlopen(request, timeout=10).close()


def _counted(port: int, what: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=10) as answer:
            return int(json.loads(answer.read()).get(what, 0))
    except OSError:
        return 0  # it does not listen yet


def _until(port: int, what: str, count: int, process: Process) -> None:
    deadline = time.monotonic() + STUCK_SECONDS
    while (seen := _counted(port, what)) < count:
        process.must_run()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: {seen:,} of {count:,} came")
        time.sleep(LOOK_SECONDS)


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
    of_bare = _shares(samples, ALONE, BARE)
    beside = _shares(samples, BESIDE, ALONE)
    yield _asked("of the bare client's rate, at least", OF_BARE, of_bare, of_bare >= OF_BARE)
    yield _asked("of its rate, beside a dead destination", OF_STEADY, beside, beside >= OF_STEADY)
    yield _asked("of its rate, of what waited", OF_STEADY, of_steady, of_steady >= OF_STEADY)
    off = abs(paced / PER_SECOND - 1)
    yield _asked("off the pace of a number, at most", OFF_PACE, off, off <= OFF_PACE)


def _shares(samples: Samples, kind: str, of: str) -> float:
    pairs = zip(samples[kind], samples[of], strict=True)
    return statistics.median(one.rate / other.rate for one, other in pairs)


def _asked(what: str, asked: float, measured: float, met: bool) -> str:
    return f"{what:44}{asked:10.2f}{measured:10.2f}  {'yes' if met else 'NO'}"
