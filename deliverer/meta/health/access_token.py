"""Access token of a number: its end, its permissions, and if it was revoked. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from deliverer.meta.graph_api import decode_object, error_code
from deliverer.meta.health.finding import TOKEN_CODE, Finding, Shown, list_objects, read_answer
from deliverer.transport.response import Response

SENDS, MANAGES = "whatsapp_business_messaging", "whatsapp_business_management"
SCOPES: dict[str, str] = {
    SENDS: "to send messages, and to receive those of citizens",
    MANAGES: "to receive Meta's notices, and for these checks",
}
"""Permission -> its use."""
NOTICE = timedelta(days=30)
"""Time before the end in which a new token must be made."""
EXPIRED_SUBCODE, UNAUTHORIZED = 463, 401
"""Meta's subcode of an expired token, and the HTTP status of a BSP that refuses a key."""

REVOKED = (
    "Meta does not accept the token (code 190): it was revoked, or is another app's. Make a new one"
    " and restart the deliverer and the archiver."
)
EXPIRED = "The token has expired: make a new one and restart the deliverer and the archiver."
ENDED_ON = "The token expired on {}: make a new one and restart the deliverer and the archiver."
ENDS_SOON = "The token expires on {}: make a new one before, and restart deliverer and archiver."
LASTS = "The token is valid until {}."
FOR_EVER = "The token has no end."
MAY_NOT_SEND = f"The token lacks {SENDS}: nothing can be sent."
MAY_NOT_MANAGE = f"The token lacks {MANAGES}: Meta's notices and these checks do not work."
NOT_THIS_ACCOUNT = "The token names other WhatsApp Business Accounts than that of this number."
KEY_ACCEPTED = "The provider accepts the key; it does not tell until when."
KEY_REFUSED = (
    "The provider does not accept the key: make a new one and restart the deliverer and the"
    " archiver."
)
NOT_META = "The answer about the token is not Meta's."
LARGEST_TIME = 253_402_300_799
"""Last second of the year 9999, the last that a date can hold."""


def judge_token(answer: Response, waba: str, now: datetime) -> Finding | None:
    """Judge the answer of `debug_token`; None if there was none."""
    body = decode_object(answer.body)
    if error_code(body) == TOKEN_CODE:
        is_expired = body["error"].get("error_subcode") == EXPIRED_SUBCODE
        return Finding("wrong", EXPIRED if is_expired else REVOKED)
    shown = read_answer(answer)
    if not isinstance(shown, dict):
        return shown
    token = shown.get("data")
    return _judge(token, waba, now) if isinstance(token, dict) else Finding("unknown", NOT_META)


def judge_key(answer: Response) -> Finding | None:
    """Judge the key of a BSP by the answer to any call: it tells nothing else about it."""
    if answer.status == UNAUTHORIZED:
        return Finding("wrong", KEY_REFUSED)
    shown = read_answer(answer)
    return Finding("fine", KEY_ACCEPTED) if isinstance(shown, dict) else shown


def find_app(answer: Response) -> str:
    """Return the id of the app to which the token belongs; '' if the answer does not say it."""
    token = decode_object(answer.body).get("data")
    app = str(token.get("app_id", "")) if isinstance(token, dict) else ""
    return app if app.isdecimal() else ""


def _judge(token: Shown, waba: str, now: datetime) -> Finding:
    end = _time(token.get("expires_at"))
    day = f"{end:%Y-%m-%d %H:%M} UTC" if end else ""
    if end and end <= now:
        return Finding("wrong", ENDED_ON.format(day), end)
    if token.get("is_valid") is not True:
        return Finding("wrong", REVOKED)
    if fault := _scope_fault(token, waba):
        return msgspec.structs.replace(fault, until=end)
    if end and end - now <= NOTICE:
        return Finding("warning", ENDS_SOON.format(day), end)
    return Finding("fine", LASTS.format(day) if end else FOR_EVER, end)


def _scope_fault(token: Shown, waba: str) -> Finding | None:
    scopes = token.get("scopes")
    given = scopes if isinstance(scopes, list) else []
    if SENDS not in given:
        return Finding("wrong", MAY_NOT_SEND)
    if MANAGES not in given:
        return Finding("warning", MAY_NOT_MANAGE)
    return Finding("warning", NOT_THIS_ACCOUNT) if waba and not _covers(token, waba) else None


def _covers(token: Shown, waba: str) -> bool:
    """Return False if the permission to send names accounts, and not this one."""
    for each in list_objects(token.get("granular_scopes")):
        targets = each.get("target_ids")
        if each.get("scope") == SENDS and isinstance(targets, list) and targets:
            return waba in map(str, targets)
    return True


def _time(seconds: Any) -> datetime | None:
    """Return a time of Meta's; 0 means that there is no end."""
    is_time = type(seconds) is int and 0 < seconds <= LARGEST_TIME
    return datetime.fromtimestamp(seconds, UTC) if is_time else None
