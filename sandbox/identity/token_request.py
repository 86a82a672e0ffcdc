"""The request for tokens (RFC 6749, RFC 7636), and the proof of the client who makes it. Pure."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import unquote_plus

import msgspec

from sandbox.identity.client import Client
from services.refusal import Refusal

VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
UNKNOWN_CLIENT = Refusal("invalid_client", "Invalid client or Invalid client credentials")


class CodeRequest(msgspec.Struct, frozen=True):
    code: str
    redirect_uri: str
    verifier: str


class RefreshRequest(msgspec.Struct, frozen=True):
    token: str
    scope: str
    """Scopes that are asked for; '' for the same as before."""


def parse_token_request(fields: Mapping[str, str]) -> CodeRequest | RefreshRequest | Refusal:
    """Return the request of a client who was proven before."""
    kind = fields.get("grant_type", "")
    needed = NEEDED.get(kind)
    if needed is None:
        code = "unsupported_grant_type" if kind else "invalid_request"
        return Refusal(code, "Unsupported grant_type" if kind else "Missing parameter: grant_type")
    missing = [name for name in needed if name not in fields]
    if missing:
        return Refusal("invalid_request", f"Missing parameter: {missing[0]}")
    if kind == "refresh_token":
        return RefreshRequest(fields["refresh_token"], fields.get("scope", ""))
    verifier = fields.get("code_verifier", "")
    if not VERIFIER.fullmatch(verifier):
        return Refusal("invalid_grant", "PKCE verification failed: Invalid code verifier")
    return CodeRequest(fields["code"], fields["redirect_uri"], verifier)


NEEDED = {
    "authorization_code": ("code", "redirect_uri"),
    "refresh_token": ("refresh_token",),
}
"""Grant type -> parameters that it needs."""


def challenge_of(verifier: str) -> str:
    """Return the challenge of a verifier (RFC 7636, section 4.6: S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def find_client_fault(
    header: str | None, fields: Mapping[str, str], client: Client
) -> Refusal | None:
    """Return why this is not the client: it proves itself in the header Authorization
    (client_secret_basic) or in the form (client_secret_post)."""
    if header is None:
        given: tuple[str, str] | None = fields.get("client_id", ""), fields.get("client_secret", "")
    elif "client_secret" in fields:
        return Refusal("invalid_request", "The client proves itself in two ways at once")
    else:
        given = _parse_basic(header)
    if given is None or given[0] != fields.get("client_id", given[0]):
        return UNKNOWN_CLIENT
    return None if _is_same(given, (client.id, client.secret)) else UNKNOWN_CLIENT


def _parse_basic(header: str) -> tuple[str, str] | None:
    """Return id and secret, each of which is encoded as in a form (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # of base64, and of UTF-8
        return None
    return (unquote_plus(id), unquote_plus(secret)) if colon else None


def _is_same(given: tuple[str, str], expected: tuple[str, str]) -> bool:
    return hmac.compare_digest("\0".join(given).encode(), "\0".join(expected).encode())
