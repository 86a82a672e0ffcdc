"""Backoff: how long is waited after each attempt."""

import pytest

from services.backoff import Backoff, delay


@pytest.mark.parametrize(
    ("attempt", "first", "longest", "jitter", "factor", "seconds"),
    [
        (0, 0.5, 30.0, 1.0, 2.0, 0.5),
        (1, 0.5, 30.0, 1.0, 2.0, 1.0),
        (5, 0.5, 30.0, 1.0, 2.0, 16.0),
        (6, 0.5, 30.0, 1.0, 2.0, 30.0),
        (10_000, 0.5, 30.0, 1.0, 2.0, 30.0),
        (10_000, 4.0, 300.0, 1.0, 4.0, 300.0),
        (2, 4.0, 300.0, 1.0, 4.0, 64.0),
        (1, 4.0, 60.0, 0.75, 2.0, 6.0),
        (9, 4.0, 60.0, 1.25, 2.0, 75.0),
        (3, 1000.0, 900.0, 1.0, 2.0, 900.0),
    ],
)
def test_delay_grows_by_its_factor_up_to_the_longest(
    attempt: int, first: float, longest: float, jitter: float, factor: float, seconds: float
) -> None:
    assert delay(attempt, first, longest, jitter, factor) == seconds


@pytest.mark.parametrize(
    ("drawn", "delays"),
    [(0.0, [0.05, 0.1, 0.2, 0.4, 0.5, 0.5]), (0.5, [0.075, 0.15, 0.3, 0.6, 0.75, 0.75])],
)
def test_backoff_gives_the_upper_half_of_each_delay(drawn: float, delays: list[float]) -> None:
    backoff = Backoff(0.1, 1.0, lambda: drawn)
    assert [backoff.next_delay() for _ in delays] == pytest.approx(delays)


def test_backoff_draws_for_each_delay_and_begins_anew_after_a_reset() -> None:
    draws = iter([0.0, 0.5, 0.0])
    backoff = Backoff(1.0, 8.0, lambda: next(draws))
    given = [backoff.next_delay(), backoff.next_delay()]
    backoff.reset()
    assert [*given, backoff.next_delay()] == [0.5, 1.5, 0.5]
