"""The newest co-signed checkpoint of each log, on disk before anybody sees the co-signature.

One process holds the lock of the folder for as long as it runs, and within it nothing runs between
the look at the state, its change and the sync to disk. So no two trees of one size are signed,
neither by two requests nor by two processes, nor by one that was killed in between.

The sizes are in a file beside it as well, also before anybody sees the co-signature: a checkpoint
that was lost, or that an older one replaced, is missed at the next start.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from services.transparency.cosignature import cosign, verify_cosignature
from services.transparency.signed_note import InvalidNote, TreeHead, read_head
from witness.key_file import KEY, KNOWN, REFUSED, SIGNED, KeyUnusable, WitnessKey, sync_folder
from witness.known_logs import Logs

FORGOTTEN = (
    "{}: this witness co-signed {} entries of the log {}, and its checkpoint of them is gone. Put"
    " that file back. If it is lost, this key signs nothing of that log again: take the log off the"
    " list, or make a new key in another folder, and tell the log"
)
MAX_REFUSED = 1000
"""Refused checkpoints that are kept, some 300 bytes each."""


class SignedState:
    """State of a folder that this process has locked."""

    def __init__(self, folder: Path, key: WitnessKey, logs: Logs) -> None:
        """Load the state of each log. Raises KeyUnusable if one is damaged or lost."""
        self._folder, self._key = folder, key
        self._sizes = self._load_sizes()
        self._notes = {origin: note for origin in logs if (note := self._load(origin))}

    def note(self, origin: str) -> str | None:
        """Return the newest checkpoint of a log, with its signature and ours."""
        return self._notes.get(origin)

    def head(self, origin: str) -> TreeHead | None:
        note = self._notes.get(origin)
        return read_head(note) if note else None

    def cosign(self, note: str, seconds: int) -> str:
        """Store a checkpoint as the newest of its log, and return the line that co-signs it.
        Raises OSError, and then nothing was signed that anybody saw."""
        line = cosign(note, self._key.key, self._key.seed, seconds)
        head = read_head(note)
        _write(self._path(SIGNED, head.origin), note + line)
        sizes = self._sizes | {head.origin: head.size}
        # After the checkpoint: one that was killed in between has more than it needs.
        _write(self._folder / KNOWN, "".join(f"{size} {of}\n" for of, size in sizes.items()))
        self._sizes, self._notes[head.origin] = sizes, note + line
        return line

    def keep_refused(self, note: str) -> None:
        """Keep a signed checkpoint that contradicts the state: it proves what was tried. None is
        overwritten, or a later request could remove the proof. Raises OSError."""
        head, folder = read_head(note), self._folder / REFUSED
        path = folder / f"{sha256(head.origin.encode()).hexdigest()}-{head.size}-{head.root.hex()}"
        if not path.exists() and len(os.listdir(folder)) < MAX_REFUSED:
            _write(path, note)

    def _load_sizes(self) -> dict[str, int]:
        """Load the sizes that were co-signed at least, also of logs that are not on the list."""
        path = self._folder / KNOWN
        try:
            lines = [line.split(" ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
            return {origin: int(size) for size, origin in lines}
        except (OSError, ValueError):
            raise KeyUnusable(f"{path}: it is not what this witness stored") from None

    def _load(self, origin: str) -> str | None:
        """Load the checkpoint of a log; None if nothing of it was co-signed yet."""
        path, known = self._path(SIGNED, origin), self._sizes.get(origin)
        try:
            note = path.read_text(encoding="utf-8")
            verify_cosignature(note, self._key.key)
            head = read_head(note)
            is_right, is_lost = head.origin == origin, head.size < (known or 0)
        except FileNotFoundError:
            if known is None:
                return None
            is_right = is_lost = True
        except (OSError, UnicodeDecodeError, InvalidNote):
            is_right = is_lost = False
        if not is_right:
            raise KeyUnusable(f"{path}: it is not what this witness stored")
        if is_lost:
            raise KeyUnusable(FORGOTTEN.format(path, known, origin))
        return note

    def _path(self, folder: str, origin: str) -> Path:
        return self._folder / folder / sha256(origin.encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all, and return when it is on disk."""
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which ends with the process. Raises KeyUnusable if another process
    has it."""
    with (folder / KEY).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise KeyUnusable("another process signs with this key") from None
        yield
