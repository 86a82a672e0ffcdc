"""Admission control: decide from a few numbers, before a body is read, if a request is let in.

Each measure has two bounds. Admission closes at the upper bound and opens again below the lower
one. The distance between the bounds, in requests, bytes or seconds, prevents flutter.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Load(NamedTuple):
    """Work that was let in and is not yet answered."""

    requests: int
    bytes: int
    stalled: float
    """Seconds without progress, while entries wait for a confirm."""


class Measure(NamedTuple):
    """One number of the load, the bounds at which admission closes and opens, and the reason."""

    name: str
    closes: float
    opens: float
    reason: str


REQUESTS = Measure("requests", 1024, 768, "too many requests are in hand")
"""One process answers at least 5,000 requests a second, so the last of 1,024 waits 0.2 s. Meta asks
for a median under 0.25 s."""
BYTES = Measure("bytes", 24 * 1024 * 1024, 16 * 1024 * 1024, "too many bytes are in hand")
"""Bytes that wait for a batch: a quarter of a second at 100 MB a second, and less than the queue
limit of one partition (32 MiB)."""
STALLED = Measure("stalled", 1.0, 0.25, "nothing is confirmed")
"""Seconds. A confirm takes some 5 ms; a waiting sender is refused after 1.5 s, well after this
bound."""
GATEWAY_MEASURES = (REQUESTS, BYTES)
PARTITION_MEASURES = (STALLED,)
"""Measured for each partition alone, so that a stalled partition does not close the others."""


def decide(load: Load, measures: Sequence[Measure], previous_reason: str) -> tuple[bool, str]:
    """Return True if the next request is let in, and the reason why admission is closed ('': open).

    `previous_reason` is the reason that the last decision returned. A closed gate still lets one
    request in while none is in hand: only a request can show that the cause is gone.
    """
    for measure in measures:
        bound = measure.opens if measure.reason == previous_reason else measure.closes
        if getattr(load, measure.name) >= bound:
            return not load.requests, measure.reason
    return True, ""
