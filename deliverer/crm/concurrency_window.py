"""AIMD concurrency window of a destination: grows while it keeps up, halves when it does not. Pure.

As in TCP, the window grows by one per round of answers, and halves when answers take twice their
usual time. After a failure it is one, and grows back quickly to half of its old size. The usual
time is measured again after each halving, because the destination's queue is shortest then.
"""

INITIAL_SIZE = 4.0
"""Window of a destination of which nothing is known yet."""
LATE_FACTOR, STILL_LATE_FACTOR = 2.0, 1.5
"""Answers are late from this factor of the usual time: more are in flight than the destination
works on. Right after a halving they are late from the second factor: then it is halved again."""
SAMPLES = 32
"""Answers that are averaged, plus a number that depends on the window. One late answer means
nothing, and the first answers of a window are the quickest."""
NEVER_LATE_SECONDS = 0.020
"""Answers within this time are never late: this machine causes such differences."""


class ConcurrencyWindow:
    """At most `max_size` deliveries in flight. All times are of one clock, any clock."""

    def __init__(self, max_size: int) -> None:
        self._max_size = float(max_size)
        self._size = min(INITIAL_SIZE, self._max_size)
        self._slow_start_limit = self._max_size
        """Size up to which it grows by one per answer; beyond, by one per round of answers."""
        self._ignore_before = float("-inf")
        """Deliveries that started before say nothing about the current window."""
        self._usual_seconds = self._recent_seconds = 0.0
        """Time of one call: measured with little in flight, and recent average; 0 if unknown."""
        self._samples: list[float] | None = []
        """Times of answers during a measurement, in which the window does not grow; else None."""

    @property
    def size(self) -> int:
        return int(self._size)

    def on_response(self, started_at: float, now: float, *, is_full: bool, calls: int = 1) -> None:
        """A delivery was accepted after `calls` successive requests. `is_full`: the window was
        full."""
        if started_at < self._ignore_before or not calls:
            return
        seconds = (now - started_at) / calls
        if self._samples is not None:
            self._measure(self._samples, seconds, now)
            return
        self._recent_seconds += (seconds - self._recent_seconds) / (SAMPLES + self._size)
        if self._is_late(self._recent_seconds, LATE_FACTOR):
            self._halve(now)
        elif is_full:
            step = 1.0 if self._size < self._slow_start_limit else 1 / self._size
            self._size = min(self._size + step, self._max_size)

    def on_failure(self, now: float) -> None:
        """The destination failed: one delivery at a time until one passes."""
        self._slow_start_limit = max(
            1.0, self._size / 2, self._slow_start_limit if self._size == 1 else 0.0
        )
        self._size = 1.0
        self._ignore_before = now

    def _measure(self, samples: list[float], seconds: float, now: float) -> None:
        samples.append(seconds)
        if len(samples) < SAMPLES + 2 * self._size:
            return
        mean = sum(samples) / len(samples)
        if self._usual_seconds and self._size > 1 and self._is_late(mean, STILL_LATE_FACTOR):
            self._halve(now)
            return
        self._usual_seconds = self._recent_seconds = mean
        self._samples = None

    def _is_late(self, seconds: float, factor: float) -> bool:
        return seconds > max(factor * self._usual_seconds, NEVER_LATE_SECONDS)

    def _halve(self, now: float) -> None:
        self._size = self._slow_start_limit = max(1.0, self._size / 2)
        self._ignore_before, self._samples = now, []
