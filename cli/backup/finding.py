"""Something about the back-ups that a person should know. Pure."""

from datetime import timedelta
from typing import Literal, TypeAlias

import msgspec

Weight: TypeAlias = Literal["fault", "warning", "unseen"]
"""fault: a restore would lose more than it must, or fail. unseen: it could not be looked at."""
Owner: TypeAlias = Literal["database", "back-up", "object store", "keys", "configuration"]
"""Part whose keeper mends it."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    weight: Weight = "fault"
    owner: Owner
    is_retryable: bool = False
    """True if it may be over by itself: look again before you mend anything."""
    sentence: str


def format_age(age: timedelta) -> str:
    """Return an age in the largest unit that says something."""
    seconds = max(0.0, age.total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
