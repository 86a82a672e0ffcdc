"""What is kept is sealed, each thing under a key of its own. Pure.

    master > municipality > conversation > item

The upper ones are random and kept wrapped by the one above; an item's is made of its conversation's
and of its salt, so without the salt, as without any of the keys above, nobody opens it any more.
Chance comes in as an argument.
"""

from hashlib import blake2b, sha256

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

KEY_BYTES, SALT_BYTES, NONCE_BYTES = 32, 16, 12


class CannotDecrypt(Exception):
    """It cannot be opened: it was altered, or this is not its key."""


class Content(msgspec.Struct, frozen=True, array_like=True):
    """What is sealed of an entry: its JSON, the bytes that it was made of, and the contact."""

    data: bytes
    raw: bytes = b""
    contact: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Content).decode


def derive_item_key(above: bytes, salt: bytes, purpose: bytes = b"item") -> bytes:
    """The key of one thing."""
    return blake2b(salt, key=above, digest_size=KEY_BYTES, person=purpose).digest()


def nonce(salt: bytes) -> bytes:
    """A key is used once, so any would do: this one shows later whether a salt is the one of then,
    to whoever has no key."""
    return sha256(b"nonce" + salt).digest()[:NONCE_BYTES]


def seal(above: bytes, salt: bytes, plain: bytes, about: bytes) -> bytes:
    """Nonce, then AES-256-GCM with `about` bound to it: nothing opens in another's place."""
    item_nonce = nonce(salt)
    return item_nonce + AESGCM(derive_item_key(above, salt)).encrypt(item_nonce, plain, about)


def unseal(above: bytes, salt: bytes, sealed: bytes, about: bytes) -> bytes:
    """Shut where it does not open."""
    try:
        cipher = AESGCM(derive_item_key(above, salt))
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
    except (InvalidTag, ValueError):
        raise CannotDecrypt("it was altered, or its key was") from None


def seal_content(above: bytes, salt: bytes, content: Content, about: bytes) -> bytes:
    return seal(above, salt, _encode(content), about)


def unseal_content(above: bytes, salt: bytes, sealed: bytes, about: bytes) -> Content:
    try:
        return _decode(unseal(above, salt, sealed, about))
    except msgspec.DecodeError:
        raise CannotDecrypt("what was sealed is no entry") from None


def encrypt_deterministic(above: bytes, plain: bytes, purpose: bytes) -> bytes:
    """The same for the same, each time, so that it can be compared (RFC 5297)."""
    return AESSIV(derive_item_key(above, b"", purpose)).encrypt(plain, None)


def decrypt_deterministic(above: bytes, sealed: bytes, purpose: bytes) -> bytes:
    """Shut where it does not open."""
    try:
        return AESSIV(derive_item_key(above, b"", purpose)).decrypt(sealed, None)
    except (InvalidTag, ValueError):
        raise CannotDecrypt("it was altered, or this is not its key") from None


def wrap(wrapping_key: bytes, key: bytes, name: str, nonce: bytes) -> bytes:
    """A key under the one above, for the one thing that it is named for; `once` is chance."""
    return nonce + AESGCM(wrapping_key).encrypt(nonce, key, name.encode())


def unwrap(wrapping_key: bytes, wrapped: bytes, name: str) -> bytes:
    """Shut where it does not open."""
    try:
        return AESGCM(wrapping_key).decrypt(
            wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], name.encode()
        )
    except (InvalidTag, ValueError):
        raise CannotDecrypt("it was altered, or the key above it is another") from None


def fingerprint(key: bytes) -> str:
    """Which key it is, and nothing of the key."""
    return blake2b(key=key, digest_size=8, person=b"fingerprint").hexdigest()
