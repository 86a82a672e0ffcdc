"""Time and chance: the only place that reads the clock or makes a random id."""

import secrets
import time
import uuid
from datetime import UTC, datetime

from services.ids import uuid7


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def new_id() -> uuid.UUID:
    """A fresh, time-ordered id."""
    return uuid7(now(), secrets.token_bytes(10))


def monotonic() -> float:
    """Seconds on a clock that never jumps, for measuring durations."""
    return time.monotonic()
