"""Signatures of Standard Webhooks. Pure.

The package `standardwebhooks` signs text and copies it: for an event of 64 KiB that takes 0.25 ms,
and this 0.08. A test compares the two.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
"""Largest difference between the sender's clock and ours, as Standard Webhooks advises."""
MAX_SIGNATURES = 10
"""Signatures that are looked at: a destination has at most a few secrets at a time."""
MAX_DIGITS = 12
"""Digits of a time in seconds, until far beyond the year 9999."""


def key_of(secret: str) -> bytes:
    """Return the signing key in a secret: base64 after `whsec_`, else the text itself.

    ValueError, which quotes nothing, if the text after the prefix is empty or no base64.
    """
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError("what follows whsec_ is no base64")
    return key


def sign(keys: Sequence[bytes], id: str, timestamp: str, body: bytes) -> str:
    """Return a signature with each key, as the header `webhook-signature` has them."""
    signed = f"{id}.{timestamp}.".encode() + body
    return " ".join(_signature(key, signed) for key in keys)


def is_signed(
    headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: datetime
) -> bool:
    """Return True if one of these keys signed the body, a moment ago."""
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    is_time = timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= MAX_DIGITS
    if not (id and is_time) or abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    expected = sign(keys, id, timestamp, body).encode().split()
    given = headers.get("webhook-signature", "").encode().split(b" ")[:MAX_SIGNATURES]
    return any([hmac.compare_digest(one, other) for one in expected for other in given])


def _signature(key: bytes, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
