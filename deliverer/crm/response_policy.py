"""What follows from a CRM's answer: settled, parked, or paused. Pure.

2xx                                        settled
400 409 413 415 422                        the message's own fault: park it, go on
408 425 429 5xx, refused, timed out        the destination's, for now: pause
3xx 401 403 404 405 410, TLS, its name     the destination's, until a person acts: pause, alarm
a proxy before it: no client certificate   the same, though its status be 400
anything else                              pause, alarm

Unless others pass meanwhile: whatever is answered to one message alone may be about it, but for 401
(`deliverer.health`).

Without a token nothing was posted, and nothing is the message's fault: pause, with an alarm unless
the token endpoint is only away or busy.
"""

from typing import Literal

import msgspec

from deliverer.transport.response import Response
from services.backoff import delay

PARKED = frozenset({400, 409, 413, 415, 422})
TRANSIENT_STATUSES = frozenset({408, 425, 429})
UNAUTHORIZED = 401
"""Is about who we are, whatever the message."""
PRIVATE_ADDRESS = (
    "the {}'s address is private, and POSTKAMER_PRIVATE_NETWORKS does not name its network"
)
NGINX = b"<html>\r\n<head><title>400 "
UNREAD = tuple(
    NGINX + words + b"</title>"
    for words in (
        b"No required SSL certificate was sent",
        b"The SSL certificate error",
        b"The plain HTTP request was sent to HTTPS port",
    )
)
"""How nginx begins a 400 to whoever shows no certificate, or one that it does not know, or does not
speak TLS: it read nothing of the message. Further on a CRM may quote what a citizen wrote."""
NO_CERTIFICATE = "a proxy before the destination wants https, or another client certificate: 400"
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between two probes of a paused destination; doubling from one to the other."""
FIRST_RETRY_AFTER, LONGEST_RETRY_AFTER = 60.0, 3600.0
"""Seconds: a destination may ask for more, but is looked at every hour; and after a minute as long
as only one conversation was answered so: it may be about the one."""


class Verdict(msgspec.Struct, frozen=True):
    """`alarm`: waiting will not mend it. `doubtful`: the message itself may be what it fails on.
    `aside`: it alone waits, for so many seconds. `reason` is a sentence without personal data."""

    outcome: Literal["settled", "parked", "paused", "aside"]
    reason: str = ""
    alarm: bool = False
    may_be_message: bool = False
    wait: float = 0.0


def judge(answer: Response) -> Verdict:
    """What the answer means for the message and for the destination."""
    if answer.responder == "token endpoint":
        return _without_a_token(answer)
    if 200 <= answer.status < 300:
        return Verdict("settled")
    return _refused(answer) if answer.status else _without_an_answer(answer)


def _refused(answer: Response) -> Verdict:
    if answer.status == 400 and answer.body.startswith(UNREAD):
        return Verdict("paused", NO_CERTIFICATE, alarm=True)
    if answer.status in PARKED:
        return Verdict("parked", f"the destination refused this message: {answer.status}")
    passing = answer.status in TRANSIENT_STATUSES or answer.status >= 500
    doubtful = answer.status != UNAUTHORIZED
    reason = f"the destination answered {answer.status}"
    return Verdict("paused", reason, alarm=not passing, may_be_message=doubtful)


def _without_an_answer(answer: Response) -> Verdict:
    if answer.failure == "inside":
        return Verdict("paused", PRIVATE_ADDRESS.format(answer.responder), alarm=True)
    reason = f"the {answer.responder} gave no answer: {answer.failure}"
    alarm = answer.failure in ("name", "tls")
    doubtful = answer.request_sent and not alarm and answer.responder == "destination"
    return Verdict("paused", reason, alarm=alarm, may_be_message=doubtful)


def _without_a_token(answer: Response) -> Verdict:
    if answer.failure:
        return _without_an_answer(answer)
    if 200 <= answer.status < 300:
        return Verdict("paused", "the token endpoint's answer holds no bearer token", alarm=True)
    alarm = answer.status not in TRANSIENT_STATUSES and answer.status < 500
    what = "refused us" if alarm else "answered"
    reason = f"the token endpoint {what}: {answer.status} {answer.code}"
    return Verdict("paused", reason.rstrip(), alarm=alarm)


def wait_before_probe(
    probes: int, retry_after: float | None, chance: float, *, several: bool
) -> float:
    """Seconds until a paused destination is tried again, after `probes` failures in a row; whether
    `several` conversations have failed.

    `chance` in [0, 1) spreads it over the upper half, so that many do not come at once.
    """
    longest = LONGEST_RETRY_AFTER if several else FIRST_RETRY_AFTER
    wait = delay(probes, FIRST_WAIT, LONGEST_WAIT, 0.5 + chance / 2)
    return max(wait, min(retry_after or 0.0, longest))
