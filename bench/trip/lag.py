"""The lag: messages by which one end of the trip is behind the other, and its growth. Pure."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

STEP_SECONDS = 0.1
"""Distance of two samples: as long as the longest pace of a batch, the archiver's."""
GROWTH = 0.02
"""Growth of the lag a second, as a share of the rate, from which a rate is not held: a fiftieth of
the messages come on top of those that wait. A rate that is a twentieth above what is possible grows
two and a half times as fast; batches that come and go move the slope of ten seconds by less."""

CHANCE = 3.0
"""Square roots of the lag by which it may grow besides: independent messages that are on their way
are a count, which differs by its square root from one moment to another."""


class Slope(NamedTuple):
    """Growth per second, and its standard error."""

    value: float
    error: float


class Samples(NamedTuple):
    """Values at moments, in seconds."""

    moments: list[float]
    values: list[float]


def curve(ahead: Sequence[float], behind: Sequence[float], begin: float, end: float) -> Samples:
    """Return how many more of `ahead` than of `behind` had happened, between two moments."""
    first, second = sorted(ahead), sorted(behind)
    count = round((end - begin) / STEP_SECONDS) + 1
    moments = [begin + n * STEP_SECONDS for n in range(count)]
    values = [float(bisect_right(first, at) - bisect_right(second, at)) for at in moments]
    return Samples(moments, values)


def slope(samples: Samples) -> Slope:
    """Return the slope of the line of least squares; 0 without three samples."""
    count = len(samples.moments)
    if count < 3:
        return Slope(0.0, 0.0)
    middle, mean = math.fsum(samples.moments) / count, math.fsum(samples.values) / count
    spread = math.fsum((at - middle) ** 2 for at in samples.moments)
    pairs = list(zip(samples.moments, samples.values, strict=True))
    value = math.fsum((at - middle) * (v - mean) for at, v in pairs) / spread
    rest = math.fsum((v - mean - value * (at - middle)) ** 2 for at, v in pairs)
    return Slope(value, math.sqrt(rest / (count - 2) / spread))


def second_half(samples: Samples) -> Samples:
    half = len(samples.moments) // 2
    return Samples(samples.moments[half:], samples.values[half:])


def grows(samples: Samples, rate: float) -> bool:
    """Return if a lag grows at a rate: the first half is left to those that begin."""
    half = second_half(samples)
    if len(half.moments) < 3:
        return False
    span = half.moments[-1] - half.moments[0]
    lag = max(0.0, math.fsum(half.values) / len(half.values))
    by_chance = CHANCE * math.sqrt(lag)
    return slope(half).value * span > GROWTH * rate * span + by_chance
