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

ED25519, COSIGNATURE = b"\x01", b"\x04"
"""Numbers of key types in C2SP: of who keeps a log, and of a witness."""
KEY_BYTES, HASH_BYTES = 32, 32
ID_BYTES = 4
DASH = "\N{EM DASH}"
SIGNATURE = re.compile(rf"{DASH} \S+ [A-Za-z0-9+/]+=*", re.ASCII)
"""Signature line. Other parties may sign too."""
NAME = re.compile(r"[^\s+]+")
"""Name of a key."""
DIGITS = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
"""Size of a tree, without a leading zero; larger than 2^63 - 1 is none."""


class InvalidNote(Exception):
    """The text is not a checkpoint, or it is not signed with the expected key."""


class Checkpoint(msgspec.Struct, frozen=True):
    origin: str
    size: int
    root: bytes
    at: datetime


class TreeHead(msgspec.Struct, frozen=True):
    """The first three lines of any checkpoint (C2SP: tlog-checkpoint)."""

    origin: str
    size: int
    root: bytes


class Key(msgspec.Struct, frozen=True):
    """Public key with its name, and the type of its signatures."""

    name: str
    public: bytes
    kind: bytes = ED25519

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.public, self.kind)


def derive_public_key(seed: bytes) -> bytes:
    """Return the public key of a signer: 32 bytes."""
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(name: str, public_key: bytes, kind: bytes = ED25519) -> bytes:
    return sha256(name.encode() + b"\n" + kind + public_key).digest()[:ID_BYTES]


def encode_key(key: Key) -> str:
    """Return the published form: `<name>+<id>+<base64>`."""
    return f"{key.name}+{key.id.hex()}+{base64.b64encode(key.kind + key.public).decode()}"


def read_key(text: str, kind: bytes) -> Key | None:
    """Read a key of this type from its published form; None if it is none."""
    name, _, rest = text.strip().partition("+")
    id, _, encoded = rest.partition("+")
    raw = decode_base64(encoded)
    key = Key(name, raw[1:], kind)
    is_key = raw[:1] == kind and len(key.public) == KEY_BYTES and NAME.fullmatch(name)
    return key if is_key and key.id.hex() == id else None


def decode_base64(text: str) -> bytes:
    """Return the bytes, or b"" if it is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one too
        return b""


def encode_verifier(origin: str, public_key: bytes) -> str:
    """Return the public key of a log in its published form."""
    return encode_key(Key(origin, public_key))


def read_verifier(text: str) -> tuple[str, bytes]:
    """Read origin and public key from the published form. Raises InvalidNote."""
    if (key := read_key(text, ED25519)) is None:
        raise InvalidNote("expected a public key as postkamer archive key prints it")
    return key.name, key.public


def note_text(checkpoint: Checkpoint) -> str:
    root = base64.b64encode(checkpoint.root).decode()
    at = checkpoint.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n{at}\n"


def sign_note(checkpoint: Checkpoint, seed: bytes) -> str:
    """Return the signed note of a checkpoint."""
    text = note_text(checkpoint)
    key = Key(checkpoint.origin, derive_public_key(seed))
    return f"{text}\n{signature_line(key, sign(seed, text))}"


def sign(seed: bytes, text: str) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())


def signature_line(key: Key, signature: bytes) -> str:
    return f"{DASH} {key.name} {base64.b64encode(key.id + signature).decode()}\n"


def read_note(note: str) -> Checkpoint:
    """Read a note without checking its signature. Raises InvalidNote."""
    try:
        origin, size, root, at = note.partition("\n\n")[0].split("\n")
        return Checkpoint(
            origin, int(size), base64.b64decode(root, validate=True), datetime.fromisoformat(at)
        )
    except (ValueError, binascii.Error):
        raise InvalidNote("it is no checkpoint") from None


def read_head(note: str) -> TreeHead:
    """Read the head of any checkpoint, without checking its signature. Raises InvalidNote."""
    origin, size, root, *extensions = [*note.partition("\n\n")[0].split("\n"), "", ""]
    hash = decode_base64(root)
    if not (
        origin
        and DIGITS.fullmatch(size)
        and int(size) < 2**63
        and len(hash) == HASH_BYTES
        and all(extensions[:-2])
    ):
        raise InvalidNote("it is no checkpoint")
    return TreeHead(origin, int(size), hash)


def verify_note(note: str, origin: str, public_key: bytes) -> Checkpoint:
    """Read a note that must be signed with this key. Raises InvalidNote.

    Lines of other keys are ignored. The first line of this key decides, as C2SP says, so that all
    programs come to the same result.
    """
    checkpoint = read_note(note)
    verify_signed(note, Key(origin, public_key))
    return checkpoint


def verify_signed(note: str, key: Key) -> TreeHead:
    """Read any checkpoint that must be signed with this key of its log. Raises InvalidNote."""
    head = read_head(note)
    if head.origin != key.name:
        raise InvalidNote("it is of another log")
    if not is_valid(signature_of(note, key), key.public, note_body(note)):
        raise InvalidNote("no signature on it is of this key")
    return head


def note_body(note: str) -> str:
    """Return the signed part of a note: its text with the last line break."""
    return note.partition("\n\n")[0] + "\n"


def signature_of(note: str, key: Key) -> bytes:
    """Return the first signature that names this key, or b"". Raises InvalidNote if something else
    than signatures stands below the text."""
    lines = note.partition("\n\n")[2].split("\n")
    if lines.pop() or not all(map(SIGNATURE.fullmatch, lines)):
        raise InvalidNote("something stands below it that is no signature")
    return next(filter(None, (_signature(line, key) for line in lines)), b"")


def _signature(line: str, key: Key) -> bytes:
    """Return the signature in a line if that names this key, or b""."""
    start = f"{DASH} {key.name} "
    raw = decode_base64(line.removeprefix(start))
    is_of_key = line.startswith(start) and raw[:ID_BYTES] == key.id
    return raw[ID_BYTES:] if is_of_key else b""


def is_valid(signature: bytes, public_key: bytes, text: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text.encode())
    except InvalidSignature:
        return False
    return True
