"""Times at which messages of one number leave this process, evenly enough for Meta. Pure."""

from collections import deque

SECOND = 1.05
"""Seconds in which the rate holds. A little over one, because messages reach Meta some hundredths
of a second closer together than they left."""


class SendSlots:
    """Gives at most `per_second` messages a slot in any second. All times are of one clock.

    Messages are claimed at this rate too, but a claim may wait for the database, and its messages
    then leave together with later ones.
    """

    def __init__(self, per_second: int) -> None:
        self._slots: deque[float] = deque(maxlen=per_second)

    def reserve(self, now: float) -> float:
        """Reserve the next slot; return the seconds until then."""
        is_full = len(self._slots) == self._slots.maxlen
        at = max(now, self._slots[0] + SECOND) if is_full else now
        self._slots.append(at)
        return at - now
