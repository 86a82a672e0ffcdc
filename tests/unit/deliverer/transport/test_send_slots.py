"""A number's messages leave at its rate, whenever they were claimed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.transport.send_slots import SECOND, SendSlots


@given(st.lists(st.floats(0, 0.05), max_size=300), st.integers(1, 80))
def test_no_second_has_more_slots_than_the_rate(gaps: list[float], rate: int) -> None:
    slots, now, left = SendSlots(rate), 0.0, []
    for gap in gaps:
        now += gap
        left.append(now + slots.reserve(now))
    assert left == sorted(left)
    for first, next in zip(left, left[rate:], strict=False):
        assert next - first >= SECOND - 1e-9


def test_message_leaves_at_once_while_the_rate_allows_it() -> None:
    slots = SendSlots(2)
    assert [slots.reserve(now) for now in (0.0, 0.1, 5.0, 5.0)] == [0.0, 0.0, 0.0, 0.0]
    assert slots.reserve(5.0) == pytest.approx(SECOND)
