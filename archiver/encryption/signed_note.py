"""A checkpoint as a signed note: the size of the log and its root, in the format of C2SP. Pure.

    <origin>                     name of the log
    <size>                       entries, in digits
    <root>                       base64
    <time>                       RFC 3339, UTC

    — <origin> <signature>       base64 of the key's id (4 bytes) and an Ed25519 signature (64)

The signature covers everything up to and including the line break before the empty line (C2SP:
signed-note and tlog-checkpoint).
"""

import base64
import binascii
import re
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519 = b"\x01"
"""Number of the key type in C2SP."""
ID_BYTES = 4
DASH = "\N{EM DASH}"
SIGNATURE = re.compile(rf"{DASH} \S+ [A-Za-z0-9+/]+=*", re.ASCII)
"""Signature line. Other parties may sign too."""


class InvalidNote(Exception):
    """The text is not a checkpoint, or it is not signed with the expected key."""


class Checkpoint(msgspec.Struct, frozen=True):
    origin: str
    size: int
    root: bytes
    at: datetime


def derive_public_key(seed: bytes) -> bytes:
    """Return the public key of a signer: 32 bytes."""
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(origin: str, public_key: bytes) -> bytes:
    return sha256(origin.encode() + b"\n" + ED25519 + public_key).digest()[:ID_BYTES]


def encode_verifier(origin: str, public_key: bytes) -> str:
    """Return the public key in its published form: `<origin>+<id>+<base64>`."""
    key = base64.b64encode(ED25519 + public_key).decode()
    return f"{origin}+{key_id(origin, public_key).hex()}+{key}"


def read_verifier(text: str) -> tuple[str, bytes]:
    """Read origin and public key from the published form. Raises InvalidNote."""
    origin, _, rest = text.strip().partition("+")
    id, _, key = rest.partition("+")
    try:
        raw = base64.b64decode(key, validate=True)
    except ValueError:  # binascii.Error is one too
        raw = b""
    if len(raw) != 33 or raw[:1] != ED25519 or key_id(origin, raw[1:]).hex() != id:
        raise InvalidNote("expected a public key as postkamer archive key prints it")
    return origin, raw[1:]


def note_text(checkpoint: Checkpoint) -> str:
    root = base64.b64encode(checkpoint.root).decode()
    at = checkpoint.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n{at}\n"


def sign_note(checkpoint: Checkpoint, seed: bytes) -> str:
    """Return the signed note of a checkpoint."""
    text = note_text(checkpoint)
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
    id = key_id(checkpoint.origin, derive_public_key(seed))
    return f"{text}\n{DASH} {checkpoint.origin} {base64.b64encode(id + signature).decode()}\n"


def read_note(note: str) -> Checkpoint:
    """Read a note without checking its signature. Raises InvalidNote."""
    try:
        origin, size, root, at = note.partition("\n\n")[0].split("\n")
        return Checkpoint(
            origin, int(size), base64.b64decode(root, validate=True), datetime.fromisoformat(at)
        )
    except (ValueError, binascii.Error):
        raise InvalidNote("it is no checkpoint") from None


def verify_note(note: str, origin: str, public_key: bytes) -> Checkpoint:
    """Read a note that must be signed with this key. Raises InvalidNote.

    Lines of other keys are ignored. The first line of this key decides, as C2SP says, so that all
    programs come to the same result.
    """
    text, _, signatures = note.partition("\n\n")
    checkpoint, lines = read_note(note), signatures.split("\n")
    if checkpoint.origin != origin:
        raise InvalidNote("it is of another log")
    if lines.pop() or not all(map(SIGNATURE.fullmatch, lines)):
        raise InvalidNote("something stands below it that is no signature")
    signature = next(filter(None, (_signature(line, origin, public_key) for line in lines)), b"")
    if not _is_valid(signature, public_key, text):
        raise InvalidNote("no signature on it is of this key")
    return checkpoint


def _signature(line: str, origin: str, public_key: bytes) -> bytes:
    """Return the signature in a line if that names this key, or b""."""
    start = f"{DASH} {origin} "
    try:
        raw = base64.b64decode(line.removeprefix(start), validate=True)
    except ValueError:  # another origin, or no base64
        return b""
    is_ours = line.startswith(start) and raw[:ID_BYTES] == key_id(origin, public_key)
    return raw[ID_BYTES:] if is_ours else b""


def _is_valid(signature: bytes, public_key: bytes, text: str) -> bool:
    key = Ed25519PublicKey.from_public_bytes(public_key)
    try:
        key.verify(signature, text.encode() + b"\n")
    except InvalidSignature:
        return False
    return True
