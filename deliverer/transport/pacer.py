"""Pacer: a token bucket for messages per second, which slows down on request. Pure."""

BURST_SECONDS = 0.25
"""Unused time that may be caught up: a little longer than the interval between polls (0.2 s)."""
BACK_OFF_INTERVAL = 1.0
"""Seconds between two slowdowns. Messages under way at the same time are all refused as too fast,
and count once."""
RECOVERY_SECONDS = 60.0
"""Time in which the rate grows back, evenly, from half to full after a slowdown."""


class Pacer:
    """Allows at most `per_second` messages. All times are of one clock, any clock."""

    def __init__(self, per_second: float) -> None:
        self._max_rate = self._rate = float(per_second)
        self._tokens = 0.0
        self._refilled_at: float | None = None
        self._slowed_at = float("-inf")

    @property
    def rate(self) -> float:
        """Current rate in messages per second."""
        return self._rate

    def room(self, now: float) -> int:
        """Return the number of messages that may go now."""
        if self._refilled_at is None:
            self._refilled_at, self._tokens = now, self._burst
        seconds, self._refilled_at = now - self._refilled_at, now
        self._rate = min(
            self._max_rate, self._rate + self._max_rate / 2 / RECOVERY_SECONDS * seconds
        )
        self._tokens = min(self._tokens + self._rate * seconds, self._burst)
        return int(self._tokens)

    def consume(self, count: int) -> None:
        self._tokens -= count

    def back_off(self, now: float) -> None:
        """Halve the rate, unless it was halved just now; from there it grows back."""
        if now - self._slowed_at >= BACK_OFF_INTERVAL:
            self._rate, self._slowed_at = max(1.0, self._rate / 2), now

    @property
    def _burst(self) -> float:
        return max(1.0, self._max_rate * BURST_SECONDS)
