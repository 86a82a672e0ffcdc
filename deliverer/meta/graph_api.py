"""Speaking to Meta's Graph API: a request from a line, and what its answer means. Pure.

Decided by `error.code`, never by the HTTP status, as Meta asks. Without one it was not Meta who
answered, but a BSP's gateway or a proxy; then the status says whether it passed anything on:

401 403 407    who asks is not let in, which is seen before anything else    not sent, stop
404 405 410    nothing is there that could have passed it on                 not sent, stop
301 307 308    it is to be asked elsewhere, and we do not follow             not sent, stop
429            counted at the door                                           not sent, put off
anything else  502, 503 and 504 too: it may have been passed on first        unknown

Not sent is only that, and a failure before the first byte left. What is unknown is never sent again
by itself: there is no idempotency key.
"""

from typing import Any, Literal

import msgspec

from deliverer.transport.response import Response
from services.backoff import delay
from services.whatsapp.delivery_status import NEVER_TAKEN, OTHER, PUT_OFF, error_explanation

RETRY = frozenset({1, 2, 613, 130429, 131016, 131056, 131057, 133004})
"""Passes by itself: too fast, overloaded, in maintenance. An outage that Meta tells of is one like
any other, and costs no message either."""
BOUNDED = frozenset({131000})
"""Something went wrong, and Meta does not say what: it may be this message."""
SLOW = frozenset({4, 80007, 133016})
"""A limit over hours, of an app or an account and not of this message."""
STOP = frozenset(
    {0, 3, 10, 33, 190, 368, 131005, 131031, 131042, 131045, 131048, 131064, 133010}
)  # fmt: skip
"""The number or account itself: a person must act. 200 to 299 (permissions) too."""
SHUT = frozenset({301, 307, 308, 401, 403, 404, 405, 407, 410})
BUSY = 429
"""HTTP statuses of whoever stands before Meta: see above, and docs/decisions/0016."""
NOT_THROUGH = {
    **dict.fromkeys(SHUT, "de weg naar Meta is dicht; de beheerder moet iets doen"),
    BUSY: "het is te druk op de weg naar Meta; Postkamer probeert het opnieuw",
}
NOT_REACHED = "unreachable: Postkamer kan Meta niet bereiken; de beheerder moet iets doen"
LARGEST_CODE = 2**31 - 1
"""Meta's codes have six digits; what does not fit the ledger's column is no code."""

MEDIA = ("audio", "document", "image", "sticker", "video")
"""Kinds of a media object, in a message, in a header and in the parameters of a template."""

FIRST_WAIT, LONGEST_WAIT = 4.0, 300.0
FACTOR = 4.0
"""Seconds before the next attempt: 4 to the power of the attempt, as Meta advises, bounded."""
LONGEST_RETRY_AFTER = 3600.0
"""Seconds: Meta may ask for more, but is asked again every hour."""
STOPPED = "stopped"
"""As which what a stopped number was refused is counted; an alarm goes by it."""
STOPPED_WAIT = 60.0
"""Seconds before a stopped number is tried again, at most: sooner at first, as with any other."""
ATTEMPTS = 8
"""Then what Meta keeps refusing without saying why has failed: over 20 minutes later."""
PUT_OFF_SECONDS = 86400.0
"""Since the first attempt, while Meta takes nothing, or not now: a day, however far apart the
attempts are. Nobody waits longer for an answer."""


class Sent(msgspec.Struct, frozen=True):
    """Meta has taken it; `wamid` is its name for it. `reason` says what is special about it."""

    wamid: str
    reason: str = ""


class RetryLater(msgspec.Struct, frozen=True):
    """It was not sent; try again in `seconds`. `stop`: until a person has mended something."""

    seconds: float
    code: int = 0
    reason: str = ""
    stop: bool = False


class Failed(msgspec.Struct, frozen=True):
    """It was not sent and will not be."""

    code: int
    reason: str


class HoldForReply(msgspec.Struct, frozen=True):
    """It was not sent: the citizen wrote too long ago. It waits until they write again."""

    code: int
    reason: str


class Unknown(msgspec.Struct, frozen=True):
    """Nobody knows; a status with our own value settles it."""

    reason: Literal["no answer", "no usable answer"]


Verdict = Sent | RetryLater | Failed | HoldForReply | Unknown


def request(kind: str, address: str, content: dict[str, Any], opaque: str) -> bytes:
    """The body of POST /{number}/messages. A phone number goes with a plus: without one Meta puts
    our own country code before it."""
    to = {"to": f"+{address.lstrip('+')}"} if kind == "phone" else {"recipient": address}
    head = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    return msgspec.json.encode(head | to | content | {"biz_opaque_callback_data": opaque})


def read_receipt_request(wamid: str, *, typing: bool) -> bytes:
    """The body that shows a message of a citizen, and what they wrote before it, as read."""
    body: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    return msgspec.json.encode(body | ({"typing_indicator": {"type": "text"}} if typing else {}))


