"""How many may go by now: so many a second, evenly. Pure."""

SPARE_SECONDS = 0.25
"""For which what was not sent may be caught up with: a little longer than two looks are apart."""
TOGETHER_SECONDS = 1.0
RECOVERS_SECONDS = 60.0
"""After it went too fast, until it goes as fast as before: evenly up from half."""


class Pacer:
    """So many `per_second`, at most. Seconds are on one clock, whichever."""

    def __init__(self, per_second: float) -> None:
        self._most = self._rate = float(per_second)
        self._left = 0.0
        self._at: float | None = None
        self._slowed_at = float("-inf")

    @property
    def rate(self) -> float:
        """So many a second, by now."""
        return self._rate

    def room(self, now: float) -> int:
        """So many may go now."""
        if self._at is None:
            self._at, self._left = now, self._spare
        seconds, self._at = now - self._at, now
        self._rate = min(self._most, self._rate + self._most / 2 / RECOVERS_SECONDS * seconds)
        self._left = min(self._left + self._rate * seconds, self._spare)
        return int(self._left)

    def consume(self, count: int) -> None:
        self._left -= count

    def back_off(self, now: float) -> None:
        """It went too fast: half as many from now on, and ever more again. All that were under way
        are told so together, and count once."""
        if now - self._slowed_at >= TOGETHER_SECONDS:
            self._rate, self._slowed_at = max(1.0, self._rate / 2), now

    @property
    def _spare(self) -> float:
        return max(1.0, self._most * SPARE_SECONDS)
