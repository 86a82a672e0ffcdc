"""Encrypted positions in the log, by which a search can be repeated on the record as it was. Pure.

The log contains all municipalities. A readable position would reveal how much the others, and other
departments, write. Encryption is deterministic, so that answers can be compared. A position of
another municipality, or a made-up one, does not decrypt.
"""

from archiver.encryption.sealing import decrypt_deterministic, encrypt_deterministic
from services.sealing.wrapping import CannotDecrypt

POSITION_BYTES = 8
FORM = "[0-9a-f]{48}"
"""Pattern of an encrypted position: 24 bytes in hex."""
PURPOSE = b"as of"


def encode_position(key: bytes, position: int) -> str:
    """Encrypt a position. `key` is the key of proofs of the municipality: a position
    stays valid after everything was hashed anew."""
    return encrypt_deterministic(key, position.to_bytes(POSITION_BYTES, "big"), PURPOSE).hex()


def decode_position(key: bytes, text: str) -> int | None:
    """Decrypt a position; None if it was not made for this municipality."""
    try:
        return int.from_bytes(decrypt_deterministic(key, bytes.fromhex(text), PURPOSE), "big")
    except (CannotDecrypt, ValueError):
        return None
