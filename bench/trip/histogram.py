"""Latencies on a logarithmic scale, as text. Pure."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from bench.open_loop import percentile

PER_DECADE = 5
"""Buckets from one power of ten to the next: each ends 1.58 times as far as the one before it."""
BAR = 40
"""Characters of the longest bar."""


class Bucket(NamedTuple):
    """Up to `below` ms, and from the end of the bucket before on."""

    below: float
    messages: int


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from the moment a webhook was due, of so many messages."""

    count: int
    p50: float
    p99: float
    highest: float
    buckets: list[Bucket]


def summarise(seconds: Sequence[float]) -> Latency:
    """Return percentiles and buckets of latencies."""
    values = sorted(value * 1000 for value in seconds)
    return Latency(
        count=len(values),
        p50=percentile(values, 0.50),
        p99=percentile(values, 0.99),
        highest=values[-1] if values else 0.0,
        buckets=fill_buckets(values),
    )


def fill_buckets(values: Sequence[float]) -> list[Bucket]:
    """Return the buckets from the first value to the last, empty ones between them included."""
    places = [_place(value) for value in values]
    if not places:
        return []
    counts = dict.fromkeys(range(min(places), max(places) + 1), 0)
    for place in places:
        counts[place] += 1
    return [Bucket(10 ** (place / PER_DECADE), count) for place, count in counts.items()]


def _place(value: float) -> int:
    """Return the number of a bucket; values under a microsecond share one."""
    return math.floor(math.log10(max(value, 0.001)) * PER_DECADE) + 1


def draw(latency: Latency) -> Iterator[str]:
    """Yield a line for each bucket, its bar relative to the fullest one."""
    top = max((bucket.messages for bucket in latency.buckets), default=1)
    for below, count in latency.buckets:
        bar = "█" * round(count / top * BAR) or ("▏" if count else "")
        yield f"{f'< {below:,.1f} ms':>16}{count:>10,}  {bar}"
