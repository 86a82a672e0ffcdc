"""Seal content, each item under a key of its own. Pure.

    master > municipality > conversation > item

The upper keys are random and stored wrapped by the one above. An item key is derived from the
conversation key and the item's salt, so the item cannot be opened without the salt or without any
of the keys above. Random bytes are arguments.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b, sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from services.sealing.wrapping import KEY_BYTES, NONCE_BYTES, CannotDecrypt

SALT_BYTES = 16


class Content(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Sealed content of an entry: its JSON, the bytes that it was read from, and the contact."""

    data: bytes
    raw: bytes = b""
    contact: bytes = b""


FORMER_KEY = b"former key"
"""Purpose of the key that seals the key of an entry in the log that it came from."""
LEAF_VERSION = 1
"""Version of the encoding of a leaf."""
PLAIN = (
    *("id", "kind", "at", "tenant", "conversation"),
    *("department", "message", "receipt", "item", "sequence"),
)
"""Columns of an entry that are not sealed, in the order of its leaf."""
_json = msgspec.json.Encoder().encode
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Content).decode


def derive_item_key(parent_key: bytes, salt: bytes, purpose: bytes = b"item") -> bytes:
    """Derive the key of one item."""
    return blake2b(salt, key=parent_key, digest_size=KEY_BYTES, person=purpose).digest()


def nonce(salt: bytes) -> bytes:
    """Derive the nonce from the salt. Any nonce is safe, since a key is used once; this one lets a
    verifier without keys check that a salt is the original."""
    return sha256(b"nonce" + salt).digest()[:NONCE_BYTES]


def seal(
    parent_key: bytes, salt: bytes, plain: bytes, context: bytes, purpose: bytes = b"item"
) -> bytes:
    """Return the nonce and the AES-256-GCM ciphertext, bound to `context` so that it opens only
    there. A salt seals one thing for each purpose: its key and nonce are the same again."""
    item_nonce = nonce(salt)
    return item_nonce + AESGCM(derive_item_key(parent_key, salt, purpose)).encrypt(
        item_nonce, plain, context
    )


def unseal(
    parent_key: bytes, salt: bytes, sealed: bytes, context: bytes, purpose: bytes = b"item"
) -> bytes:
    """Open sealed content. Raises CannotDecrypt."""
    return unseal_item(derive_item_key(parent_key, salt, purpose), sealed, context)


def unseal_item(item_key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Open sealed content with the key of the item itself. Raises CannotDecrypt."""
    try:
        cipher = AESGCM(item_key)
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise CannotDecrypt("it was altered, or its key was") from None


def encode_columns(columns: Sequence[Any]) -> bytes:
    """Encode the plain columns of an entry as its leaf begins: a JSON array without its end."""
    return _json((LEAF_VERSION, *columns))[:-1]


def seal_content(parent_key: bytes, salt: bytes, content: Content, columns: bytes) -> bytes:
    """Seal the content of an entry, bound to its encoded PLAIN columns: with others it does not
    open."""
    return seal(parent_key, salt, _encode(content), columns)


def unseal_entry(parent_key: bytes, row: Mapping[str, Any]) -> Content:
    """Open the content of an entry. Raises CannotDecrypt, also if a plain column was changed."""
    item_key = derive_item_key(parent_key, row["salt"])
    plain = unseal_bound(item_key, row["sealed"], [row[name] for name in PLAIN])
    try:
        return _decode(plain)
    except msgspec.DecodeError:
        raise CannotDecrypt("what was sealed is no entry") from None


def unseal_bound(item_key: bytes, sealed: bytes, columns: Sequence[Any]) -> bytes:
    """Open what is bound to the PLAIN columns of an entry. Raises CannotDecrypt."""
    try:
        return unseal_item(item_key, sealed, encode_columns(columns))
    except CannotDecrypt:  # before the columns were bound, only the id was
        return unseal_item(item_key, sealed, columns[0].bytes)


def encrypt_deterministic(parent_key: bytes, plain: bytes, purpose: bytes) -> bytes:
    """Encrypt equal input to equal output, so that it can be compared (RFC 5297)."""
    return AESSIV(derive_item_key(parent_key, b"", purpose)).encrypt(plain, None)


def decrypt_deterministic(parent_key: bytes, sealed: bytes, purpose: bytes) -> bytes:
    """Decrypt deterministic ciphertext. Raises CannotDecrypt."""
    try:
        return AESSIV(derive_item_key(parent_key, b"", purpose)).decrypt(sealed, None)
    except (InvalidTag, ValueError):
        raise CannotDecrypt("it was altered, or this is not its key") from None