def fill_payload(
    content: dict[str, Any], about_wamid: str, media_id: str, media_name: str = ""
) -> dict[str, Any]:
    """A content with what only we know: the ids of the message that it quotes or reacts to and of
    its file at the provider, and the name of that file, which a document shows unless the content
    gives it another. The content itself is not changed."""
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(content))
    if media_id and (medium := _medium(copy)) is not None:
        kind, about = medium
        about["id"] = media_id
        if kind == "document" and media_name:
            about.setdefault("filename", media_name)
    if not about_wamid:
        return copy
    if isinstance(reaction := copy.get("reaction"), dict):
        reaction["message_id"] = about_wamid
        return copy
    return copy | {"context": {"message_id": about_wamid}}


def _medium(within: Any) -> tuple[str, dict[str, Any]] | None:
    """Kind and content of the first media object, `{"type": t, t: {...}}`, that has neither `id`
    nor `link`."""
    match within:
        case {"type": str(kind)} if kind in MEDIA and isinstance(within.get(kind), dict):
            medium: dict[str, Any] = within[kind]
            if not {"id", "link"} & medium.keys():
                return kind, medium
    inner = within.values() if isinstance(within, dict) else within
    each = inner if isinstance(within, dict | list) else ()
    return next((found for one in each if (found := _medium(one)) is not None), None)


def judge(answer: Response, attempt: int, tried: float = 0.0) -> Verdict:
    """What became of attempt number `attempt`, counted from 1, `tried` seconds after the first."""
    if answer.status == 0:
        return Unknown("no answer") if answer.request_sent else _not_reached(attempt, tried)
    body = decoded(answer.body)
    if answer.status == 200:
        wamid = _wamid(body)
        return Sent(wamid) if wamid else Unknown("no usable answer")
    return judge_not_sent(answer, body, attempt, tried) or Unknown("no usable answer")


def judge_read_receipt(answer: Response, attempt: int) -> RetryLater | Failed | None:
    """What became of a mark; None: it is there. What nobody knows is tried again, unlike a message:
    marked twice is marked once."""
    if answer.status == 200:
        return None
    return judge_not_sent(answer, decoded(answer.body), attempt, 0.0) or RetryLater(wait(attempt))


def _not_reached(attempt: int, tried: float) -> RetryLater | Failed:
    """It did not leave us, however often; but nobody waits longer than a day without hearing of
    it."""
    late = tried >= PUT_OFF_SECONDS
    return Failed(0, NOT_REACHED) if late else RetryLater(wait(attempt), 0, NOT_REACHED)


def judge_not_sent(
    answer: Response, body: dict[str, Any], attempt: int, tried: float
) -> RetryLater | Failed | None:
    """What follows from an answer that is not 200, when it proves that nothing came of the attempt:
    Meta's own, or of whoever did not let it through."""
    if (code := code_of(body)) is not None:
        return refused(code, attempt, tried, answer.retry_after)
    if answer.status not in NOT_THROUGH:
        return None
    reason = f"http_{answer.status}: {NOT_THROUGH[answer.status]}"
    if tried >= PUT_OFF_SECONDS:
        return Failed(0, reason)
    if answer.status == BUSY:
        return RetryLater(min(answer.retry_after or wait(attempt), LONGEST_RETRY_AFTER), 0, reason)
    return RetryLater(min(wait(attempt), STOPPED_WAIT), 0, reason, stop=True)


def code_of(body: dict[str, Any]) -> int | None:
    """Meta's `error.code` in an answer."""
    error = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if type(code) is int and abs(code) <= LARGEST_CODE else None


def refused(
    code: int, attempt: int, tried: float, retry_after: float | None
) -> RetryLater | Failed:
    """What an `error.code` means for an attempt."""
    waiting, soon = error_explanation(code, PUT_OFF), wait(attempt)
    if tried < PUT_OFF_SECONDS:
        if code in STOP or 200 <= code < 300:
            return RetryLater(min(soon, STOPPED_WAIT), code, waiting, stop=True)
        if code in SLOW:
            return RetryLater(min(retry_after or LONGEST_WAIT, LONGEST_RETRY_AFTER), code, waiting)
        if code in RETRY or (code in BOUNDED and attempt < ATTEMPTS):
            return RetryLater(min(retry_after or soon, LONGEST_WAIT), code, waiting)
    passing = code in RETRY | SLOW | BOUNDED
    return Failed(code, error_explanation(code, NEVER_TAKEN if passing else OTHER))


def wait(attempt: int) -> float:
    """Seconds before the attempt after this one."""
    return delay(attempt - 1, FIRST_WAIT, LONGEST_WAIT, factor=FACTOR)


def decoded(body: bytes) -> dict[str, Any]:
    """The JSON object in an answer, or an empty one."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _wamid(body: dict[str, Any]) -> str:
    match body.get("messages"):
        case [{"id": str(wamid)}, *_]:
            return wamid
    return ""
