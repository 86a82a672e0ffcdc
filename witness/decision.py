"""Decision on a checkpoint that a log asks to have co-signed. Pure.

The order and the statuses are those of C2SP: tlog-witness.
"""

from collections.abc import Sequence

import msgspec

from services.transparency.add_checkpoint import Submission
from services.transparency.consistency import is_consistent
from services.transparency.merkle import EMPTY
from services.transparency.signed_note import (
    Key,
    TreeHead,
    is_valid,
    note_body,
    signature_of,
)

FORKS = frozenset((409, 422))
"""Statuses that, with no size to catch up from, say that the log is not the one seen before."""


class Refused(msgspec.Struct, frozen=True):
    """Answer to a request that is not co-signed."""

    status: int
    detail: str
    size: int | None = None
    """Size that was co-signed last, for a log that asked from another one."""

    @property
    def is_fork(self) -> bool:
        return self.status in FORKS and self.size is None


def check_signature(submission: Submission, keys: Sequence[Key]) -> Refused | None:
    """Return the refusal of a checkpoint that no key of its log has signed. Raises InvalidNote."""
    if not keys:
        return Refused(404, "this witness does not know that log")
    note = submission.note
    if not any(is_valid(signature_of(note, key), key.public, note_body(note)) for key in keys):
        return Refused(403, "no signature on it is of a key that this witness knows for the log")
    if submission.old_size > submission.head.size:
        return Refused(400, "the old size is larger than that of the checkpoint")
    return None


def check_continues(submission: Submission, last: TreeHead | None) -> Refused | None:
    """Return the refusal of a checkpoint that does not continue the last one."""
    old = (last.size, last.root) if last else (0, EMPTY)
    new = (submission.head.size, submission.head.root)
    if submission.old_size != old[0]:
        return Refused(409, "another size was co-signed last", old[0])
    if old[0] == new[0] and old != new:
        return Refused(409, f"another log of {old[0]} entries was co-signed")
    if not is_consistent(old, new, submission.path):
        return Refused(422, f"nothing proves that it continues the {old[0]} entries seen before")
    return None
