"""Meta's rate limits: 80 messages a second of one number, and bursts of 45 to one citizen. Pure."""

from collections import OrderedDict

import msgspec

from sandbox.memory import remember

PAIRS_KEPT = 10_000
"""Citizens whose bucket is remembered; those to whom nothing was sent for longest are forgotten."""


class Bucket(msgspec.Struct):
    """A token bucket; times are seconds on a clock that never jumps."""

    size: float
    per_second: float
    level: float
    at: float

    def take(self, at: float) -> bool:
        self.level = min(self.size, self.level + (at - self.at) * self.per_second)
        self.at = at
        if self.level < 1:
            return False
        self.level -= 1
        return True


class RateLimits:
    """The buckets of all numbers and pairs."""

    def __init__(self) -> None:
        self._numbers: dict[str, Bucket] = {}
        self._pairs: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    def refusal_code(self, number: str, citizen: str, at: float) -> int:
        """Return the code that refuses this message; 0 for none."""
        bucket = self._numbers.setdefault(number, Bucket(80, 80, 80, at))
        if not bucket.take(at):
            return 130429
        pair = self._pairs.get((number, citizen)) or Bucket(45, 1 / 6, 45, at)
        remember(self._pairs, (number, citizen), pair, PAIRS_KEPT)
        return 0 if pair.take(at) else 131056
