"""Decide which checkpoints the signer signs, from what it signed last. Pure.

It never signs two roots for one size, nor a log that became smaller, nor a time that is not now. It
asks for no proof that the log only grew: that is the task of witnesses, and a signer that wanted
one would stay silent after a backup was restored, until a person removes what it remembers. Nor
would a proof keep anybody from a size that the log never reaches: one to 2^62 equal entries has
some 60 hashes. So a log may only grow as fast as a log can.
"""

from datetime import datetime, timedelta

import msgspec

from services.transparency import signed_note
from services.transparency.signed_note import Checkpoint, InvalidNote

CLOCK_DIFFERENCE = timedelta(minutes=5)
"""Largest difference between the clocks of two machines without a fault: no note is dated back."""
ENTRIES_PER_SECOND = 100_000
"""Fastest growth of a log, in entries a second: four times the fastest that an archiver
was measured to empty its queue. A log that grows faster is signed a little later."""
ENTRIES_AT_FIRST = 10**10
"""Largest log that a signer begins with, in entries: at 100,000 a day it is of 270 years."""


class LastSigned(msgspec.Struct, frozen=True):
    """The largest log that was signed. A size of 0 is no log."""

    size: int = 0
    root: bytes = b""
    at: datetime | None = None
    """Time of signing, by the signer's clock. None is of a version that did not store it."""


def read_text(text: str) -> Checkpoint:
    """Read the text that is to be signed. Raises InvalidNote unless it is exactly the text of a
    checkpoint: nothing else is ever signed."""
    checkpoint = signed_note.read_note(text + "\n")
    if signed_note.note_text(checkpoint) != text or checkpoint.size < 0:
        raise InvalidNote("it is no checkpoint")
    return checkpoint


def refuse_checkpoint(
    checkpoint: Checkpoint, origin: str, last: LastSigned, now: datetime
) -> str | None:
    """Return why this checkpoint is not signed; None if it is."""
    if checkpoint.origin != origin:
        return "it is of another log"
    if abs(checkpoint.at - now) > CLOCK_DIFFERENCE:
        return "its time is not now"
    if checkpoint.size < last.size:
        return f"a log of {last.size} entries was signed, and this one has {checkpoint.size}"
    if checkpoint.size == last.size and last.root and checkpoint.root != last.root:
        return f"another log of {last.size} entries was signed"
    return None


def defer_checkpoint(checkpoint: Checkpoint, last: LastSigned, now: datetime) -> str | None:
    """Return why this checkpoint is not signed yet; None if it is. Signed at once, a size that the
    log never reaches would be the last one that is signed."""
    if last.at is None:
        most = last.size + ENTRIES_AT_FIRST
    else:
        seconds = max(1.0, (now - last.at).total_seconds())
        most = last.size + int(seconds * ENTRIES_PER_SECOND)
    if checkpoint.size > most:
        return f"no log grows so fast: at most {most} entries can be signed now"
    return None
