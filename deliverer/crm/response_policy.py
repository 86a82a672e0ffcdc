"""Verdict on a CRM's answer: settled, parked, or paused. Pure.

2xx                                        settled
400 409 413 415 422                        fault of the message: park it, go on
408 425 429 5xx, refused, timed out        fault of the destination, temporary: pause
3xx 401 403 404 405 410, TLS, DNS          the same, until a person acts: pause, alarm
a proxy before it: no client certificate   the same, although its status is 400
anything else                              pause, alarm

If others pass meanwhile, any answer to one message alone except 401 may be the fault of that
message (`deliverer.crm.breaker`).

Without a token nothing was posted, so it cannot be the fault of the message: pause, with an alarm
unless the token endpoint is only unavailable or busy.
"""

from typing import Literal

import msgspec

from deliverer.transport.response import Response
from services.backoff import delay

PARKED_STATUSES = frozenset({400, 409, 413, 415, 422})
TRANSIENT_STATUSES = frozenset({408, 425, 429})
UNAUTHORIZED = 401
"""Concerns our credentials, never the message."""
PRIVATE_ADDRESS = (
    "the {}'s address is private, and POSTKAMER_PRIVATE_NETWORKS does not name its network"
)
NGINX = b"<html>\r\n<head><title>400 "
NGINX_UNREAD = tuple(
    NGINX + words + b"</title>"
    for words in (
        b"No required SSL certificate was sent",
        b"The SSL certificate error",
        b"The plain HTTP request was sent to HTTPS port",
    )
)
"""Beginnings of a 400 by nginx to a client without a certificate, with an unknown one, or without
TLS: it read nothing of the message. Only the beginning counts, because further on a CRM may quote
the text of a citizen."""
NO_CERTIFICATE = "a proxy before the destination wants https, or another client certificate: 400"
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between probes of a paused destination, doubling from the first to the longest."""
FIRST_RETRY_AFTER, LONGEST_RETRY_AFTER = 60.0, 3600.0
"""Longest `Retry-After` that we honour, in seconds: a destination is probed every hour; and after a
minute while only one conversation got such an answer, for the cause may be that one message."""


Outcome = Literal["settled", "parked", "paused", "aside"]
"""`aside`: sideline the message; other conversations go on."""


class Verdict(msgspec.Struct, frozen=True):
    outcome: Outcome
    reason: str = ""
    """Sentence without personal data."""
    alarm: bool = False
    """True if a person must act: waiting will not mend it."""
    may_be_message: bool = False
    """True if the message itself may be the cause."""
    wait: float = 0.0
    """Seconds before the retry of a sidelined message."""


def judge(answer: Response) -> Verdict:
    """Judge an answer without knowledge of others."""
    if answer.responder == "token endpoint":
        return _judge_no_token(answer)
    if 200 <= answer.status < 300:
        return Verdict("settled")
    return _judge_refusal(answer) if answer.status else _judge_no_answer(answer)


def _judge_refusal(answer: Response) -> Verdict:
    if answer.status == 400 and answer.body.startswith(NGINX_UNREAD):
        return Verdict("paused", NO_CERTIFICATE, alarm=True)
    if answer.status in PARKED_STATUSES:
        return Verdict("parked", f"the destination refused this message: {answer.status}")
    passing = answer.status in TRANSIENT_STATUSES or answer.status >= 500
    doubtful = answer.status != UNAUTHORIZED
    reason = f"the destination answered {answer.status}"
    return Verdict("paused", reason, alarm=not passing, may_be_message=doubtful)


def _judge_no_answer(answer: Response) -> Verdict:
    if answer.failure == "inside":
        return Verdict("paused", PRIVATE_ADDRESS.format(answer.responder), alarm=True)
    reason = f"the {answer.responder} gave no answer: {answer.failure}"
    alarm = answer.failure in ("name", "tls")
    doubtful = answer.request_sent and not alarm and answer.responder == "destination"
    return Verdict("paused", reason, alarm=alarm, may_be_message=doubtful)


def _judge_no_token(answer: Response) -> Verdict:
    if answer.failure:
        return _judge_no_answer(answer)
    if 200 <= answer.status < 300:
        return Verdict("paused", "the token endpoint's answer holds no bearer token", alarm=True)
    alarm = answer.status not in TRANSIENT_STATUSES and answer.status < 500
    what = "refused us" if alarm else "answered"
    reason = f"the token endpoint {what}: {answer.status} {answer.code}"
    return Verdict("paused", reason.rstrip(), alarm=alarm)


def wait_before_probe(
    probes: int, retry_after: float | None, chance: float, *, several: bool
) -> float:
    """Return the seconds until the next probe of a paused destination, after `probes` failures in a
    row. `several`: more than one conversation has failed.

    `chance` in [0, 1) spreads the wait over its upper half, so that probes do not coincide.
    """
    longest = LONGEST_RETRY_AFTER if several else FIRST_RETRY_AFTER
    wait = delay(probes, FIRST_WAIT, LONGEST_WAIT, 0.5 + chance / 2)
    return max(wait, min(retry_after or 0.0, longest))
