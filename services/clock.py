"""Time and chance: the only place that reads the clock or makes a random id."""

import secrets
import time
import uuid
from datetime import UTC, datetime


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def uuid7(at: datetime, chance: bytes) -> uuid.UUID:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 of `chance` (10 bytes).

    Pure: the same arguments give the same id, so an id derived from what it names can be made
    again after a crash.
    """
    milliseconds = int(at.timestamp() * 1000) & (1 << 48) - 1
    random = int.from_bytes(chance[:10], "big") & (1 << 74) - 1
    value = milliseconds << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & (1 << 62) - 1
    return uuid.UUID(int=value)


def new_id() -> uuid.UUID:
    """A fresh, time-ordered id."""
    return uuid7(now(), secrets.token_bytes(10))


def monotonic() -> float:
    """Seconds on a clock that never jumps, for measuring durations."""
    return time.monotonic()
