"""Walk along the log, entry by entry, and report what was changed. Pure.

A tile is 256 entries; its hash is stored when it is full. Each entry is checked against its own
leaf, each tile against its stored hash, and the whole against the checkpoints, so that a change is
located as precisely as possible.
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import msgspec

from archiver.encryption.sealing import nonce
from archiver.log.entry import PlainColumns, entry_leaf_hash
from services.postgres.times import in_utc
from services.sealing.wrapping import NONCE_BYTES
from services.transparency.merkle import TILE_LEVELS, Tree, fold_peaks, subtree_root

TILE_ENTRIES = 1 << TILE_LEVELS
MAX_EXPECTED = 4000
"""Checkpoints held at a time: more than there are for one batch of entries."""
START_OF_TIME = datetime.min.replace(tzinfo=UTC)
END_OF_TIME = datetime.max.replace(tzinfo=UTC)
WRITTEN_MARGIN = timedelta(minutes=15)
"""Time by which an entry may seem written before or after the checkpoints around it: a transaction
begins before it waits for the log, and two clocks differ."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""
StoredHashes = Mapping[tuple[int, int], bytes]
"""Hash by level and index."""


class Finding(msgspec.Struct, frozen=True, rename="camel"):
    """Fault in the log or the index in one sentence, with the position and id of the entry if
    known."""

    what: str
    sentence: str
    position: int | None = None
    entry: str | None = None


class SignedState(msgspec.Struct, frozen=True):
    """State of the log according to a checkpoint, or to a head that was kept outside."""

    size: int
    root: bytes
    where: str
    at: datetime
    is_signed: bool = True
    """False for a head that was kept outside between two checkpoints."""
    is_ours: bool = True
    """False if the time is that of a witness, whose clock may be wrong."""


class WrittenTimes:
    """Times at which the entries since the last checkpoint were written, by their own column. It
    is in no leaf, so that it is held against the times of the checkpoints around the entry."""

    def __init__(self) -> None:
        self._signed_at: datetime | None = None
        self._earliest, self._latest = END_OF_TIME, START_OF_TIME
        self._rows: dict[str, Row] = {}

    def note(self, row: Row) -> None:
        at = in_utc(row["written_at"])
        if at < self._earliest:
            self._earliest, self._rows["earliest"] = at, row
        if at > self._latest:
            self._latest, self._rows["latest"] = at, row

    def check(self, signed_at: datetime) -> list[Finding]:
        """Check the entries since the checkpoint before, of which the earliest and the latest are
        named if they are wrong."""
        before, rows, findings = self._signed_at, self._rows, []
        if before and self._earliest < before - WRITTEN_MARGIN:
            findings.append(_written_finding(rows["earliest"], "after", before))
        if self._latest > signed_at + WRITTEN_MARGIN:
            findings.append(_written_finding(rows["latest"], "before", signed_at))
        self._signed_at, self._rows = signed_at, {}
        self._earliest, self._latest = END_OF_TIME, START_OF_TIME
        return findings


