"""Answers of a witness, and their meaning. Pure."""

from datetime import datetime
from enum import StrEnum

import msgspec

from services.transparency.add_checkpoint import SIZE_TYPE, read_size
from services.transparency.cosignature import Witness, line_of, verify_cosignature
from services.transparency.signed_note import InvalidNote

FORKS = frozenset((409, 422))


class Outcome(StrEnum):
    """Result of a request to a witness."""

    COSIGNED = "cosigned"
    BEHIND = "behind"
    """The witness co-signed another size last, and asks for a proof from that one."""
    REFUSED = "refused"
    """The witness saw another log under this name."""
    REJECTED = "rejected"
    """The witness does not know this log or its key, or answered something else than the
    protocol."""
    AWAY = "away"
    UNPROVABLE = "unprovable"
    """The stored hashes do not lead to the checkpoint."""


class Answer(msgspec.Struct, frozen=True):
    outcome: Outcome
    size: int = 0
    """For BEHIND: the size that the witness co-signed last."""
    line: str = ""
    at: datetime | None = None


def read_answer(status: int, type: str, body: bytes, witness: Witness, note: str) -> Answer:
    """Return the meaning of an answer to the request to co-sign this note."""
    if status == 200:
        return _read_cosignature(body, witness, note)
    if status == 409 and type == SIZE_TYPE:
        size = read_size(body)
        return Answer(Outcome.REJECTED) if size is None else Answer(Outcome.BEHIND, size)
    return Answer(Outcome.REFUSED if status in FORKS else Outcome.REJECTED)


def _read_cosignature(body: bytes, witness: Witness, note: str) -> Answer:
    cosigned = note + body.decode(errors="replace")
    try:
        at = verify_cosignature(cosigned, witness.key)
    except InvalidNote:
        return Answer(Outcome.REJECTED)
    return Answer(Outcome.COSIGNED, line=line_of(cosigned, witness.key), at=at)
