"""Access tokens of identity providers: JSON Web Tokens (RFC 9068), verified by joserfc. Pure."""

import json
from datetime import datetime
from typing import Any

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from services.config.identity import IdentityProvider

MAX_CHARACTERS = 4 * 1024
"""Longest token: no more fits into a header line (`services.http.server.HEADER_BYTES`). One with
thirty roles has some 2,000 characters."""
MAX_LIFETIME_SECONDS = 24 * 60 * 60
"""Longest time for which a token may be valid: it cannot be revoked, and providers give an hour."""
MAX_KEYS = 100
"""Largest number of keys in a set; providers have two to ten."""
MIN_RSA_BITS = 2048
PREFIX = "eyJ"
"""Beginning of each JSON object in base64url, and so of a token of this kind."""
AS_MEDIA_TYPE = "application/"
"""Beginning of a media type, which a header may leave out (RFC 7515, section 4.1.9)."""
MALFORMED = (ValueError, TypeError, KeyError, RecursionError)
"""Errors that text of strangers causes while it is read."""

VerifyingKey = RSAKey | ECKey | OKPKey


class InvalidToken(Exception):
    """The token does not prove who calls. It says no more: a message could quote a claim."""


class InvalidKeySet(Exception):
    """The answer of a provider is no key set."""


class UnverifiedToken(msgspec.Struct, frozen=True):
    """Statements of a token that choose the keys to verify it with, and prove nothing."""

    key_id: str
    issuer: str
    audiences: frozenset[str]


def is_access_token(token: str) -> bool:
    """Return True if a token has the form of a JSON Web Token, as no API token of
    `postkamer token add` has."""
    return token.startswith(PREFIX) and token.count(".") == 2


def parse_token(token: str) -> UnverifiedToken:
    """Return what a token says before it is verified. Raises InvalidToken."""
    if len(token) > MAX_CHARACTERS:
        raise InvalidToken
    try:
        parts = jws.extract_compact(token.encode("ascii"))
        header, claims = parts.headers(), json.loads(parts.payload)
        audience = claims["aud"]
        audiences = [audience] if isinstance(audience, str) else audience
        stated = {"key_id": header["kid"], "issuer": claims["iss"], "audiences": audiences}
        return msgspec.convert(stated, UnverifiedToken)
    except (JoseError, msgspec.ValidationError, *MALFORMED):
        raise InvalidToken from None


def verify_token(
    token: str, key: VerifyingKey, provider: IdentityProvider, now: datetime
) -> dict[str, Any]:
    """Return the claims of a token of this provider, signed with this key. Raises InvalidToken."""
    registry = JWSRegistry(algorithms=provider.algorithms, strict_check_header=False)
    seconds = int(now.timestamp())
    checks = jwt.JWTClaimsRegistry(
        now=seconds,
        leeway=provider.leeway_seconds,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.audience},
        sub={"essential": True},
        iat={"essential": True},
        exp={"essential": True},
    )
    try:
        verified = jwt.decode(token, key, registry=registry)
        checks.validate(verified.claims)
    except (JoseError, *MALFORMED):
        raise InvalidToken from None
    if key.get("alg") not in (None, verified.header["alg"]):
        raise InvalidToken
    if not _has_type(verified.header.get("typ"), provider.token_types):
        raise InvalidToken
    if verified.claims["exp"] - verified.claims["iat"] > MAX_LIFETIME_SECONDS:
        raise InvalidToken
    return verified.claims


def _has_type(given: Any, expected: tuple[str, ...]) -> bool:
    if not isinstance(given, str):
        return False
    types = [each.lower().removeprefix(AS_MEDIA_TYPE) for each in (given, *expected)]
    return types[0] in types[1:]


def parse_key_set(body: bytes) -> dict[str, VerifyingKey]:
    """Return the keys of a key set (RFC 7517) that verify signatures. Raises InvalidKeySet.

    A key that cannot be used is left out: providers publish keys for other purposes too.
    """
    try:
        entries = json.loads(body)["keys"]
    except MALFORMED:
        raise InvalidKeySet("it is no JSON object with keys") from None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise InvalidKeySet(f"it has no list of at most {MAX_KEYS} keys")
    keys = [key for entry in entries if (key := _verifying_key(entry))]
    if not keys:
        raise InvalidKeySet("it has no key that verifies signatures")
    return {str(key.kid): key for key in keys}


def _verifying_key(entry: Any) -> VerifyingKey | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        return None
    if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ["verify"]):
        return None
    try:
        key = JWKRegistry.import_key(entry)
    except (JoseError, *MALFORMED):
        return None
    if isinstance(key, RSAKey):
        return key if key.public_key.key_size >= MIN_RSA_BITS else None
    return key if isinstance(key, ECKey | OKPKey) else None
