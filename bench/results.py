"""What the front door's measurements say, and how all say it: samples in, tables out. Pure.

Everything is a ratio of two rates of the same round, since the machine is another one each minute;
the median counts, the lowest and the highest say how far to trust it.
"""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from bench.open_loop import Outcome

BARE, SINGLE, GATEWAY = KINDS = ("bare HTTP and HMAC", "a publish per webhook", "gateway")


class Case(msgspec.Struct, frozen=True):
    """A load: connections kept open by it, and messages in each of its bodies."""

    connections: int
    messages: int

    @property
    def words(self) -> str:
        return f"{self.connections} connections, bodies of {count(self.messages, 'message')}"


class Sample(msgspec.Struct, frozen=True):
    """One kind in one round: webhooks answered 200 in a second, and how many were not."""

    rate: float
    other: int = 0


class Demand(msgspec.Struct, frozen=True):
    """The gateway's rate must be so many times that of another kind."""

    case: Case
    of: str
    times: float


CASES = (Case(256, 1), Case(64, 1), Case(256, 25), Case(64, 900))
"""With bodies of 900 messages 64 connections are 24 MB under way, which is enough to queue."""
DEMANDS = (
    Demand(CASES[0], BARE, 0.6),
    Demand(CASES[1], BARE, 0.5),
    Demand(CASES[0], SINGLE, 2.5),
)
Rates = Mapping[tuple[Case, str], Sequence[Sample]]
"""For each case and kind, a sample of each round."""


def count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def ratios(rates: Rates, case: Case, kind: str, of: str) -> list[float]:
    """The rate of one kind as a share of another's, round by round."""
    return [
        one.rate / other.rate
        for one, other in zip(rates[case, kind], rates[case, of], strict=True)
        if other.rate
    ]


def spread(values: Iterable[float], form: str = ".2f") -> str:
    """The median, and where there are more, the lowest and the highest."""
    found = sorted(values)
    if not found:
        return "-"
    middle = f"{statistics.median(found):{form}}"
    return middle if len(found) == 1 else f"{middle} ({found[0]:{form}}-{found[-1]:{form}})"


def rates_table(rates: Rates, body_bytes: Mapping[int, int]) -> Iterator[str]:
    """The most that each could answer, case by case. `body_bytes`: of a body with so many
    messages."""
    for case in dict.fromkeys(case for case, _ in rates):
        size = body_bytes[case.messages]
        yield ""
        yield f"{case.words} ({size / 1000:,.1f} kB)"
        yield (
            f"{'':23}{'webhooks/s':>22}{'of bare':>18}{'messages/s':>12}{'MB/s':>8}{'not 200':>9}"
        )
        for kind in KINDS:
            samples = rates[case, kind]
            middle = statistics.median(sample.rate for sample in samples)
            yield (
                f"{kind:23}{spread((s.rate for s in samples), ',.0f'):>22}"
                f"{spread(ratios(rates, case, kind, BARE)):>18}"
                f"{middle * case.messages:12,.0f}{middle * size / 1e6:8.1f}"
                f"{sum(sample.other for sample in samples):9,}"
            )


Steady = Mapping[tuple[int, str], Sequence[Outcome]]
"""For each number of messages in a body and each kind, an outcome of each round."""


def latency_table(steady: Steady, webhooks: Mapping[int, float]) -> Iterator[str]:
    """Latency at a fixed rate: `webhooks` a second, for each number of messages in a body."""
    yield ""
    yield "Latency at half of the gateway's most: arrivals at moments fixed beforehand, as those of"
    yield "independent citizens; counted from the moment, what the load itself was late included."
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


def demands_table(rates: Rates) -> Iterator[str]:
    """What was asked of the gateway, and whether the median has it."""
    yield ""
    yield f"{'The gateway':58}{'asked':>8}{'measured':>20}"
    for demand in DEMANDS:
        measured = ratios(rates, demand.case, GATEWAY, demand.of)
        met = bool(measured) and statistics.median(measured) >= demand.times
        what = f"times {demand.of}, {demand.case.connections} connections"
        yield f"{what:58}{demand.times:8.1f}{spread(measured):>20}  {'yes' if met else 'NO'}"


def verdict_line(what: str, wanted: float, measured: float, *, met: bool) -> str:
    """One line of what was asked, what came of it, and the verdict."""
    return f"{what:44}{wanted:10.2f}{measured:10.2f}  {'yes' if met else 'NO'}"


def at_most(what: str, most: float, measured: float) -> str:
    return verdict_line(what, most, measured, met=measured <= most)


def at_least(what: str, least: float, measured: float) -> str:
    return verdict_line(what, least, measured, met=measured >= least)
