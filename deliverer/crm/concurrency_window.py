"""How much at once: more while a destination keeps up, half when it does not. Pure.

As TCP does it: one more for each round of answers, half of it when they take twice as long as they
do with little under way; one at a time after a failure, and from there quickly back to half of what
was. How long an answer usually takes is measured anew each time that the window was halved: then
less waits there than at any other time.
"""

FIRST = 4.0
"""Deliveries in flight to a destination of which nothing is known yet."""
SLOW, STILL = 2.0, 1.5
"""Times the usual, from which answers come late: more were under way than it works at; and from
which they still do with half as many, so that it is halved again."""
ROUND = 32
"""Answers over which is looked how long they take, and as many more as are under way: one that is
late alone means nothing, and those that come first are the quickest."""
QUICK_SECONDS = 0.020
"""Answers that take less are never late: what makes them so is this machine."""


class ConcurrencyWindow:
    """`most` deliveries in flight, at most. Seconds are on one clock, whichever."""

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._size = min(FIRST, self._most)
        self._quickly_to = self._most
        """Up to here it grows by one for each answer, beyond by one for each round of them."""
        self._since = float("-inf")
        """What left before says nothing of the window as it is."""
        self._usual = self._lately = 0.0
        """Seconds that a call takes, 0 while that is not known."""
        self._measured: list[float] | None = []
        """Seconds of each answer while it is being measured; the window does not grow then."""

    @property
    def size(self) -> int:
        return int(self._size)

    def on_response(self, left: float, now: float, *, full: bool, calls: int = 1) -> None:
        """A delivery that left then was taken, after so many calls, one after the other; `full`: as
        many were under way as may be."""
        if left < self._since or not calls:
            return
        seconds = (now - left) / calls
        if self._measured is not None:
            self._measure(self._measured, seconds, now)
            return
        self._lately += (seconds - self._lately) / (ROUND + self._size)
        if self._is_late(self._lately, SLOW):
            self._halve(now)
        elif full:
            step = 1.0 if self._size < self._quickly_to else 1 / self._size
            self._size = min(self._size + step, self._most)

    def on_failure(self, now: float) -> None:
        """The destination did not take a delivery: from here on one at a time, until one passes."""
        self._quickly_to = max(1.0, self._size / 2, self._quickly_to if self._size == 1 else 0.0)
        self._size = 1.0
        self._since = now

    def _measure(self, measured: list[float], seconds: float, now: float) -> None:
        measured.append(seconds)
        if len(measured) < ROUND + 2 * self._size:
            return
        mean = sum(measured) / len(measured)
        if self._usual and self._size > 1 and self._is_late(mean, STILL):
            self._halve(now)
            return
        self._usual = self._lately = mean
        self._measured = None

    def _is_late(self, seconds: float, times: float) -> bool:
        return seconds > max(times * self._usual, QUICK_SECONDS)

    def _halve(self, now: float) -> None:
        self._size = self._quickly_to = max(1.0, self._size / 2)
        self._since, self._measured = now, []
