"""ID tokens and logout tokens of the provider (OpenID Connect Core, Back-Channel Logout). Pure."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from services.http.access_tokens import MALFORMED, VerifyingKey

ALGORITHMS = ("RS256", "PS256", "ES256", "RS384", "RS512", "PS384", "PS512", "ES384", "ES512")
"""Signatures with a private key. A provider says which of them it uses."""
LEEWAY_SECONDS = 30
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_SECONDS = 300
"""Longest age of a logout token, so that an old one ends no new session."""


class InvalidIdToken(Exception):
    """The token proves nothing. It says no more: a message could quote a claim."""


class Identity(msgspec.Struct, frozen=True):
    subject: str
    session: str = ""
    """The provider's `sid`; '' if it gives none."""


class Expected(msgspec.Struct, frozen=True):
    """Claims that a token must have."""

    issuer: str
    client_id: str
    algorithms: tuple[str, ...] = ("RS256",)


def usable_algorithms(offered: Collection[str]) -> tuple[str, ...]:
    """Return the signatures of the provider that we accept: RS256 if it offers none of them, which
    each provider has."""
    return tuple(each for each in ALGORITHMS if each in offered) or ("RS256",)


def verify_id_token(
    token: str, key: VerifyingKey, expected: Expected, nonce: str | None, now: datetime
) -> Identity:
    """Return whom an ID token names. `nonce` is that of the attempt; None for a token that came
    with a refresh. Raises InvalidIdToken."""
    claims = _verify(token, key, expected, now, needs_end=True)
    if nonce is not None and claims.get("nonce") != nonce:
        raise InvalidIdToken
    party = claims.get("azp")
    if party not in (None, expected.client_id) or (_is_shared(claims) and party is None):
        raise InvalidIdToken
    return _identity(claims)


def verify_logout_token(
    token: str, key: VerifyingKey, expected: Expected, now: datetime
) -> Identity:
    """Return whose sessions end: a subject, a session, or both; what is not named is ''. Raises
    InvalidIdToken."""
    claims = _verify(token, key, expected, now, needs_end=False)
    events = claims.get("events")
    is_logout = isinstance(events, dict) and isinstance(events.get(LOGOUT_EVENT), dict)
    issued = claims["iat"]
    if not is_logout or "nonce" in claims or now.timestamp() - issued > LOGOUT_SECONDS:
        raise InvalidIdToken
    identity = _identity(claims, needs_subject=False)
    if not (identity.subject or identity.session):
        raise InvalidIdToken
    return identity


def _verify(
    token: str, key: VerifyingKey, expected: Expected, now: datetime, *, needs_end: bool
) -> dict[str, Any]:
    registry = JWSRegistry(algorithms=list(expected.algorithms), strict_check_header=False)
    checks = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.client_id},
        iat={"essential": True},
        exp={"essential": needs_end},
    )
    try:
        verified = jwt.decode(token, key, registry=registry)
        checks.validate(verified.claims)
    except (JoseError, *MALFORMED):
        raise InvalidIdToken from None
    if key.get("alg") not in (None, verified.header["alg"]):
        raise InvalidIdToken
    if not isinstance(verified.claims["iat"], int | float):
        raise InvalidIdToken
    return verified.claims


def _is_shared(claims: Mapping[str, Any]) -> bool:
    """Return True if the token is for others too: then it must say for whom it was made."""
    audience = claims["aud"]
    return isinstance(audience, list) and len(audience) > 1


def _identity(claims: Mapping[str, Any], *, needs_subject: bool = True) -> Identity:
    subject, session = claims.get("sub", ""), claims.get("sid", "")
    if not (isinstance(subject, str) and isinstance(session, str)):
        raise InvalidIdToken
    if needs_subject and not subject:
        raise InvalidIdToken
    return Identity(subject, session)
