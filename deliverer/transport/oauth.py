"""OAuth 2.0 client credentials (RFC 6749, 4.4): the token request and its answer. Pure.

The token is sent as a bearer token (RFC 6750).
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlencode

import msgspec

from deliverer.transport.response import Response
from services.config.organisation import OAuth

ERROR_CODES = frozenset(
    [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "access_denied",
        "server_error",
        "temporarily_unavailable",
    ]
)
"""Error codes of RFC 6749 and RFC 8707. Anything else is the server's own text, and is not
repeated."""
DEFAULT_SECONDS, MIN_SECONDS, MAX_SECONDS = 300.0, 5.0, 3600.0
"""Seconds that a token is used: if the answer gives no lifetime; at least, or each delivery would
request one; at most, or a token of a year would outlive its client."""
EXPIRY_MARGIN, EXPIRY_PART = 30.0, 0.1
"""A token is no longer used this many seconds, or this part of its lifetime, before it expires,
whichever is less. A delivery takes at most 15 s, and clocks differ."""
TOKEN_CHARACTERS = re.compile(r"[!-~]+")
"""Characters of a token that fit in a header."""

T = TypeVar("T")


class Token(msgspec.Struct, frozen=True):
    value: str
    seconds: float
    """Time that it may be used, counted from the request."""


class _TokenResponse(msgspec.Struct):
    access_token: str
    token_type: str = "Bearer"
    expires_in: msgspec.Raw = msgspec.Raw(b"null")


class _ErrorResponse(msgspec.Struct):
    error: str


def token_request(oauth: OAuth, secret: str) -> tuple[bytes, Mapping[str, str]]:
    """Return body and headers of a token request."""
    form = {"grant_type": "client_credentials", "scope": oauth.scope, "audience": oauth.audience}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if oauth.client_auth == "basic":  # each part as in a form: RFC 6749, 2.3.1
        pair = f"{quote_plus(oauth.client_id)}:{quote_plus(secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": oauth.client_id, "client_secret": secret}
    fields = {name: value for name, value in form.items() if value}
    return urlencode(fields).encode(), headers


def authorization(token: Token) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token.value}"}


def read_token(answer: Response) -> Token | Response:
    """Return the token in an answer. Without one, return the answer itself, marked as the token
    endpoint's and without its body."""
    if 200 <= answer.status < 300:
        response = _decode(answer.body, _TokenResponse) or _TokenResponse("")
        if (
            TOKEN_CHARACTERS.fullmatch(response.access_token)
            and response.token_type.lower() == "bearer"
        ):
            return Token(
                response.access_token, usable_seconds(_decode(response.expires_in, object))
            )
    return msgspec.structs.replace(
        answer, responder="token endpoint", code=_error_code(answer.body), body=b""
    )


def usable_seconds(expires_in: Any) -> float:
    """Return the seconds that a token is used, from the `expires_in` of its answer."""
    lifetime = expires_in
    if isinstance(lifetime, str) and re.fullmatch(r"[0-9]{1,18}", lifetime):
        lifetime = int(lifetime)
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float):
        lifetime = DEFAULT_SECONDS
    seconds = float(min(max(lifetime, 0), MAX_SECONDS))
    return max(seconds - min(EXPIRY_MARGIN, seconds * EXPIRY_PART), MIN_SECONDS)


def _error_code(body: bytes) -> str:
    refusal = _decode(body, _ErrorResponse)
    return refusal.error if refusal and refusal.error in ERROR_CODES else ""


def _decode(body: bytes, form: type[T]) -> T | None:
    """Decode JSON. None if it is no JSON, has another form, or was cut off at our read limit."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