class LogWalk:
    """Walk that starts at the beginning of a tile. `peaks` are those of the tree of earlier
    tiles."""

    def __init__(self, start: int, peaks: Sequence[bytes]) -> None:
        self._upper = Tree(start // TILE_ENTRIES, peaks)
        self._tile: list[bytes] = []
        self._expected: list[SignedState] = []
        self._written = WrittenTimes()
        self.covered = 0
        """Number of entries that the largest checkpoint covers."""
        self._verified = start
        """Number of entries up to which the log matches its checkpoints."""
        self._contradictions = list[SignedState]()
        """First and last of the checkpoints that differ, since one that matches."""
        self.is_broken = False
        """True once a position is missing or duplicated: hashes say nothing from there on."""

    @property
    def size(self) -> int:
        return self._upper.size * TILE_ENTRIES + len(self._tile)

    def expect(self, signed: SignedState) -> None:
        """Add a checkpoint, or a head, to be checked when the walk reaches its size."""
        if signed.size >= self.size:
            if signed.is_signed:
                self.covered = max(self.covered, signed.size)
            if len(self._expected) < MAX_EXPECTED:
                insort(self._expected, signed, key=lambda state: state.size)

    def peaks(self) -> list[bytes]:
        """Return the peaks of the tree over all entries so far."""
        return self._upper.peaks + _tree_of(self._tile).peaks

    def root(self) -> bytes:
        return fold_peaks(self.peaks())

    def check_entry(self, row: Row, stored: StoredHashes) -> list[Finding]:
        """Check the next entry. Its row has the plain columns, position, salt, sealed content, leaf
        and time of writing; `stored` contains the stored hashes of its tile and the nodes above
        it."""
        findings = self._check_row(row)
        if len(self._tile) == TILE_ENTRIES:
            findings += self._complete_tile(stored)
        return findings + self.check_signed()

    def _check_row(self, row: Row) -> list[Finding]:
        findings = self._check_position(row)
        columns = PlainColumns(**{name: row[name] for name in PlainColumns.__struct_fields__})
        if entry_leaf_hash(columns, row["sealed"]) != row["leaf"]:
            findings.append(entry_finding(row, "altered", "this entry is not what it was"))
        salt = row["salt"]
        if salt is not None and nonce(salt) != row["sealed"][:NONCE_BYTES]:
            findings.append(
                entry_finding(row, "salt", "the salt of this entry is not the one of then")
            )
        self._tile.append(row["leaf"])
        self._written.note(row)
        return findings

    def _check_position(self, row: Row) -> list[Finding]:
        expected, position = self.size, row["position"]
        if self.is_broken or position == expected:
            return []
        self.is_broken = True
        if position > expected:
            missing = position - expected
            sentence = f"missing before this one: {missing}, from {expected} on"
            return [Finding("missing", sentence, expected, str(row["id"]))]
        return [entry_finding(row, "doubled", "two entries have this place")]

    def _complete_tile(self, stored: StoredHashes) -> list[Finding]:
        """Complete a full tile. The walk goes on with the stored hash, so that a fault is reported
        once."""
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
        """Check the root against the checkpoints of exactly this size. One that matches does not
        move the beginning of what another of that size contradicts.

        The walk goes on behind a contradiction: after a restored backup the copies outside tell of
        a log that goes on no more, and what is written since must match like all else.
        """
        findings, verified = [], self._verified
        while self._expected and self._expected[0].size == self.size:
            signed = self._expected.pop(0)
            if self.is_broken:
                continue
            if self.root() != signed.root:
                findings += self._contradict(signed)
                continue
            verified = signed.size
            findings += self._written.check(signed.at) if signed.is_ours else []
        if verified != self._verified:
            findings += self._end_contradictions()
        self._verified = verified
        return findings

    def _contradict(self, signed: SignedState) -> list[Finding]:
        """Name the first of those in a row: one change shows in each root until the end of its
        tile, or of the log."""
        if self._contradictions:
            self._contradictions[1:] = [signed]
            return []
        self._contradictions = [signed]
        return [self._contradiction(signed)]

    def _contradiction(self, signed: SignedState) -> Finding:
        done = "signed" if signed.is_signed else "written"
        span = f"something from {self._verified} to {signed.size - 1}"
        sentence = f"{span} is not what was {done} ({signed.where})"
        return Finding("root", sentence, self._verified)

    def _end_contradictions(self) -> list[Finding]:
        """Name the last of those in a row: that shows that the first has company."""
        last, self._contradictions = self._contradictions[1:], []
        return [self._contradiction(signed) for signed in last]

    def finish(self) -> list[Finding]:
        """Report the last of the checkpoints that differ, and those larger than the log."""
        return self._end_contradictions() + [
            Finding(
                "short",
                f"the log ends at {self.size}, and {state.size} entries were"
                f" {'signed' if state.is_signed else 'written'}"
                f" ({state.where})",
                self.size,
            )
            for state in self._expected[:1]
        ]


def _tree_of(leaves: Sequence[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def _written_finding(row: Row, order: str, signed_at: datetime) -> Finding:
    when = f"{order} {signed_at:%Y-%m-%d %H:%M:%S}Z"
    sentence = f"its time of writing was altered: the checkpoints say that it was written {when}"
    return entry_finding(row, "written", sentence)


def _node_finding(level: int, index: int, stored: bytes | None) -> Finding:
    first = index << level
    entries = f"{first} to {first + (1 << level) - 1}"
    if stored is None:
        return Finding("node", f"the hash over the entries {entries} is gone", first)
    sentence = f"of the entries {entries} one was changed together with its leaf"
    return Finding("tile", f"{sentence}, or the hash over them was", first)


def entry_finding(row: Row, kind: str, sentence: str) -> Finding:
    """Return a finding about one entry."""
    return Finding(kind, sentence, row["position"], str(row["id"]))
