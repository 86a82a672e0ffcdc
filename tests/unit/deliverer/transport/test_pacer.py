"""A number sends at its rate, however often it is looked at, and no faster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.transport.pacer import BURST_SECONDS, RECOVERY_SECONDS, Pacer

EACH_TICK = [0.05] * 20
"""Looks of one second."""
LOOKS = st.lists(st.floats(0.001, 0.2), min_size=50, max_size=300)


def count_sent(pace: Pacer, looks: list[float], since: float = 0.0) -> int:
    """Messages sent at these intervals, with always more to send."""
    now, count = since, 0
    for gap in looks:
        now += gap
        room = pace.room(now)
        pace.consume(room)
        count += room
    return count


@pytest.mark.slow
@given(LOOKS, st.integers(1, 1000))
def test_pacer_never_exceeds_its_rate_and_spare(looks: list[float], rate: int) -> None:
    assert count_sent(Pacer(rate), looks) <= rate * sum(looks) + max(1, rate * BURST_SECONDS)


@pytest.mark.slow
@given(LOOKS)
def test_pacer_reaches_its_rate_when_there_is_enough_to_send(looks: list[float]) -> None:
    assert count_sent(Pacer(80), looks) >= 80 * (sum(looks) - 0.2) - 1


def test_pacer_does_not_save_up_unused_room() -> None:
    pace = Pacer(80)
    pace.consume(pace.room(0))
    assert pace.room(3600) == 80 * BURST_SECONDS


def test_pacer_halves_its_rate_after_too_fast_and_recovers() -> None:
    pace = Pacer(80)
    pace.consume(pace.room(0))
    for n in range(32):  # as many as were under way
        pace.back_off(n / 100)
    first = count_sent(pace, EACH_TICK * 10)
    later = count_sent(pace, EACH_TICK * int(RECOVERY_SECONDS), 10)
    after = count_sent(pace, EACH_TICK * 10, 10 + RECOVERY_SECONDS)
    assert 10 * 40 <= first <= 10 * 50
    assert first / 10 < later / RECOVERY_SECONDS < 80
    assert abs(after - 800) <= 80 * 0.05
