"""The request by which a log has its checkpoint co-signed (C2SP: tlog-witness). Pure.

old <size>          that the witness co-signed last
<hash>              base64, up to 63 lines: the consistency proof

<checkpoint>        a signed note
"""

import base64
import re
from collections.abc import Sequence

import msgspec

from services.transparency.merkle import HASH_BYTES
from services.transparency.signed_note import (
    DIGITS,
    InvalidNote,
    TreeHead,
    decode_base64,
    read_head,
)

PATH, CHECKPOINT_PATH = "/add-checkpoint", "/checkpoint"
"""Paths below the address of a witness. The second is our own: C2SP has none yet to read."""
MAX_PROOF_LINES = 63
"""A proof has at most one hash for each bit of a size."""
MAX_REQUEST_BYTES = 16 * 1024
"""A proof takes 2.8 KB; the rest is for a checkpoint with many signatures."""
MAX_ANSWER_BYTES = 16 * 1024
SIZE_TYPE = "text/x.tlog.size"
"""Content type of the answer that tells which size was co-signed last."""
OLD = re.compile(rf"old ({DIGITS.pattern})", re.ASCII)
SIZE = re.compile(rf"({DIGITS.pattern})\n", re.ASCII)


class Submission(msgspec.Struct, frozen=True):
    """Checkpoint that a witness is asked to co-sign."""

    old_size: int
    path: tuple[bytes, ...]
    note: str
    head: TreeHead


def encode_request(old_size: int, path: Sequence[bytes], note: str) -> bytes:
    lines = [f"old {old_size}", *(base64.b64encode(hash).decode() for hash in path), "", note]
    return "\n".join(lines).encode()


def read_request(body: bytes) -> Submission:
    """Read the body of a request. Raises InvalidNote."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise InvalidNote("it is no UTF-8") from None
    proof, _, note = text.partition("\n\n")
    first, *lines = proof.split("\n")
    old = OLD.fullmatch(first)
    path = tuple(map(decode_base64, lines))
    if old is None:
        raise InvalidNote("the first line is not the old size")
    if len(lines) > MAX_PROOF_LINES or any(len(hash) != HASH_BYTES for hash in path):
        raise InvalidNote(f"the proof is not up to {MAX_PROOF_LINES} hashes")
    return Submission(int(old[1]), path, note, read_head(note))


def read_size(body: bytes) -> int | None:
    """Return the size in an answer of SIZE_TYPE; None if it is none."""
    match = SIZE.fullmatch(body.decode(errors="replace"))
    return int(match[1]) if match else None
