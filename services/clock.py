"""Time and randomness: the only module that reads the clock or makes a random id."""

import os
import time
import uuid
from datetime import UTC, datetime

from services.ids import ordered_uuid7


def now() -> datetime:
    """Return the time of the wall clock, in UTC."""
    return datetime.now(UTC)


def new_id(at: datetime | None = None) -> uuid.UUID:
    """Return a new id for `at`, or for now. Ids sort by the microsecond."""
    return ordered_uuid7(at or now(), os.urandom(8))


def monotonic() -> float:
    """Return the seconds on a clock that never jumps, for measuring durations."""
    return time.monotonic()
