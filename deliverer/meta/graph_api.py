"""Meta's Graph API: requests, and verdicts on its answers. Pure.

The verdict follows from `error.code`, never from the HTTP status, as Meta asks. An answer without a
code is not Meta's but that of a BSP's gateway or a proxy. Then the status tells whether it
forwarded the request:

401 403 407    access is refused, which is checked first         not sent, stop
404 405 410    no address that could have forwarded it           not sent, stop
301 307 308    a redirect, which we do not follow                not sent, stop
429            rate limit, checked before forwarding             not sent, retry later
anything else  also 502, 503, 504: perhaps forwarded first       unknown

A failure before the first byte left is also "not sent". An unknown message is never sent again
automatically: Meta has no idempotency key.
"""

from typing import Any, Literal

import msgspec

from deliverer.transport.response import Response
from services.backoff import delay
from services.whatsapp.delivery_status import (
    NEVER_TAKEN,
    OTHER,
    PUT_OFF,
    WAITS_AT_META,
    error_explanation,
)

RETRY_CODES = frozenset({1, 2, 613, 130429, 131016, 131056, 131057, 133004})
"""Codes of temporary trouble: too fast, overloaded, in maintenance. An outage that Meta reports is
like any other, and costs no message either."""
RETRY_BOUNDED_CODES = frozenset({131000})
"""Codes of an unspecified error: the cause may be this message, so retries are limited."""
HOURLY_LIMIT_CODES = frozenset({4, 80007, 133016})
"""Codes of a limit over hours, of an app or an account and not of this message."""
STOP_CODES = frozenset(
    {0, 3, 10, 33, 190, 368, 131005, 131031, 131042, 131045, 131048, 131064, 133010}
)  # fmt: skip
"""Codes that concern the number or account: a person must act. So do 200 to 299 (permissions)."""
BLOCKED_STATUSES = frozenset({301, 307, 308, 401, 403, 404, 405, 407, 410})
BUSY = 429
"""HTTP statuses of a gateway or proxy before Meta: see above, and docs/decisions/0016."""
NOT_FORWARDED = {
    **dict.fromkeys(BLOCKED_STATUSES, "de weg naar Meta is dicht; de beheerder moet iets doen"),
    BUSY: "het is te druk op de weg naar Meta; Postkamer probeert het opnieuw",
}
UNREACHABLE = "unreachable: Postkamer kan Meta niet bereiken; de beheerder moet iets doen"
LARGEST_CODE = 2**31 - 1
"""Largest value of the ledger's column. Meta's codes have six digits, so a larger number is no
code."""

MEDIA = ("audio", "document", "image", "sticker", "video")
"""Kinds of media object in a message, a header, and the parameters of a template."""

FIRST_WAIT, LONGEST_WAIT = 4.0, 300.0
FACTOR = 4.0
"""Seconds before the next attempt: 4 to the power of the attempt, as Meta advises, up to 300."""
LONGEST_RETRY_AFTER = 3600.0
"""Longest `Retry-After` that we honour, in seconds: we try at least every hour."""
STOPPED = "stopped"
"""Outcome label in the metrics for a stopped number; an alarm uses it."""
UNNEEDED = "unneeded"
"""Outcome label of a message that need not be sent any more."""
STOPPED_WAIT = 60.0
"""Longest wait before a stopped number is tried again, in seconds. The first waits are shorter, as
for any other."""
MAX_ATTEMPTS = 8
"""Attempts after which a message fails that Meta refuses without a cause: over 20 minutes."""
MAX_RETRY_SECONDS = 86400.0
"""Time since the first attempt during which a message is retried: a day, however far apart the
attempts are. No citizen waits longer for an answer."""


class Sent(msgspec.Struct, frozen=True):
    """Meta has accepted the message."""

    wamid: str
    """Meta's id of the message."""
    reason: str = ""
    """Peculiarity of how it was sent: in a template, directly, or it still waits at Meta."""


class RetryLater(msgspec.Struct, frozen=True):
    """Not sent: try again in `seconds`. `stop`: a person must mend something first."""

    seconds: float
    code: int = 0
    reason: str = ""
    stop: bool = False


class Failed(msgspec.Struct, frozen=True):
    """Not sent, and it will not be."""

    code: int
    reason: str


class HoldForReply(msgspec.Struct, frozen=True):
    """Not sent, because the citizen wrote too long ago: it waits until they write again."""

    code: int
    reason: str


class Unknown(msgspec.Struct, frozen=True):
    """Perhaps sent; a status with our own value settles it."""

    reason: Literal["no answer", "no usable answer"]


Verdict = Sent | RetryLater | Failed | HoldForReply | Unknown
OUTCOMES: dict[type[Verdict], str] = {
    Sent: "sent",
    RetryLater: "later",
    Failed: "failed",
    HoldForReply: "held",
    Unknown: "unknown",
}
"""Verdict -> its outcome label in the metrics. Alarms and dashboards select by it."""


def message_request(kind: str, address: str, content: dict[str, Any], opaque: str) -> bytes:
    """Return the body of POST /{number}/messages. A phone number needs a plus: without one Meta
    puts our own country code before it."""
    to = {"to": f"+{address.lstrip('+')}"} if kind == "phone" else {"recipient": address}
    head = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    return msgspec.json.encode(head | to | content | {"biz_opaque_callback_data": opaque})


def read_receipt_request(wamid: str, *, typing: bool) -> bytes:
    """Return the body that marks a citizen's message, and all before it, as read."""
    body: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    return msgspec.json.encode(body | ({"typing_indicator": {"type": "text"}} if typing else {}))


