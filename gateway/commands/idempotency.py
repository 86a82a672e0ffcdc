"""Idempotency keys: identify a repeated request, also after a restart. Pure."""

import hashlib
import re
import uuid
from collections.abc import Sequence

HEADER = "Idempotency-Key"
KEY_CHARACTERS = 255
KEY = re.compile(rf"[\x20-\x7e]{{1,{KEY_CHARACTERS}}}")
REQUIREMENT = f"must be given once, as 1 to {KEY_CHARACTERS} characters of printable ASCII"
COMMANDS = uuid.UUID("b7a1f5a4-52b7-5d7e-9a4e-0d2f0c6f3c11")
UPLOADS = uuid.UUID("0b8f2c0a-6a53-5b6c-8f0e-5a0b9d7c1e42")
RESENDS = uuid.UUID("5d1c3a0e-9b2f-5f6e-8a41-7c6e2d9f4b13")
"""Namespaces of ids: a key for a command and the same key for an upload have two ids."""
CAME = b"came"
"""Instead of the hash of a request that another installation accepted, which nobody here can make:
whatever comes again with its key is taken for it."""
MESSAGES = "/v1/messages"


def is_key(key: str) -> bool:
    """Return True if `key` is printable ASCII of at most KEY_CHARACTERS, as header values are."""
    return KEY.fullmatch(key) is not None


def single_key(values: Sequence[str]) -> str:
    """Return the key from the values of the header; '' if there is none, or more than one."""
    return values[0] if len(values) == 1 and is_key(values[0]) else ""


def derive_id(namespace: uuid.UUID, tenant: str, token: str, key: str) -> uuid.UUID:
    """Return the id that follows from a token's key. The municipality is part of it, because the
    name of a token may later belong to another municipality."""
    return uuid.uuid5(namespace, f"{tenant}\n{token}\n{key}")


def fingerprint(path: str, body: bytes) -> bytes:
    """Return the hash that two requests with one key must share: of path and body, and for messages
    of the body alone."""
    prefix = b"" if path == MESSAGES else path.encode() + b"\n"
    return hashlib.sha256(prefix + body).digest()
