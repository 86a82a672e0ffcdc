"""Time and chance: the only place that reads the clock or makes a random id."""

import os
import time
import uuid
from datetime import UTC, datetime

from services.ids import uuid7


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def new_id(at: datetime | None = None) -> uuid.UUID:
    """A fresh, time-ordered id; of `at`, or of now."""
    return uuid7(at or now(), os.urandom(10))


def monotonic() -> float:
    """Seconds on a clock that never jumps, for measuring durations."""
    return time.monotonic()
