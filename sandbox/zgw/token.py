"""Tokens of clients of a ZGW provider: a JWT, signed by HS256 with the client's secret. Pure."""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

VALID_SECONDS = 3600
"""Age up to which a token is taken, as Open Zaak does."""
EARLY_SECONDS = 5
CLAIMS = ("iss", "iat", "client_id", "user_id", "user_representation")


def token_fault(header: str, client_id: str, secret: str, now: float) -> str:
    """Return why an Authorization header lets nobody in; '' if it is the client's."""
    scheme, _, token = header.partition(" ")
    head, claims, signature = (*token.split("."), "", "", "")[:3]
    try:
        algorithm, fields = _read(head).get("alg"), _read(claims)
        is_signed = hmac.compare_digest(_sign(f"{head}.{claims}", secret), _decode(signature))
    except (ValueError, binascii.Error):
        return "the token is malformed"
    faults = {
        "no bearer token": scheme != "Bearer",
        "the algorithm is not HS256": algorithm != "HS256",
        "the signature does not fit": not is_signed,
        "claims are missing": not fields.keys() >= {*CLAIMS},
        "another client": {fields.get("client_id"), fields.get("iss")} != {client_id},
        "the token is not of this time": not _is_of_now(fields.get("iat"), now),
    }
    return next((fault for fault, is_true in faults.items() if is_true), "")


def _sign(text: str, secret: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()


def _is_of_now(iat: object, now: float) -> bool:
    return isinstance(iat, int) and -VALID_SECONDS <= iat - now <= EARLY_SECONDS


def _read(part: str) -> dict[str, Any]:
    value = json.loads(_decode(part))
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
