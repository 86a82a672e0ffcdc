"""Condition of a destination, by its last answer. Pure."""

import msgspec

from deliverer.crm.response_policy import Verdict
from deliverer.transport.response import Failure, Responder, Response


class Condition(msgspec.Struct, frozen=True):
    works: bool = False
    refuses: bool = False
    """True if a person must act: waiting will not mend it."""
    status: int = 0
    """HTTP status of the answer; 0 without one."""
    failure: Failure = ""
    whose: Responder = "destination"
    reason: str = ""
    """Sentence without personal data."""


WORKING = Condition(works=True)


def failing_condition(answer: Response, verdict: Verdict) -> Condition:
    """Return the condition of a destination that an answer paused."""
    return Condition(
        refuses=verdict.alarm,
        status=answer.status,
        failure=answer.failure,
        whose=answer.responder,
        reason=verdict.reason,
    )
