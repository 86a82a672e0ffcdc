"""The Merkle tree of RFC 6962, section 2.1, over the entries of a log. Pure.

A growing tree needs only its right edge: the roots of its whole subtrees, largest first (`peaks`).
Roots of whole subtrees of 256 entries, of 256 of those, and so on, are stored (`completed`), so
that a proof reads some hundreds of hashes instead of all.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

HASH_BYTES = 32
TILE_LEVELS = 8
"""Levels between two stored levels: 256 hashes under each stored one."""
EMPTY = sha256(b"").digest()
"""Root of an empty tree."""


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def fold_peaks(peaks: Sequence[bytes]) -> bytes:
    """Return the root over adjacent whole subtrees, given largest first."""
    if not peaks:
        return EMPTY
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


class Tree:
    """Tree that grows by appending leaves."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size, self.peaks = size, list(peaks)
        self.completed: list[tuple[int, int, bytes]] = []
        """Level, index and hash of the stored nodes completed since the tree was loaded."""

    def append(self, leaf: bytes) -> None:
        """Append the hash of a leaf."""
        node, index, level = leaf, self.size, 0
        while index & 1:
            node = node_hash(self.peaks.pop(), node)
            index >>= 1
            level += 1
            if level % TILE_LEVELS == 0:
                self.completed.append((level, index, node))
        self.peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        return fold_peaks(self.peaks)

    def edge_bytes(self) -> bytes:
        """Return the peaks in their stored form."""
        return b"".join(self.peaks)


def load_tree(size: int, edge: bytes) -> Tree:
    """Load a tree from its stored right edge. ValueError if the edge does not fit the size."""
    if len(edge) != size.bit_count() * HASH_BYTES:
        raise ValueError("the edge of the tree is not that of its size")
    pieces = range(0, len(edge), HASH_BYTES)
    return Tree(size, [edge[at : at + HASH_BYTES] for at in pieces])


Range = tuple[int, int]
"""Range of positions: first, and end (exclusive)."""


def sibling_ranges(index: int, size: int) -> list[Range]:
    """Return the ranges whose hashes prove that an entry is in a tree of this size, nearest
    first."""
    start, end = 0, size
    ranges: list[Range] = []
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def whole_subtrees(positions: Range) -> Iterator[tuple[int, int]]:
    """Return the whole subtrees of a range as level and index. The range must begin at a multiple
    of its largest subtree."""
    start, end = positions
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def stored_nodes(level: int, index: int) -> tuple[int, int, int]:
    """Return the stored hashes under a whole subtree: their level, the first index, and their
    number."""
    step = level % TILE_LEVELS
    return level - step, index << step, 1 << step


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a whole subtree over 1, 2, 4 ... hashes of one level."""
    nodes = list(hashes)
    while len(nodes) > 1:
        nodes = [node_hash(nodes[n], nodes[n + 1]) for n in range(0, len(nodes), 2)]
    return nodes[0]


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to; None if the path does not fit the index and size."""
    if not 0 <= index < size or len(path) != len(sibling_ranges(index, size)):
        return None
    node = leaf
    for (start, _), hash in zip(sibling_ranges(index, size), path, strict=True):
        node = node_hash(node, hash) if start > index else node_hash(hash, node)
    return node
