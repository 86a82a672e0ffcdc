"""The record as it was then, as whoever asks is told it: a place in the log, sealed. Pure.

The log is of all municipalities; a place that could be read would tell how much the others, and
other departments, write. The same place is always told as the same, so that answers can be
compared; another municipality's, and one that was made up, does not open.
"""

from archiver.encryption.sealing import CannotDecrypt, decrypt_deterministic, encrypt_deterministic

POSITION_BYTES = 8
FORM = "[0-9a-f]{48}"
"""Of a place, sealed in 24 bytes."""
PURPOSE = b"as of"


def encode_position(key: bytes, position: int) -> str:
    """`key`: by which words and people of the municipality are found."""
    return encrypt_deterministic(key, position.to_bytes(POSITION_BYTES, "big"), PURPOSE).hex()


def decode_position(key: bytes, text: str) -> int | None:
    """None for what this municipality was never told."""
    try:
        return int.from_bytes(decrypt_deterministic(key, bytes.fromhex(text), PURPOSE), "big")
    except (CannotDecrypt, ValueError):
        return None
