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
from archiver.log.merkle import TILE_LEVELS, Tree, fold_peaks, subtree_root

TILE_ENTRIES = 1 << TILE_LEVELS
MAX_EXPECTED = 4000
"""Checkpoints that are held at once: more than are of the entries that are looked at together."""
Row: TypeAlias = Any
"""By name: asyncpg's, or a dict."""
StoredHashes = Mapping[tuple[int, int], bytes]
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
        self._expected: list[SignedState] = []
        self.covered = 0
        """As many entries as the last checkpoint is of."""
        self._verified = start
        """As far as it was found to be what was signed."""
        self.is_broken = False
        """Places are missing or doubled: nothing can be said of roots from there on."""

    @property
    def size(self) -> int:
        return self._upper.size * TILE_ENTRIES + len(self._tile)

    def expect(self, signed: SignedState) -> None:
        """What is still to come, that it is held against."""
        if signed.size >= self.size:
            self.covered = max(self.covered, signed.size)
            if len(self._expected) < MAX_EXPECTED:
                insort(self._expected, signed, key=lambda one: one.size)

    def peaks(self) -> list[bytes]:
        """The right edge of the tree over all entries."""
        return self._upper.peaks + _tree_of(self._tile).peaks

    def root(self) -> bytes:
        return fold_peaks(self.peaks())

    def check_entry(self, row: Row, stored: StoredHashes) -> list[Finding]:
        """The next one, which has the columns of Open, and position, salt, sealed and leaf; `kept`
        holds the hashes that were kept around there."""
        findings = self._check_row(row)
        if len(self._tile) == TILE_ENTRIES:
            findings += self._complete_tile(stored)
        return findings + self.check_signed()

    def _check_row(self, row: Row) -> list[Finding]:
        findings = self._check_position(row)
        columns = PlainColumns(**{name: row[name] for name in PlainColumns.__struct_fields__})
        if entry_leaf_hash(columns, row["sealed"]) != row["leaf"]:
            findings.append(_entry_finding(row, "altered", "this entry is not what it was"))
        salt = row["salt"]
        if salt is not None and nonce(salt) != row["sealed"][:NONCE_BYTES]:
            findings.append(
                _entry_finding(row, "salt", "the salt of this entry is not the one of then")
            )
        self._tile.append(row["leaf"])
        return findings

    def _check_position(self, row: Row) -> list[Finding]:
        expected, position = self.size, row["position"]
        if self.is_broken or position == expected:
            return []
        self.is_broken = True
        if position > expected:
            missing = position - expected
            sentence = f"{missing} entries are missing before this one, from {expected} on"
            return [Finding("missing", sentence, expected, str(row["id"]))]
        return [_entry_finding(row, "doubled", "two entries have this place")]

    def _complete_tile(self, stored: StoredHashes) -> list[Finding]:
        """A tile is full: what was kept of it counts from here on."""
        index, root = self._upper.size, subtree_root(self._tile)
        self._tile = []
        self._upper.append(stored.get((TILE_LEVELS, index), root))
        completed, self._upper.completed = self._upper.completed, []
        if self.is_broken:
            return []
        nodes = [
            (TILE_LEVELS, index, root),
            *((level + TILE_LEVELS, n, hash) for level, n, hash in completed),
        ]
        return [
            _node_finding(level, n, stored.get((level, n)))
            for level, n, hash in nodes
            if stored.get((level, n)) != hash
        ]

    def check_signed(self) -> list[Finding]:
        """Held against what was signed of exactly this size."""
        findings = []
        while self._expected and self._expected[0].size == self.size:
            signed = self._expected.pop(0)
            if self.is_broken:
                continue
            if self.root() == signed.root:
                self._verified = signed.size
                continue
            self.is_broken = True  # the same fault would show in every later root
            sentence = (
                f"something from {self._verified} to {signed.size - 1} is not what was signed"
            )
            findings.append(Finding("root", f"{sentence} ({signed.where})", self._verified))
        return findings

    def finish(self) -> list[Finding]:
        """No entry is left."""
        return [
            Finding(
                "short",
                f"the log ends at {self.size}, and {one.size} entries were signed ({one.where})",
                self.size,
            )
            for one in self._expected[:1]
        ]


def _tree_of(leaves: Sequence[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def _node_finding(level: int, index: int, stored: bytes | None) -> Finding:
    first = index << level
    entries = f"{first} to {first + (1 << level) - 1}"
    if stored is None:
        return Finding("node", f"the hash over the entries {entries} is gone", first)
    sentence = f"of the entries {entries} one was changed together with its leaf"
    return Finding("tile", f"{sentence}, or the hash over them was", first)


def _entry_finding(row: Row, what: str, sentence: str) -> Finding:
    return Finding(what, sentence, row["position"], str(row["id"]))
