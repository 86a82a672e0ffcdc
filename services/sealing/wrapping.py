"""Keys wrapped under a key above them, and their fingerprints. Pure: nonces are arguments."""

from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES, NONCE_BYTES = 32, 12


class CannotDecrypt(Exception):
    """The content was altered, or the key is wrong."""


def wrap(wrapping_key: bytes, key: bytes, name: str, nonce: bytes) -> bytes:
    """Wrap a key, bound to the name of its use. `nonce` must be random."""
    return nonce + AESGCM(wrapping_key).encrypt(nonce, key, name.encode())


def unwrap(wrapping_key: bytes, wrapped: bytes, name: str) -> bytes:
    """Unwrap a key. Raises CannotDecrypt."""
    try:
        return AESGCM(wrapping_key).decrypt(
            wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], name.encode()
        )
    except (InvalidTag, ValueError):
        raise CannotDecrypt("it was altered, or the key above it is another") from None


def fingerprint(key: bytes) -> str:
    """Return an identifier of the key that reveals nothing of it."""
    return blake2b(key=key, digest_size=8, person=b"fingerprint").hexdigest()
