"""The record as it was then, as whoever asks is told it: a place in the log, sealed. Pure.

The log is of all municipalities; a place that could be read would tell how much the others, and
other departments, write. The same place is always told as the same, so that answers can be
compared; another municipality's, and one that was made up, does not open.
"""

from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_BYTES, PLACE_BYTES = 32, 8
FORM = "[0-9a-f]{48}"
"""Of a place of 8 bytes, sealed by RFC 5297 in 24."""


def told(key: bytes, place: int) -> str:
    """`key`: by which words and people of the municipality are found."""
    return _cipher(key).encrypt(place.to_bytes(PLACE_BYTES, "big"), None).hex()


def place(key: bytes, text: str) -> int | None:
    """None for what this municipality was never told."""
    try:
        return int.from_bytes(_cipher(key).decrypt(bytes.fromhex(text), None), "big")
    except (InvalidTag, ValueError):
        return None


def _cipher(key: bytes) -> AESSIV:
    return AESSIV(blake2b(key=key, digest_size=KEY_BYTES, person=b"as of").digest())
