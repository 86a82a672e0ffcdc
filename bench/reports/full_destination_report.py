"""Report of one router beside a destination whose queue is full. Pure."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bench.reports.results import Line, at_least, at_most, spread

ALONE, FULL = "every queue takes events", "one queue is full"
MOST = 1.2
"""Target: maximum 99th percentile of the others, in times that without the full queue; and the
reverse for their rate."""


class FullSample(msgspec.Struct, frozen=True):
    """One round: messages/s at the highest rate, and microseconds of CPU for each in the router and
    its servers; milliseconds at an even rate from a receipt to the CRM that works; events that
    waited, and those drained per second."""

    rate: float
    cpu: float
    p50: float
    p99: float
    waited: int
    drained: float


def table(samples: Mapping[str, Sequence[FullSample]], queue: int) -> Iterator[Line]:
    """Yield a row for each kind, then the targets. `queue`: MB of the full queue."""
    yield ""
    yield f"Half of the messages are for a CRM whose queue is full, at {queue:,} MB"
    yield (
        f"{'':26}{'messages/s':>22}{'CPU us':>16}{'p50 ms':>20}{'p99 ms':>20}"
        f"{'waited':>10}{'drained/s':>11}"
    )
    for kind, rounds in samples.items():
        waited = max(sample.waited for sample in rounds)
        drained = statistics.median(sample.drained for sample in rounds)
        yield (
            f"{kind:26}{spread((s.rate for s in rounds), ',.0f'):>22}"
            f"{spread((s.cpu for s in rounds), ',.0f'):>16}"
            f"{spread((s.p50 for s in rounds), '.1f'):>20}"
            f"{spread((s.p99 for s in rounds), '.1f'):>20}{waited:10,}{drained:11,.0f}"
        )
    yield ""
    yield f"{'Beside a full queue':44}{'target':>10}{'measured':>10}"
    yield at_least("of the rate without it", 1 / MOST, _median_ratio(samples, "rate"))
    for field in ("p50", "p99"):
        yield at_most(f"times {field} without it", MOST, _median_ratio(samples, field))
    yield "nothing was lost, and every conversation came in order"


def _median_ratio(samples: Mapping[str, Sequence[FullSample]], field: str) -> float:
    pairs = zip(samples[FULL], samples[ALONE], strict=True)
    ratios: list[float] = [getattr(one, field) / getattr(other, field) for one, other in pairs]
    return statistics.median(ratios)
