"""Co-signatures: a witness states that a checkpoint continues all that it saw of a log. Pure.

    — <name of the witness> <signature>     base64 of the key's id (4 bytes), the time in seconds
                                            (8 bytes, big-endian) and an Ed25519 signature (64)

The signature covers the line `cosignature/v1`, the line `time <seconds>` and the text of the
checkpoint (C2SP: tlog-cosignature).
"""

import struct
from datetime import UTC, datetime

import msgspec

from services.transparency.signed_note import (
    COSIGNATURE,
    InvalidNote,
    Key,
    encode_key,
    is_valid,
    note_body,
    read_key,
    sign,
    signature_line,
    signature_of,
)

_TIME = struct.Struct(">Q")
LAST_TIME = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


class Witness(msgspec.Struct, frozen=True):
    """Witness whose co-signatures count; it is asked at `url`, '' if it cannot be."""

    key: Key
    url: str = ""

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def verifier(self) -> str:
        """Public key in its published form."""
        return encode_key(self.key)


def read_witness(text: str) -> Witness:
    """Read `[URL] verifier-key`. Raises ValueError."""
    *urls, verifier = text.split() or [""]
    key = read_key(verifier, COSIGNATURE)
    if key is None or len(urls) > 1:
        raise ValueError("expected [URL] and the key as postkamer witness key show prints it")
    url = urls[0].rstrip("/") if urls else ""
    if url and not url.startswith(("http://", "https://")):
        raise ValueError("expected an address that starts with http:// or https://")
    return Witness(key, url)


def _message(body: str, seconds: int) -> str:
    return f"cosignature/v1\ntime {seconds}\n{body}"


def cosign(note: str, key: Key, seed: bytes, seconds: int) -> str:
    """Return the line by which a witness co-signs a checkpoint."""
    signature = sign(seed, _message(note_body(note), seconds))
    return signature_line(key, _TIME.pack(seconds) + signature)


def verify_cosignature(note: str, key: Key) -> datetime:
    """Return the time at which a witness co-signed this note. Raises InvalidNote if it did not."""
    raw = signature_of(note, key)
    time, signature = raw[: _TIME.size], raw[_TIME.size :]
    if len(time) != _TIME.size:
        raise InvalidNote("this witness did not co-sign it")
    [seconds] = _TIME.unpack(time)
    if seconds > LAST_TIME or not is_valid(
        signature, key.public, _message(note_body(note), seconds)
    ):
        raise InvalidNote("the co-signature is not of this witness")
    return datetime.fromtimestamp(seconds, UTC)


def line_of(note: str, key: Key) -> str:
    """Return the line of this witness from a note that it co-signed."""
    return signature_line(key, signature_of(note, key))
