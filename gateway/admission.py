"""Admission: whether anything more is taken in, decided from numbers before a body is read.

Each measure has two bounds: at the upper one the door closes, and it opens again below the lower
one. Between two changes of mind lie as many finished requests, bytes or seconds as lie between the
bounds: it cannot flutter.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Load(NamedTuple):
    """What has been taken in and is not yet answered."""

    requests: int
    bytes: int
    stalled: float
    """Seconds for which something has been waiting and nothing has been confirmed."""


class Measure(NamedTuple):
    """One number of the load, where the door closes for it, where it opens again, and why."""

    name: str
    closes: float
    opens: float
    reason: str


REQUESTS = Measure("requests", 1024, 768, "too many requests are in hand")
"""At 5,000 requests a second, what one process answers at the least, the last of so many waits 0.2
s: within the median of 0.25 s that Meta asks for."""
BYTES = Measure("bytes", 24 * 1024 * 1024, 16 * 1024 * 1024, "too many bytes are in hand")
"""Of what waits for its batch: a quarter of a second at 100 MB a second, and less than what one
partition lets wait at all (32 MiB)."""
STALLED = Measure("stalled", 1.0, 0.25, "nothing is confirmed")
"""Seconds. A confirm takes some 5 ms; well before who waits is told that it took too long (1.5 s).
"""
DOOR = (REQUESTS, BYTES)
PARTITION = (STALLED,)
"""Of one partition alone: one that stands still keeps nobody out of the others."""


def decide(load: Load, measures: Sequence[Measure], before: str) -> tuple[bool, str]:
    """Whether the next one is let in, and why the door is closed ('': it is open).

    `before` is why it was closed at the last decision. A closed door lets one in while nothing is
    in hand: somebody has to find out whether it works again.
    """
    for measure in measures:
        bound = measure.opens if measure.reason == before else measure.closes
        if getattr(load, measure.name) >= bound:
            return not load.requests, measure.reason
    return True, ""
