"""Exponential backoff: the time between one attempt and the next. Pure."""

from collections.abc import Callable

DOUBLINGS = 64
"""Limit of the exponent: more than any delay here needs to reach its longest, and less than the
1,024 at which a float overflows."""


def delay(
    attempt: int, first: float, longest: float, jitter: float = 1.0, factor: float = 2.0
) -> float:
    """Return the seconds to wait after `attempt` (0 for the first).

    The delay grows by `factor` after each attempt, up to `longest`. It is multiplied by `jitter`,
    which the caller draws, so that many callers do not retry at once.
    """
    return min(first * factor ** min(attempt, DOUBLINGS), longest) * jitter


class Backoff:
    """Delays of a loop that tries until it succeeds, each 50 to 100 % of its exponential delay."""

    def __init__(self, first: float, longest: float, draw: Callable[[], float]) -> None:
        """`draw` returns a random number from 0 up to 1."""
        self._first, self._longest, self._draw = first, longest, draw
        self._attempt = 0

    def next_delay(self) -> float:
        """Return the seconds to wait before the next attempt."""
        seconds = delay(self._attempt, self._first, self._longest, 0.5 + self._draw() / 2)
        self._attempt += 1
        return seconds

    def reset(self) -> None:
        """Start again with the shortest delay, after a success."""
        self._attempt = 0
