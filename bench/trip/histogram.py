"""Latencies on a logarithmic scale, as text. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from bench.open_loop import percentile

PER_DECADE = 5
"""Buckets from one power of ten to the next: each ends 1.58 times as far as the one before it."""
BAR = 20
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


def draw(latencies: Mapping[str, Latency]) -> Iterator[str]:
    """Yield a line for each bucket, with the bars of each latency side by side: each is relative to
    the fullest bucket of its own."""
    rows: dict[float, list[str]] = {}
    for column, latency in enumerate(latencies.values()):
        top = max((bucket.messages for bucket in latency.buckets), default=1)
        for below, messages in latency.buckets:
            bars = rows.setdefault(below, [""] * len(latencies))
            bars[column] = "█" * round(messages / top * BAR) or ("▏" if messages else "")
    if rows:
        yield " " * 16 + "".join(f"{name:{BAR + 2}}" for name in latencies).rstrip()
    for below in sorted(rows):
        bars = rows[below]
        yield f"{f'< {below:,.1f} ms':>14}  {''.join(f'{bar:{BAR + 2}}' for bar in bars)}".rstrip()
