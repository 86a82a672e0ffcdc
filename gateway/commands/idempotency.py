"""Idempotency keys: what makes two requests the same one, now and after any restart. Pure."""

import hashlib
import re
import uuid
from collections.abc import Sequence

HEADER = "Idempotency-Key"
KEY_CHARACTERS = 255
KEY = re.compile(rf"[\x20-\x7e]{{1,{KEY_CHARACTERS}}}")
NEEDED = f"must be given once, as 1 to {KEY_CHARACTERS} characters of printable ASCII"
NAMESPACE = uuid.UUID("b7a1f5a4-52b7-5d7e-9a4e-0d2f0c6f3c11")
MESSAGES = "/v1/messages"


def is_key(key: str) -> bool:
    """Whether `key` can be an idempotency key: printable ASCII, as the values of headers are."""
    return KEY.fullmatch(key) is not None


def single_key(given: Sequence[str]) -> str:
    """The key of a request with these headers of that name; '' where it has none, or several."""
    return given[0] if len(given) == 1 and is_key(given[0]) else ""


def command_id(tenant: str, token: str, key: str) -> uuid.UUID:
    """The id that this token's key stands for. A token's name may one day be another
    municipality's."""
    return uuid.uuid5(NAMESPACE, f"{tenant}\n{token}\n{key}")


def fingerprint(path: str, body: bytes) -> bytes:
    """What makes two requests with one key the same. Of a message it is the body alone."""
    before = b"" if path == MESSAGES else path.encode() + b"\n"
    return hashlib.sha256(before + body).digest()
