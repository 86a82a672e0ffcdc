"""The headers of a rate limit promise what it then grants."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.http.rate_limit import (
    SECOND,
    Limit,
    RateLimitState,
    headers,
    remaining,
    seconds_until_next,
)

LIMITS = st.builds(Limit, st.integers(1, 1000), st.integers(1, 300))
GAPS = st.lists(st.integers(0, 3 * SECOND) | st.integers(0, 5000), min_size=1, max_size=60)
"""Microseconds between requests."""


class Clocked:
    """The arithmetic that the database does, for a clock of the test's own."""

    def __init__(self, limit: Limit) -> None:
        self.limit, self.arrival, self.now = limit, 0, 10**15

    def ask(self) -> RateLimitState:
        due = max(self.arrival, self.now)
        granted = due - self.now <= self.limit.max_ahead
        self.arrival = due + self.limit.interval if granted else due
        return RateLimitState(granted, self.arrival - self.now)


def after(limit: Limit, gaps: list[int]) -> tuple[Clocked, RateLimitState]:
    """A limit that was asked with these gaps, and its last answer."""
    clocked = Clocked(limit)
    for gap in gaps:
        clocked.now += gap
        state = clocked.ask()
    return clocked, state


@given(LIMITS, GAPS, st.lists(st.integers(0, SECOND), max_size=300))
def test_rate_limit_grants_as_many_requests_as_it_announces(
    limit: Limit, gaps: list[int], then: list[int]
) -> None:
    clocked, state = after(limit, gaps)
    for _, gap in zip(range(remaining(state, limit)), [*then, *[0] * limit.burst], strict=False):
        clocked.now += gap
        assert clocked.ask().granted


@given(LIMITS, GAPS)
def test_rate_limit_refuses_one_request_more_than_it_announces(
    limit: Limit, gaps: list[int]
) -> None:
    clocked, state = after(limit, gaps)
    for _ in range(remaining(state, limit)):
        assert clocked.ask().granted
    assert not clocked.ask().granted


@pytest.mark.slow
@given(LIMITS, GAPS)
def test_rate_limit_grants_one_more_request_when_the_wait_is_over(
    limit: Limit, gaps: list[int]
) -> None:
    clocked, state = after(limit, gaps)
    clocked.now += seconds_until_next(state, limit) * SECOND
    for _ in range(remaining(state, limit) + 1):
        assert clocked.ask().granted


@given(LIMITS, st.data())
def test_rate_limit_never_refuses_a_caller_that_keeps_to_the_policy(
    limit: Limit, data: st.DataObject
) -> None:
    """No more than q in any w seconds, however bunched: each waits for the one q before it."""
    policy = headers(RateLimitState(True, 0), limit)["RateLimit-Policy"]
    found = re.fullmatch(r'"default";q=(\d+);w=(\d+)', policy)
    assert found
    quota, window = int(found[1]), int(found[2]) * SECOND
    clocked = Clocked(limit)
    moments: list[int] = []
    gaps = st.integers(0, 2 * window // quota) | st.just(0) | st.just(window)
    for gap in data.draw(st.lists(gaps, min_size=1, max_size=60)):
        clocked.now += gap
        if len(moments) >= quota:
            clocked.now = max(clocked.now, moments[-quota] + window)
        moments.append(clocked.now)
        assert clocked.ask().granted


@given(LIMITS, GAPS)
def test_rate_limit_refusal_says_that_nothing_is_left_and_how_long_to_wait(
    limit: Limit, gaps: list[int]
) -> None:
    _, state = after(limit, gaps)
    sent = headers(state, limit)
    found = re.fullmatch(r'"default";r=(\d+);t=(\d+)', sent["RateLimit"])
    assert found
    assert int(found[1]) < limit.burst
    assert int(found[2]) >= 1
    assert ("Retry-After" in sent) == (not state.granted)
    if not state.granted:
        assert found[1] == "0"
        assert sent["Retry-After"] == found[2]


@given(LIMITS, st.integers(2, 300))
def test_rate_limit_bounds_the_long_run_rate_of_a_token(limit: Limit, seconds: int) -> None:
    """Asking as fast as possible: a burst, and then the pace."""
    clocked = Clocked(limit)
    granted, end = 0, clocked.now + seconds * SECOND
    for _ in range(2000):
        if not clocked.ask().granted:
            clocked.now = clocked.arrival - limit.max_ahead
        else:
            granted += 1
        if clocked.now > end:
            break
    spent = clocked.now - 10**15
    assert granted <= limit.burst + spent // limit.interval + 1
