"""Signature of an event, as Standard Webhooks describes it."""

import base64
import hmac
from collections.abc import Iterable, Mapping
from email.message import Message

TOLERANCE = 300  # seconds by which the clock of Postkamer may differ


def key_of(secret: str) -> bytes:
    """Return the key in a secret: base64 after `whsec_`, else the text itself."""
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    else:
        key = secret.encode()
    if not key:
        raise ValueError("a secret is empty, and anyone could sign with it")
    return key


def is_valid(
    headers: Mapping[str, str] | Message, body: bytes, keys: Iterable[bytes], now: float
) -> bool:
    """True when one signature fits one key, and the time of signing is near."""
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").encode().split(b" ")
    signed = f"{id}.{timestamp}.".encode() + body
    expected = [b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    if not any(hmac.compare_digest(mine, theirs) for mine in expected for theirs in given):
        return False
    return timestamp.isdecimal() and abs(now - int(timestamp)) <= TOLERANCE
