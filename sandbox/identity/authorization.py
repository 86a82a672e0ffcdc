"""The request to log somebody in (OpenID Connect Core 1.0, PKCE), and its answers. Pure."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from sandbox.identity.client import Client
from services.refusal import Refusal

SCOPES = frozenset({"openid", "profile", "email", "roles", "offline_access"})
"""Scopes that a client may ask for. Only `openid` changes anything here."""
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""SHA-256 of a verifier in base64url, without padding (RFC 7636, section 4.2)."""
UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
}
"""Parameter -> error of a provider that does not know it (OpenID Connect Core 1.0, section 6)."""


class AuthorizationRequest(msgspec.Struct, frozen=True):
    redirect_uri: str
    scope: str
    nonce: str
    challenge: str


def find_address_fault(fields: Mapping[str, str], client: Client) -> Refusal | None:
    """Return why the browser must not be sent back, as nobody knows where to; None if it may."""
    if fields.get("client_id") != client.id:
        return Refusal("invalid_request", "Invalid parameter: client_id")
    if fields.get("redirect_uri") != client.redirect_uri:
        return Refusal("invalid_request", "Invalid parameter: redirect_uri")
    return None


def parse_request(fields: Mapping[str, str]) -> AuthorizationRequest | Refusal:
    """Return the request of a client, whose address was checked before."""
    fault = _find_fault(fields)
    if fault:
        return fault
    return AuthorizationRequest(
        fields["redirect_uri"],
        fields["scope"],
        fields.get("nonce", ""),
        fields["code_challenge"],
    )


def _find_fault(fields: Mapping[str, str]) -> Refusal | None:
    for name in UNSUPPORTED.keys() & fields.keys():
        return Refusal(UNSUPPORTED[name], f"Parameter not supported: {name}")
    return _find_flow_fault(fields) or _find_challenge_fault(fields)


def _find_flow_fault(fields: Mapping[str, str]) -> Refusal | None:
    if "response_type" not in fields:
        return Refusal("invalid_request", "Missing parameter: response_type")
    if fields["response_type"] != "code":
        return Refusal("unsupported_response_type", "Only the response type code is supported")
    if fields.get("response_mode", "query") != "query":
        return Refusal("invalid_request", "Invalid parameter: response_mode")
    scopes = set(fields.get("scope", "").split())
    if "openid" not in scopes or scopes - SCOPES:
        return Refusal("invalid_scope", "Invalid scopes")
    if "none" in fields.get("prompt", "").split():
        return Refusal("login_required", "Nobody is remembered, so somebody has to choose")
    return None


def _find_challenge_fault(fields: Mapping[str, str]) -> Refusal | None:
    if "code_challenge" not in fields:
        return Refusal("invalid_request", "Missing parameter: code_challenge")
    if fields.get("code_challenge_method") != "S256":
        return Refusal("invalid_request", "Invalid parameter: code_challenge_method")
    if not CHALLENGE.fullmatch(fields["code_challenge"]):
        return Refusal("invalid_request", "Invalid parameter: code_challenge")
    return None


def answer_address(fields: Mapping[str, str], issuer: str, answer: Mapping[str, str]) -> str:
    """Return the address of the client with an answer, which names its issuer (RFC 9207)."""
    state = {"state": fields["state"]} if "state" in fields else {}
    return f"{fields['redirect_uri']}?{urlencode(state | dict(answer) | {'iss': issuer})}"


def refusal_address(fields: Mapping[str, str], issuer: str, refusal: Refusal) -> str:
    """Return the address of the client with a refusal."""
    answer = {"error": refusal.code, "error_description": refusal.detail}
    return answer_address(fields, issuer, answer)
