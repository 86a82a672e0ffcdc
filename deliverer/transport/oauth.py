"""A destination's token: how it is asked for, and what an answer gives. Pure.

OAuth 2.0 client credentials (RFC 6749, 4.4); the token goes along as RFC 6750 says.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlencode

import msgspec

from deliverer.transport.response import Response
from services.config.organisation import OAuth

CODES = frozenset(
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
"""Words of RFC 6749 and RFC 8707 for why there is no token; what else a server writes is its own,
and is not repeated."""
UNSAID, SHORTEST, LONGEST = 300.0, 5.0, 3600.0
"""Seconds that a token is used when nothing is said of its end; at least, or each delivery would
ask for one; and at most, or a token that was meant for a year would outlive its client."""
MARGIN, PART = 30.0, 0.1
"""Seconds, and part of its time, before its end from which a token is not used any more, whichever
is less: a delivery is under way for 15 s at most, and clocks differ."""
VISIBLE = re.compile(r"[!-~]+")
"""What a header can hold of a token."""


T = TypeVar("T")


class Token(msgspec.Struct, frozen=True):
    """`seconds`: how long it may be used from when it was asked for."""

    value: str
    seconds: float


class _Given(msgspec.Struct):
    access_token: str
    token_type: str = "Bearer"
    expires_in: msgspec.Raw = msgspec.Raw(b"null")


class _Refusal(msgspec.Struct):
    error: str


def request(oauth: OAuth, secret: str) -> tuple[bytes, Mapping[str, str]]:
    """Body and headers of what is asked."""
    form = {"grant_type": "client_credentials", "scope": oauth.scope, "audience": oauth.audience}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if oauth.client_auth == "basic":  # each part as in a form: RFC 6749, 2.3.1
        pair = f"{quote_plus(oauth.client_id)}:{quote_plus(secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": oauth.client_id, "client_secret": secret}
    given = {name: value for name, value in form.items() if value}
    return urlencode(given).encode(), headers


def authorization(token: Token) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token.value}"}


def read(answer: Response) -> Token | Response:
    """The token in an answer; or that answer, as the token endpoint's and without what stood in
    it."""
    if 200 <= answer.status < 300:
        given = _decoded(answer.body, _Given) or _Given("")
        if VISIBLE.fullmatch(given.access_token) and given.token_type.lower() == "bearer":
            return Token(given.access_token, usable(_decoded(given.expires_in, object)))
    return msgspec.structs.replace(
        answer, responder="token endpoint", code=_code(answer.body), body=b""
    )


def usable(expires_in: Any) -> float:
    """Seconds that a token is used whose answer says so of its end."""
    said = expires_in
    if isinstance(said, str) and re.fullmatch(r"[0-9]{1,18}", said):
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int | float):
        said = UNSAID
    seconds = float(min(max(said, 0), LONGEST))
    return max(seconds - min(MARGIN, seconds * PART), SHORTEST)


def _code(body: bytes) -> str:
    refusal = _decoded(body, _Refusal)
    return refusal.error if refusal and refusal.error in CODES else ""


def _decoded(body: bytes, form: type[T]) -> T | None:
    """None for what is no JSON, of another form, or cut off where we stop reading."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
