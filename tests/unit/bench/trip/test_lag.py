"""The lag of an end of the trip, and whether it grows."""

import random

import pytest

from bench.trip.lag import GROWTH, STEP_SECONDS, Samples, curve, grows, second_half, slope

RATE, SECONDS = 1000.0, 10.0


def arrivals(rate: float, behind: float, pace: float = 0.0) -> list[float]:
    """Moments of an end that takes `rate`/s, `behind` seconds after the first, in batches each
    `pace` seconds."""
    moments = (n / rate + behind for n in range(int(RATE * SECONDS)))
    return [(moment // pace + 1) * pace if pace else moment for moment in moments]


def lag_of(rate: float, behind: float = 0.05, pace: float = 0.0) -> Samples:
    return curve(arrivals(RATE, 0.0), arrivals(rate, behind, pace), 0.0, SECONDS)


def test_lag_is_as_many_as_came_first_and_not_second() -> None:
    samples = curve([0.01, 0.02, 0.15, 0.25], [0.12, 0.16], 0.0, 0.3)
    assert samples.moments == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=STEP_SECONDS / 2)
    assert samples.values == [0.0, 2.0, 1.0, 2.0]


def test_lag_of_an_end_that_follows_does_not_grow() -> None:
    assert not grows(lag_of(RATE), RATE)
    assert not grows(lag_of(RATE, behind=2.0), RATE), "late at first, and constant"
    assert not grows(lag_of(RATE, pace=0.1), RATE), "in batches"


def test_lag_of_an_end_that_takes_a_twentieth_less_grows() -> None:
    assert grows(lag_of(RATE * 0.95), RATE)
    assert grows(lag_of(RATE * 0.95, pace=0.1), RATE)
    assert slope(lag_of(RATE * 0.95)).value == pytest.approx(RATE * 0.05, rel=0.1)


def test_lag_of_few_messages_does_not_grow_by_chance() -> None:
    slow, chance = 20.0, random.Random(3)
    due = [n / slow for n in range(int(slow * SECONDS))]
    late = [moment + chance.expovariate(4) for moment in due]
    ends = [curve(due, late, at, at + 2.0) for at in range(8)]
    assert any(slope(second_half(each)).value > GROWTH * slow for each in ends)
    assert not any(grows(each, slow) for each in ends)


def test_slope_tells_the_standard_error_of_the_noise() -> None:
    chance = random.Random(1)
    moments = [float(n) for n in range(1000)]
    noise = [50 + 0.5 * at + chance.gauss(0, 3) for at in moments]
    found = slope(Samples(moments, noise))
    assert found.value == pytest.approx(0.5, abs=4 * found.error)
    assert found.error == pytest.approx(3 / (1000**1.5 / 12**0.5), rel=0.1)


def test_slope_of_two_samples_is_none() -> None:
    assert slope(Samples([1.0, 2.0], [1.0, 9.0])) == (0.0, 0.0)


def test_second_half_leaves_out_the_beginning() -> None:
    assert second_half(Samples([1.0, 2.0, 3.0, 4.0], [9.0, 9.0, 5.0, 5.0])).values == [5.0, 5.0]
