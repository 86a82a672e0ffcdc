"""Failed attempts to hand over: what follows from each. Pure."""

from datetime import datetime, timedelta

from services.backoff import delay

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 30.0, 3600.0
"""Seconds before the next attempt, doubled each time up to the second value: nobody waits for a
transcript within the hour."""
TRIED_FOR = timedelta(days=7)
"""Time for which failures are tried again: an outage over a holiday ends within it."""
SHUT = frozenset({401, 403, 407})
AGAIN = SHUT | {408, 425, 429}
"""Statuses below 500 after which another attempt may succeed: somebody gives us rights, or it is
too busy. After any other the same request is refused again."""


class HandoverFailed(Exception):
    """The attempt failed. The argument is a sentence for an operator, without a word of the
    conversation. With `is_final`, trying again does not help."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_final = reason, is_final


def refused(api: str, status: int, codes: str) -> HandoverFailed:
    """Return the failure for an answer that is not a success. `codes` are those of its faults."""
    reason = f"{api} answered {status}" + (f" ({codes})" if codes else "")
    if status in SHUT:
        reason += ": see its client, the secret and the rights of the client there"
    return HandoverFailed(reason, is_final=status < 500 and status not in AGAIN)


def is_over(due_since: datetime, now: datetime) -> bool:
    """Return True if it was tried for long enough."""
    return now - due_since >= TRIED_FOR


def retry_seconds(attempts: int, chance: float) -> float:
    """Return the seconds before the next attempt; `chance` is drawn from 0 up to 1."""
    return delay(attempts - 1, FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, 0.75 + chance / 2)
