"""Report of the measurements at an Open Klant: samples in, tables out. Pure."""

import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from bench import noisy_neighbour
from bench.baselines.openklant import APART, BEST_OF, SINGLE
from bench.noisy_neighbour import PER_SECOND, Samples
from bench.reports.results import Line, at_least, at_most, spread, target_line
from sandbox.openklant.latency import WorkerStatistics

MEASURED = {SINGLE: 231.0, APART: 47.8}
"""Messages/s of the real one."""
OFF = 0.1
"""Target: maximum deviation of the stand-in from these."""
OF_BARE = 0.8
"""Target: share of the bare client's best rate."""
CALLS = 5
"""Calls of a message from a Dutch number."""
KINDS = ("alone", "beside an Open Klant", "with 5 times as much waiting")
PARTS: Mapping[str, Callable[[list[float]], float]] = {
    "least": min,
    "median": statistics.median,
    "most": max,
}
BARS = "▁▂▃▄▅▆▇█"
COLUMNS = 60
"""Width of the graph of the concurrency window."""


class WindowSample(msgspec.Struct, frozen=True):
    """A deliverer's metrics at one moment: its concurrency window, and its deliveries so far."""

    at: float
    window: float
    settled: float
    failed: float
    """Attempts that did not settle a delivery."""


class Course(msgspec.Struct, frozen=True):
    """A drain from the first sample to the last, with the stand-in's own figures, the cores used by
    each process, and the deliverer's peak memory in MiB."""

    samples: Sequence[WindowSample]
    pace: WorkerStatistics
    cores: Mapping[str, float]
    memory: float

    @property
    def rate(self) -> float:
        first, last = self.samples[0], self.samples[-1]
        return (last.settled - first.settled) / (last.at - first.at)

    @property
    def windows(self) -> list[float]:
        return [look.window for look in self.samples]


class MachineLoad(msgspec.Struct, frozen=True):
    """The machine while the CRM beside an Open Klant was offered deliveries."""

    calls: float
    """Calls/s that the Open Klant answered."""
    idle: float
    """Idle share of this machine's processors."""


class Results(msgspec.Struct):
    """The samples of each round; those of the CRM by kind."""

    bare: list[Mapping[str, float]] = []
    courses: list[Course] = []
    crm: Samples = msgspec.field(default_factory=lambda: {kind: [] for kind in KINDS})
    meanwhile: dict[str, list[MachineLoad]] = msgspec.field(
        default_factory=lambda: {kind: [] for kind in KINDS}
    )


_SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")


def read_sample(metrics: str, destination: str, at: float) -> WindowSample | None:
    """Read the metrics of a destination; None while there are none."""
    window = settled = otherwise = 0.0
    for name, labels, value in _SAMPLE.findall(metrics):
        matches = f'destination="{destination}"' in labels
        if matches and name == "postkamer_destination_window":
            window = float(value)
        elif matches and name == "postkamer_deliveries_total":
            if 'outcome="settled"' in labels:
                settled += float(value)
            else:
                otherwise += float(value)
    return WindowSample(at, window, settled, otherwise) if window else None


def table(results: Results) -> Iterator[Line]:
    yield from _stand_in_table(results.bare)
    yield from _deliverer_table(results.bare, results.courses)
    yield from _neighbour_table(results)
    yield ""
    yield f"{'An Open Klant at its limit':44}{'target':>10}{'measured':>10}"
    for kind, real in MEASURED.items():
        off = abs(statistics.median(one[kind] for one in results.bare) / real - 1)
        yield at_most(f"{kind}, off the real one", OFF, off)
    shares = statistics.median(_shares(results.bare, results.courses))
    yield at_least("of the bare client's best, at least", OF_BARE, shares)
    failed = max(course.samples[-1].failed for course in results.courses)
    yield target_line("attempts that failed", 0, failed, met=failed == 0)
    yield from noisy_neighbour.verdicts(results.crm)


def _shares(bare: Sequence[Mapping[str, float]], courses: Sequence[Course]) -> list[float]:
    return [course.rate / _best(one) for one, course in zip(bare, courses, strict=True)]


def _best(bare: Mapping[str, float]) -> float:
    return max(bare[str(clients)] for clients in BEST_OF)


def _stand_in_table(bare: Sequence[Mapping[str, float]]) -> Iterator[str]:
    yield ""
    yield f"{'A bare client, messages/s':40}{'the real one':>14}{'the stand-in':>24}"
    for kind, real in MEASURED.items():
        yield f"{kind:40}{real:14.1f}{spread((one[kind] for one in bare), '.1f'):>24}"
    for clients in BEST_OF:
        rates = spread((one[str(clients)] for one in bare), ".1f")
        yield f"{f'five calls, as ours, {clients} at once':40}{'':14}{rates:>24}"


def _deliverer_table(
    bare: Sequence[Mapping[str, float]], courses: Sequence[Course]
) -> Iterator[str]:
    last = courses[-1]
    yield ""
    yield f"{last.samples[-1].settled:,.0f} new conversations through one deliverer"
    shares = _shares(bare, courses)
    rates = spread((course.rate for course in courses), ".1f")
    yield f"{'messages/s':40}{rates:>24}{spread(shares):>20} of bare"
    for name, pick in PARTS.items():
        yield _row(f"window, {name}", (pick(course.windows) for course in courses))
    yield _row("calls there at once, at the most", (c.pace.most_at_once for c in courses))
    yield _row("a call there, p50 ms", (course.pace.p50 * 1000 for course in courses))
    yield _row("a call there, p99 ms", (course.pace.p99 * 1000 for course in courses))
    yield _row("MiB of the deliverer", (course.memory for course in courses))
    for name in last.cores:
        yield _row(f"cores used by {name}", (c.cores[name] for c in courses), ".2f")
    for course in courses:
        seconds = course.samples[-1].at - course.samples[0].at
        yield f"the window, {seconds:3.0f} s: {sparkline(course.windows)}"


def _neighbour_table(results: Results) -> Iterator[str]:
    yield ""
    yield f"{PER_SECOND}/s to a CRM that works, while an Open Klant works at its limit"
    yield from noisy_neighbour.times_table(results.crm)
    yield f"{'':30}{'messages/s there':>20}{'processors idle':>24}"
    for kind, each in results.meanwhile.items():
        rates = spread((one.calls / CALLS for one in each), ".1f")
        yield f"{kind:30}{rates:>20}{spread(one.idle for one in each):>24}"


def _row(what: str, values: Iterable[float], form: str = ".0f") -> str:
    return f"{what:40}{spread(values, form):>24}"


def sparkline(values: Sequence[float]) -> str:
    """Draw values as a line of bars, relative to the highest value."""
    wide = min(COLUMNS, len(values))
    parts = [values[n * len(values) // wide : (n + 1) * len(values) // wide] for n in range(wide)]
    top = max(values)
    return "".join(
        BARS[min(len(BARS) - 1, int(statistics.mean(part) / top * len(BARS)))] for part in parts
    )
