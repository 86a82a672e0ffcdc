"""Time and randomness: the only module that reads the clock or makes a random id."""

import os
import time
import uuid
from datetime import UTC, datetime

from services.ids import uuid7


def now() -> datetime:
    """Return the time of the wall clock, in UTC."""
    return datetime.now(UTC)


def new_id(at: datetime | None = None) -> uuid.UUID:
    """Return a new, time-ordered id for `at`, or for now."""
    return uuid7(at or now(), os.urandom(10))


def monotonic() -> float:
    """Return the seconds on a clock that never jumps, for measuring durations."""
    return time.monotonic()
