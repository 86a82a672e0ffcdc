"""Going along the log, entry by entry, and saying what is not as it was. Pure.

256 entries make a tile, whose hash was kept when it was full. Each entry is held against its own
leaf, each tile against what was kept, and the whole against what was signed: so what is wrong has
the narrowest name that there is for it.
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from archiver.encryption.sealing import NONCE_BYTES, nonce
from archiver.log.entry import PlainColumns, entry_leaf_hash
from archiver.log.merkle import TILE_LEVELS, Tree, fold_peaks
from archiver.log.merkle import subtree_root as root_of

TILE_ENTRIES = 1 << TILE_LEVELS
EXPECTED = 4000
"""Checkpoints that are held at once: more than are of the entries that are looked at together."""
Row: TypeAlias = Any
"""By name: asyncpg's, or a dict."""
Kept = Mapping[tuple[int, int], bytes]
"""Level and index -> hash."""


class Finding(msgspec.Struct, frozen=True, rename="camel"):
    """Something that is wrong, in one sentence; where it can be told, with the place in the log and
    the id of the entry."""

    what: str
    sentence: str
    position: int | None = None
    entry: str | None = None


class SignedState(msgspec.Struct, frozen=True):
    """What a checkpoint says that the log was."""

    size: int
    root: bytes
    where: str
    at: datetime


class LogWalk:
    """Begins where a tile does; `upper` is the tree of the tiles before."""

    def __init__(self, start: int, peaks: Sequence[bytes]) -> None:
        self._upper = Tree(start // TILE_ENTRIES, peaks)
        self._tile: list[bytes] = []
        self._signed: list[SignedState] = []
        self.covered = 0
        """As many entries as the last checkpoint is of."""
        self._good = start
        """As far as it was found to be what was signed."""
        self.broken = False
        """Places are missing or doubled: nothing can be said of roots from there on."""

    @property
    def size(self) -> int:
        return self._upper.size * TILE_ENTRIES + len(self._tile)

    def expect(self, signed: SignedState) -> None:
        """What is still to come, that it is held against."""
        if signed.size >= self.size:
            self.covered = max(self.covered, signed.size)
            if len(self._signed) < EXPECTED:
                insort(self._signed, signed, key=lambda one: one.size)

    def peaks(self) -> list[bytes]:
        """The right edge of the tree over all entries."""
        return self._upper.peaks + _tree_of(self._tile).peaks

    def root(self) -> bytes:
        return fold_peaks(self.peaks())

    def check_entry(self, row: Row, kept: Kept) -> list[Finding]:
        """The next one, which has the columns of Open, and position, salt, sealed and leaf; `kept`
        holds the hashes that were kept around there."""
        found = self._entry(row)
        if len(self._tile) == TILE_ENTRIES:
            found += self._full(kept)
        return found + self.signed()

    def _entry(self, row: Row) -> list[Finding]:
        found = self._placed(row)
        open = PlainColumns(**{name: row[name] for name in PlainColumns.__struct_fields__})
        if entry_leaf_hash(open, row["sealed"]) != row["leaf"]:
            found.append(_at(row, "altered", "this entry is not what it was"))
        salt = row["salt"]
        if salt is not None and nonce(salt) != row["sealed"][:NONCE_BYTES]:
            found.append(_at(row, "salt", "the salt of this entry is not the one of then"))
        self._tile.append(row["leaf"])
        return found

    def _placed(self, row: Row) -> list[Finding]:
        expected, position = self.size, row["position"]
        if self.broken or position == expected:
            return []
        self.broken = True
        if position > expected:
            missing = position - expected
            sentence = f"{missing} entries are missing before this one, from {expected} on"
            return [Finding("missing", sentence, expected, str(row["id"]))]
        return [_at(row, "doubled", "two entries have this place")]

    def _full(self, kept: Kept) -> list[Finding]:
        """A tile is full: what was kept of it counts from here on."""
        index, made = self._upper.size, root_of(self._tile)
        self._tile = []
        self._upper.append(kept.get((TILE_LEVELS, index), made))
        done, self._upper.completed = self._upper.completed, []
        if self.broken:
            return []
        nodes = [
            (TILE_LEVELS, index, made),
            *((level + TILE_LEVELS, n, hash) for level, n, hash in done),
        ]
        return [
            _of_node(level, n, kept.get((level, n)))
            for level, n, hash in nodes
            if kept.get((level, n)) != hash
        ]

    def signed(self) -> list[Finding]:
        """Held against what was signed of exactly this size."""
        found = []
        while self._signed and self._signed[0].size == self.size:
            one = self._signed.pop(0)
            if self.broken:
                continue
            if self.root() == one.root:
                self._good = one.size
                continue
            self.broken = True  # of what comes after, it is the same that is wrong
            sentence = f"something from {self._good} to {one.size - 1} is not what was signed"
            found.append(Finding("root", f"{sentence} ({one.where})", self._good))
        return found

    def finish(self) -> list[Finding]:
        """No entry is left."""
        return [
            Finding(
                "short",
                f"the log ends at {self.size}, and {one.size} entries were signed ({one.where})",
                self.size,
            )
            for one in self._signed[:1]
        ]


def _tree_of(leaves: Sequence[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def _of_node(level: int, index: int, kept: bytes | None) -> Finding:
    first = index << level
    which = f"{first} to {first + (1 << level) - 1}"
    if kept is None:
        return Finding("node", f"the hash over the entries {which} is gone", first)
    sentence = f"of the entries {which} one was changed together with its leaf"
    return Finding("tile", f"{sentence}, or the hash over them was", first)


def _at(row: Row, what: str, sentence: str) -> Finding:
    return Finding(what, sentence, row["position"], str(row["id"]))
