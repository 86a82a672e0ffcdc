"""Report of the router's measurements: samples in, tables out. Pure."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bench.reports.results import Line, TargetLine, spread
from router.ruleset.context import RECORD
from services.event_types import RECEIVED

BARE, NEW, KNOWN, REPEATED = KINDS = ("bare", "new citizens", "known citizens", "said again")
"""Nothing is decided; each message opens a conversation; the next message in it; a repeat of it."""
RATE = 10_000
"""Target of one process, in messages/s."""


class RouterSample(msgspec.Struct, frozen=True):
    """One kind in one round: messages/s, CPU seconds of each process for a message, and the peak
    memory of the measured process in MiB."""

    rate: float
    spent: Mapping[str, float]
    memory: float


def describe_missing(kind: str, messages: int, output: Mapping[str, int]) -> str:
    """Describe the records and events that are missing or too many; '' if all is right."""
    new = 0 if kind == REPEATED else messages
    due = {
        "receipt": messages,
        RECORD: 1,
        "message": new,
        RECEIVED: new,
        "segment": messages - new,
    }
    return ", ".join(
        f"{output.get(name, 0):,} of {count:,} {name}"
        for name, count in due.items()
        if output.get(name, 0) != count
    )


def handled_count(metrics: str) -> int:
    """Read from the metrics how many messages a process has decided or recognised as repeats."""
    names = ("postkamer_decisions_total", "postkamer_duplicates_total")
    lines = (line for line in metrics.splitlines() if line.startswith(names))
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


def table(samples: Mapping[str, Sequence[RouterSample]]) -> Iterator[Line]:
    """Yield each kind compared with the baseline, then the targets."""
    yield ""
    yield f"{'':16}{'messages/s':>24}{'of bare':>18}{'CPU us a message':>39}{'MiB':>7}"
    yield f"{'':16}{'':>42}{'process':>15}{'rabbitmq':>12}{'postgresql':>12}"
    for kind, rounds in samples.items():
        shares = (one.rate / bare.rate for one, bare in zip(rounds, samples[BARE], strict=True))
        spent = [_middle(rounds, name) for name in ("process", "rabbitmq", "postgresql")]
        yield (
            f"{kind:16}{spread((s.rate for s in rounds), ',.0f'):>24}{spread(shares):>18}"
            f"{spent[0]:15.0f}{spent[1]:12.0f}{spent[2]:12.0f}"
            f"{max(sample.memory for sample in rounds):7.0f}"
        )
    yield ""
    yield f"{'One router, messages/s':30}{'target':>10}{'measured':>28}"
    for kind in (NEW, KNOWN, REPEATED):
        rates = [sample.rate for sample in samples[kind]]
        met = statistics.median(rates) >= RATE
        yield TargetLine(f"{kind:30}{RATE:10,}{spread(rates, ',.0f'):>28}", met)


def _middle(samples: Sequence[RouterSample], name: str) -> float:
    """Microseconds."""
    return statistics.median(sample.spent[name] for sample in samples) * 1e6
