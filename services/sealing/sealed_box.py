"""Seals values of working tables with AES-256-GCM, each under a key of its own."""

import os
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SALT_BYTES, NONCE = 16, bytes(12)
"""The salt makes the key. A key is used once, so any nonce is safe."""


class CannotUnseal(Exception):
    """The value was altered, or sealed for another place or under another key."""


class SealedBox:
    """Holds the key from which those of the values are derived."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, plain: bytes, place: str) -> bytes:
        """Return the salt and the ciphertext; it opens only for this place."""
        salt = os.urandom(SALT_BYTES)
        return salt + self._cipher(salt).encrypt(NONCE, plain, place.encode())

    def unseal(self, sealed: bytes, place: str) -> bytes:
        """Return what was sealed for this place. Raises CannotUnseal."""
        salt, ciphertext = sealed[:SALT_BYTES], sealed[SALT_BYTES:]
        try:
            return self._cipher(salt).decrypt(NONCE, ciphertext, place.encode())
        except (InvalidTag, ValueError):
            raise CannotUnseal("it was altered, or its key or place is another") from None

    def fingerprint(self, plain: bytes, place: str) -> bytes:
        """Return 16 bytes by which a value is recognised at its place. Without the key they say
        nothing of it, even if it can be guessed."""
        marked = place.encode() + b"\n" + plain
        return blake2b(marked, key=self._key, digest_size=16, person=b"fingerprint").digest()

    def _cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(blake2b(salt, key=self._key, digest_size=32).digest())
