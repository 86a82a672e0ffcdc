"""The search for the highest rate that is held: double it, then halve the gap. Pure."""

import math
from collections.abc import Sequence
from typing import NamedTuple

START = 250.0
"""First rate, in messages/s: every machine of today holds it."""
CLOSE = 1.06
"""Ratio of the lowest rate that was not held and the highest that was, at which the search ends."""
BACK = 0.95
"""Share of a rate that is tried next, when the long run does not confirm it."""
LEAST = 10.0
"""Rate below which the search gives up."""


class Try(NamedTuple):
    rate: float
    is_held: bool


def next_rate(tries: Sequence[Try], start: float = START) -> float | None:
    """Return the rate to try next; None when the search has ended."""
    held = max((one.rate for one in tries if one.is_held), default=0.0)
    failed = min((one.rate for one in tries if not one.is_held), default=0.0)
    if not tries:
        return start
    if not failed:
        return held * 2
    if not held:
        return failed / 2 if failed / 2 >= LEAST else None
    if failed <= held * CLOSE:
        return None
    return math.sqrt(held * failed)


def best(tries: Sequence[Try]) -> float:
    """Return the highest rate that was held below all that were not; 0 for none."""
    failed = min((one.rate for one in tries if not one.is_held), default=float("inf"))
    return max((one.rate for one in tries if one.is_held and one.rate < failed), default=0.0)