def fill_payload(
    content: dict[str, Any], about_wamid: str, media_id: str, media_name: str = ""
) -> dict[str, Any]:
    """Return a copy of the content with the provider's ids: of the message that it quotes or reacts
    to, and of its file. A document gets the name of the file, unless the content names it."""
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(content))
    if media_id and (medium := _find_medium(copy)) is not None:
        kind, medium_content = medium
        medium_content["id"] = media_id
        if kind == "document" and media_name:
            medium_content.setdefault("filename", media_name)
    if not about_wamid:
        return copy
    if isinstance(reaction := copy.get("reaction"), dict):
        reaction["message_id"] = about_wamid
        return copy
    return copy | {"context": {"message_id": about_wamid}}


def _find_medium(content: Any) -> tuple[str, dict[str, Any]] | None:
    """Return kind and content of the first media object, `{"type": t, t: {...}}`, that has neither
    `id` nor `link`."""
    match content:
        case {"type": str(kind)} if kind in MEDIA and isinstance(content.get(kind), dict):
            medium: dict[str, Any] = content[kind]
            if not {"id", "link"} & medium.keys():
                return kind, medium
    values = content.values() if isinstance(content, dict) else content
    inner = values if isinstance(content, dict | list) else ()
    return next((medium for medium in map(_find_medium, inner) if medium is not None), None)


def judge(answer: Response, attempt: int, elapsed: float = 0.0) -> Verdict:
    """Judge the answer to attempt number `attempt`, counted from 1, `elapsed` seconds after the
    first."""
    if answer.status == 0:
        return Unknown("no answer") if answer.request_sent else _judge_unreachable(attempt, elapsed)
    body = decode_object(answer.body)
    if answer.status == 200:
        wamid, word = _first_message(body)
        reason = WAITS_AT_META.get(word, "")
        return Sent(wamid, reason) if wamid else Unknown("no usable answer")
    return judge_not_sent(answer, body, attempt, elapsed) or Unknown("no usable answer")


def judge_read_receipt(answer: Response, attempt: int) -> RetryLater | Failed | None:
    """Judge the answer to a read receipt; None: it was accepted. Unlike a message it is retried
    when the result is unknown, because marking as read is idempotent."""
    if answer.status == 200:
        return None
    verdict = judge_not_sent(answer, decode_object(answer.body), attempt, 0.0)
    return verdict or RetryLater(wait_before_attempt(attempt))


def _judge_unreachable(attempt: int, elapsed: float) -> RetryLater | Failed:
    """Retry a message that did not leave us, for at most a day: then its sender must know."""
    if elapsed >= MAX_RETRY_SECONDS:
        return Failed(0, UNREACHABLE)
    return RetryLater(wait_before_attempt(attempt), 0, UNREACHABLE)


def judge_not_sent(
    answer: Response, body: dict[str, Any], attempt: int, elapsed: float
) -> RetryLater | Failed | None:
    """Judge an answer other than 200 that proves that the message was not sent: an error of Meta,
    or of a proxy that did not forward it. None: no proof."""
    if (code := error_code(body)) is not None:
        return judge_error(code, attempt, elapsed, answer.retry_after)
    if answer.status not in NOT_FORWARDED:
        return None
    reason = f"http_{answer.status}: {NOT_FORWARDED[answer.status]}"
    if elapsed >= MAX_RETRY_SECONDS:
        return Failed(0, reason)
    wait = wait_before_attempt(attempt)
    if answer.status == BUSY:
        return RetryLater(min(answer.retry_after or wait, LONGEST_RETRY_AFTER), 0, reason)
    return RetryLater(min(wait, STOPPED_WAIT), 0, reason, stop=True)


def error_code(body: dict[str, Any]) -> int | None:
    """Return Meta's `error.code` in an answer."""
    error = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if type(code) is int and abs(code) <= LARGEST_CODE else None


def judge_error(
    code: int, attempt: int, elapsed: float, retry_after: float | None
) -> RetryLater | Failed:
    """Judge an `error.code`."""
    reason, wait = error_explanation(code, PUT_OFF), wait_before_attempt(attempt)
    if elapsed < MAX_RETRY_SECONDS:
        if code in STOP_CODES or 200 <= code < 300:
            return RetryLater(min(wait, STOPPED_WAIT), code, reason, stop=True)
        if code in HOURLY_LIMIT_CODES:
            return RetryLater(min(retry_after or LONGEST_WAIT, LONGEST_RETRY_AFTER), code, reason)
        if code in RETRY_CODES or (code in RETRY_BOUNDED_CODES and attempt < MAX_ATTEMPTS):
            return RetryLater(min(retry_after or wait, LONGEST_WAIT), code, reason)
    is_temporary = code in RETRY_CODES | HOURLY_LIMIT_CODES | RETRY_BOUNDED_CODES
    return Failed(code, error_explanation(code, NEVER_TAKEN if is_temporary else OTHER))


def wait_before_attempt(attempt: int) -> float:
    """Return the seconds between this attempt and the next."""
    return delay(attempt - 1, FIRST_WAIT, LONGEST_WAIT, factor=FACTOR)


def decode_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in an answer, or an empty one."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _first_message(body: dict[str, Any]) -> tuple[str, str]:
    """Return wamid and `message_status` of an accepted message, each '' if it is absent."""
    match body.get("messages"):
        case [{"id": str(wamid), **rest}, *_]:
            word = rest.get("message_status")
            return wamid, word if isinstance(word, str) else ""
    return "", ""
