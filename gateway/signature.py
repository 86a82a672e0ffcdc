"""Is this webhook Meta's? The signature over the body as received, checked first. Pure."""

import hashlib
import hmac
import re
from collections.abc import Iterable

HEADER = "X-Hub-Signature-256"
_FORM = re.compile(r"sha256=([0-9a-f]{64})")


def is_signed(body: bytes, header: str, secrets: Iterable[bytes]) -> bool:
    """Whether `header` is `sha256=<64 hex>` of HMAC-SHA256(an app secret, body).

    All secrets are tried (rotation), each compared in constant time. The SHA-1 header of old is
    not looked at.
    """
    form = _FORM.fullmatch(header)
    if form is None:
        return False
    given = bytes.fromhex(form[1])
    return any(
        [
            hmac.compare_digest(hmac.digest(secret, body, hashlib.sha256), given)
            for secret in secrets
        ]
    )
