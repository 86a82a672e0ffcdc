"""A concurrency window finds how much a destination of any size can take, and no more."""

import heapq
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.crm.concurrency_window import (
    INITIAL_SIZE,
    NEVER_LATE_SECONDS,
    SAMPLES,
    ConcurrencyWindow,
)

Taking = Callable[[float, random.Random], float]
"""Seconds that a destination works at a delivery, at a moment."""


class Destination:
    """Works at so many deliveries at once; the others wait their turn."""

    def __init__(self, at_once: int, taking: Taking) -> None:
        self.free, self.taking = [0.0] * at_once, taking
        self.chance = random.Random(1)

    def answers_at(self, now: float) -> float:
        begins = max(now, heapq.heappop(self.free))
        ends = begins + self.taking(now, self.chance)
        heapq.heappush(self.free, ends)
        return ends


def run(window: ConcurrencyWindow, to: Destination, seconds: float) -> tuple[float, list[int]]:
    """Deliveries a second and sizes in the second half, with as many in flight as may be."""
    now, flying, sizes = 0.0, list[tuple[float, float]](), list[int]()
    while now < seconds:
        while len(flying) < window.size:
            heapq.heappush(flying, (to.answers_at(now), now))
        full = len(flying) >= window.size
        now, left = heapq.heappop(flying)
        window.on_response(left, now, is_full=full)
        if now > seconds / 2:
            sizes.append(window.size)
    return len(sizes) / (seconds / 2), sizes


def evenly(seconds: float) -> Taking:
    return lambda now, chance: seconds


def unevenly(seconds: float) -> Taking:
    """Mostly less, and sometimes far more."""
    return lambda now, chance: chance.expovariate(1 / seconds)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at_once", "taking", "mean"),
    [
        (4, evenly(0.083), 0.083),  # Open Klant: 48 a second
        (4, unevenly(0.083), 0.083),
        (16, unevenly(0.05), 0.05),
        (64, evenly(0.05), 0.05),
        (256, evenly(0.05), 0.05),
        (1, evenly(0.02), 0.02),
        (8, unevenly(0.001), 0.001),
    ],
)
def test_window_gives_a_destination_what_it_can_take(
    at_once: int, taking: Taking, mean: float
) -> None:
    seconds = 120 if mean > 0.01 else 20
    rate, sizes = run(ConcurrencyWindow(512), Destination(at_once, taking), seconds)
    assert rate > 0.85 * at_once / mean
    if at_once > INITIAL_SIZE and mean > NEVER_LATE_SECONDS:  # else it begins with more than that
        assert sum(sizes) / len(sizes) < 4 * at_once


@given(st.integers(1, 64))
def test_window_stays_between_one_and_its_maximum(most: int) -> None:
    window = ConcurrencyWindow(most)
    assert 1 <= window.size <= min(most, INITIAL_SIZE)
    _, sizes = run(window, Destination(4, unevenly(0.05)), 10)
    assert 1 <= min(sizes) <= max(sizes) <= most


def test_window_shrinks_when_a_destination_becomes_slower_for_good() -> None:
    slower: Taking = lambda now, chance: 0.05 if now < 30 else 0.4  # noqa: E731
    rate, sizes = run(ConcurrencyWindow(512), Destination(16, slower), 240)
    assert rate > 0.9 * 16 / 0.4
    assert sum(sizes) / len(sizes) < 8 * 16


def respond(
    window: ConcurrencyWindow,
    count: int,
    since: float,
    after: float = 0.05,
    *,
    is_full: bool = True,
) -> None:
    """So many responses, one a second, each so long after its request."""
    for n in range(count):
        window.on_response(since + n, since + n + after, is_full=is_full)


def grown(size: int) -> ConcurrencyWindow:
    window = ConcurrencyWindow(size)
    respond(window, 10 * size + 10 * SAMPLES, 0)
    assert window.size == size
    return window


def test_window_does_not_grow_when_it_is_not_full() -> None:
    window = ConcurrencyWindow(64)
    respond(window, 1000, 0, is_full=False)
    assert window.size == INITIAL_SIZE


def test_window_drops_to_one_after_a_failure_and_grows_back_to_half() -> None:
    window = grown(64)
    window.on_failure(10_000)
    assert window.size == 1
    window.on_failure(10_001)  # nor does a probe that fails make it forget
    for n in range(31):
        assert window.size == 1 + n
        respond(window, 1, 10_002 + n)
    assert window.size == 32
    respond(window, 30, 10_100)
    assert window.size == 32, "from here on it takes a round for one more"
    respond(window, 5, 10_200)
    assert window.size == 33


def test_window_ignores_responses_to_requests_from_before_a_failure() -> None:
    window = grown(64)
    window.on_failure(10_000)
    for n in range(63):
        window.on_response(9_999.9, 10_000.1 + n, is_full=True)
    assert window.size == 1


def test_window_ignores_one_late_response() -> None:
    window = grown(64)
    window.on_response(10_000, 10_001, is_full=True)
    assert window.size == 64


def test_window_halves_once_a_round_when_responses_are_late_together() -> None:
    window = grown(64)
    for _ in range(200):
        window.on_response(10_000, 10_000.2, is_full=True)
    assert window.size == 32
