"""Exponential backoff: the time between one attempt and the next. Pure."""

from collections.abc import Callable

DOUBLINGS = 64
"""More than any wait here needs to reach its longest; a float overflows at 1,024."""


def delay(
    attempt: int, first: float, longest: float, jitter: float = 1.0, factor: float = 2.0
) -> float:
    """Seconds to wait after `attempt` (0 for the first): `factor` times as long after each, at most
    `longest`.

    The result is multiplied by `jitter`, which the caller draws, so that many do not come at once.
    """
    return min(first * factor ** min(attempt, DOUBLINGS), longest) * jitter


class Backoff:
    """Delays of a loop that tries until it succeeds, each in the upper half of its doubling."""

    def __init__(self, first: float, longest: float, draw: Callable[[], float]) -> None:
        """`draw` gives a random number from 0 up to 1."""
        self._first, self._longest, self._draw = first, longest, draw
        self._attempt = 0

    def next_delay(self) -> float:
        """Seconds to wait before the next attempt."""
        seconds = delay(self._attempt, self._first, self._longest, 0.5 + self._draw() / 2)
        self._attempt += 1
        return seconds

    def reset(self) -> None:
        """Begin anew with the shortest delay, after a success."""
        self._attempt = 0
