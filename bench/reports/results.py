"""Report of the front door, and the format of all reports: samples in, tables out. Pure.

Every result is a ratio of two rates of the same round, since a machine's speed changes from minute
to minute. The median counts; the lowest and the highest value show the spread.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from bench.open_loop import Outcome


class TargetLine(msgspec.Struct, frozen=True):
    """A line of a report that compares a measurement with its target."""

    words: str
    met: bool

    def __str__(self) -> str:
        return f"{self.words}  {'yes' if self.met else 'NO'}"


Line = str | TargetLine
Report = Callable[[Line], None]
"""Prints a line of a report."""

BARE, SINGLE, GATEWAY = KINDS = ("bare HTTP and HMAC", "a publish per webhook", "gateway")


class Case(msgspec.Struct, frozen=True):
    """A load: its open connections, and the messages in each body."""

    connections: int
    messages: int

    @property
    def words(self) -> str:
        return f"{self.connections} connections, bodies of {count(self.messages, 'message')}"


class RateSample(msgspec.Struct, frozen=True):
    """One kind in one round: webhooks/s answered 200, and the number of other answers."""

    rate: float
    other: int = 0


class Demand(msgspec.Struct, frozen=True):
    """The minimum of the gateway's rate, in times the rate of another kind."""

    case: Case
    of: str
    times: float


CASES = (Case(256, 1), Case(64, 1), Case(256, 25), Case(64, 900))
"""With bodies of 900 messages, 64 connections have 24 MB in flight: enough to queue."""
DEMANDS = (
    Demand(CASES[0], BARE, 0.6),
    Demand(CASES[1], BARE, 0.5),
    Demand(CASES[0], SINGLE, 2.5),
)
Rates = Mapping[tuple[Case, str], Sequence[RateSample]]
"""Case and kind -> a sample of each round."""


def count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def ratios(rates: Rates, case: Case, kind: str, of: str) -> list[float]:
    """Return the rate of one kind divided by that of another, for each round."""
    return [
        one.rate / other.rate
        for one, other in zip(rates[case, kind], rates[case, of], strict=True)
        if other.rate
    ]


def spread(values: Iterable[float], form: str = ".2f") -> str:
    """Format the median, with the lowest and the highest value if there are several."""
    ordered = sorted(values)
    if not ordered:
        return "-"
    median = f"{statistics.median(ordered):{form}}"
    if len(ordered) == 1:
        return median
    return f"{median} ({ordered[0]:{form}}-{ordered[-1]:{form}})"


def rates_table(rates: Rates, body_bytes: Mapping[int, int]) -> Iterator[str]:
    """Yield the maximum rates of each case. `body_bytes`: messages in a body -> its size."""
    for case in dict.fromkeys(case for case, _ in rates):
        size = body_bytes[case.messages]
        yield ""
        yield f"{case.words} ({size / 1000:,.1f} kB)"
        yield (
            f"{'':23}{'webhooks/s':>22}{'of bare':>18}{'messages/s':>12}{'MB/s':>8}{'not 200':>9}"
        )
        for kind in KINDS:
            samples = rates[case, kind]
            median = statistics.median(sample.rate for sample in samples)
            yield (
                f"{kind:23}{spread((s.rate for s in samples), ',.0f'):>22}"
                f"{spread(ratios(rates, case, kind, BARE)):>18}"
                f"{median * case.messages:12,.0f}{median * size / 1e6:8.1f}"
                f"{sum(sample.other for sample in samples):9,}"
            )


Steady = Mapping[tuple[int, str], Sequence[Outcome]]
"""Messages in a body and kind -> an outcome of each round."""


def latency_table(steady: Steady, webhooks: Mapping[int, float]) -> Iterator[str]:
    """Yield latencies at a fixed rate. `webhooks`: messages in a body -> webhooks/s."""
    yield ""
    yield "Latency at half of the gateway's maximum. Arrivals are scheduled beforehand, like those"
    yield "of independent citizens; latency counts from then, delay in the load itself included."
    yield (
        f"{'messages':>8}  {'':23}{'webhooks/s':>10}{'p50 ms':>20}{'p99 ms':>21}"
        f"{'load late p99':>15}{'not 200':>9}"
    )
    for (messages, kind), outcomes in steady.items():
        late = statistics.median(each.late_p99 for each in outcomes)
        yield (
            f"{messages:8}  {kind:23}{webhooks[messages]:10,.0f}"
            f"{spread((each.p50 for each in outcomes), '.1f'):>20}"
            f"{spread((each.p99 for each in outcomes), '.1f'):>21}"
            f"{late:15.1f}{sum(each.other for each in outcomes):9,}"
        )


def demands_table(rates: Rates) -> Iterator[Line]:
    """Yield the gateway's targets, and the verdict on the median."""
    yield ""
    yield f"{'The gateway':58}{'target':>8}{'measured':>20}"
    for demand in DEMANDS:
        measured = ratios(rates, demand.case, GATEWAY, demand.of)
        met = bool(measured) and statistics.median(measured) >= demand.times
        what = f"times {demand.of}, {demand.case.connections} connections"
        yield TargetLine(f"{what:58}{demand.times:8.1f}{spread(measured):>20}", met)


def target_line(what: str, target: float, measured: float, *, met: bool) -> TargetLine:
    """Return a line with the target and the measurement."""
    return TargetLine(f"{what:44}{target:10.2f}{measured:10.2f}", met)


def at_most(what: str, most: float, measured: float) -> TargetLine:
    return target_line(what, most, measured, met=measured <= most)


def at_least(what: str, least: float, measured: float) -> TargetLine:
    return target_line(what, least, measured, met=measured >= least)
