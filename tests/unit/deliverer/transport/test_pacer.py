"""A number sends as fast as it may, whenever it is looked at, and no faster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.transport.pacer import BURST_SECONDS, RECOVERY_SECONDS, Pacer

LOOKS = st.lists(st.floats(0.001, 0.2), min_size=50, max_size=300)


def sent(pace: Pacer, looks: list[float]) -> tuple[int, float]:
    """Messages, and in how many seconds, with always more to send."""
    now, count = 1000.0, 0
    for gap in looks:
        now += gap
        room = pace.room(now)
        pace.consume(room)
        count += room
    return count, now - 1000.0


@pytest.mark.slow
@given(LOOKS, st.integers(1, 1000))
def test_pacer_never_exceeds_its_rate_and_spare(looks: list[float], rate: int) -> None:
    count, seconds = sent(Pacer(rate), looks)
    assert count <= rate * seconds + max(1, rate * BURST_SECONDS)


@pytest.mark.slow
@given(LOOKS)
def test_pacer_reaches_its_rate_when_there_is_enough_to_send(looks: list[float]) -> None:
    count, seconds = sent(Pacer(80), looks)
    assert count >= 80 * (seconds - 0.2) - 1


def test_pacer_does_not_save_up_unused_room() -> None:
    pace = Pacer(80)
    pace.consume(pace.room(0))
    assert pace.room(3600) == 80 * BURST_SECONDS


def test_pacer_halves_its_rate_after_too_fast_and_recovers() -> None:
    pace = Pacer(80)
    pace.consume(pace.room(0))
    for n in range(32):  # as many as were under way
        pace.back_off(n / 100)
    first, _ = sent_in(pace, 0, 10)
    later, end = sent_in(pace, 10, RECOVERY_SECONDS)
    after, _ = sent_in(pace, end, 10)
    assert 10 * 40 <= first <= 10 * 50
    assert first / 10 < later / RECOVERY_SECONDS < 80
    assert abs(after - 800) <= 80 * 0.05


def sent_in(pace: Pacer, since: float, seconds: float) -> tuple[int, float]:
    count, now = 0, since
    while now < since + seconds:
        now += 0.05
        room = pace.room(now)
        pace.consume(room)
        count += room
    return count, now
