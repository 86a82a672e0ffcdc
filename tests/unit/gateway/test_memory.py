"""The moment at which the gateway gives memory back."""

from gateway.memory import GROWN_BYTES, should_give_back


def test_memory_is_given_back_after_growth_alone() -> None:
    left = 60 * 1024 * 1024
    assert not should_give_back(left, left)
    assert not should_give_back(left - GROWN_BYTES, left)
    assert not should_give_back(left + GROWN_BYTES - 1, left)
    assert should_give_back(left + GROWN_BYTES, left)
