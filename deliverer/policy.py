"""What follows from a CRM's answer: settled, parked, or paused. Pure.

2xx                                        settled
400 409 413 415 422                        the message's own fault: park it, go on
408 425 429 5xx, refused, timed out        the destination's, for now: pause; unless others pass
                                           meanwhile (`deliverer.health`)
3xx 401 403 404 405 410, TLS, its name     the destination's, until a person acts: pause, alarm
anything else                              pause, alarm: it says nothing about the message
"""

from typing import Literal

import msgspec

from deliverer.answers import Answer

PARKED = frozenset({400, 409, 413, 415, 422})
PASSING = frozenset({408, 425, 429})
BUSY = frozenset({425, 429, 503})
"""Says by itself that it is not about the message."""
INSIDE = (
    "the destination's address is private, and POSTKAMER_PRIVATE_NETWORKS does not name its network"
)
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between two probes of a paused destination; doubling from one to the other."""
LONGEST_RETRY_AFTER = 3600.0
"""Seconds: a destination may ask for more, but is looked at every hour."""


class Verdict(msgspec.Struct, frozen=True):
    """`alarm`: waiting will not mend it. `doubtful`: the message itself may be what it fails on.
    `aside`: it alone waits, for so many seconds. `reason` is a sentence without personal data."""

    outcome: Literal["settled", "parked", "paused", "aside"]
    reason: str = ""
    alarm: bool = False
    doubtful: bool = False
    wait: float = 0.0


def judge(answer: Answer) -> Verdict:
    """What the answer means for the message and for the destination."""
    if 200 <= answer.status < 300:
        return Verdict("settled")
    if answer.status in PARKED:
        return Verdict("parked", f"the destination refused this message: {answer.status}")
    if answer.status in PASSING or answer.status >= 500:
        doubtful = answer.status not in BUSY
        return Verdict("paused", f"the destination answered {answer.status}", doubtful=doubtful)
    if answer.status:
        return Verdict("paused", f"the destination answered {answer.status}", alarm=True)
    if answer.failure == "inside":
        return Verdict("paused", INSIDE, alarm=True)
    reason = f"the destination gave no answer: {answer.failure}"
    alarm = answer.failure in ("name", "tls")
    return Verdict("paused", reason, alarm=alarm, doubtful=answer.sent and not alarm)


def wait_before_probe(probes: int, retry_after: float | None, chance: float) -> float:
    """Seconds until a paused destination is tried again, after `probes` failures in a row.

    `chance` in [0, 1) spreads it over the upper half, so that many do not come at once.
    """
    if retry_after is not None:
        return min(max(retry_after, FIRST_WAIT), LONGEST_RETRY_AFTER)
    wait: float = min(FIRST_WAIT * 2 ** min(probes, 16), LONGEST_WAIT)
    return wait * (0.5 + chance / 2)
