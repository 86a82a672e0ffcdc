"""The Merkle tree of RFC 6962, section 2.1, over the entries of the log. Pure.

Of a tree that only grows its right edge is enough: the roots of its whole subtrees, the largest
first (`peaks`). Roots of whole subtrees of 256 entries, of 256 of those, and so on, are kept
(`done`), so that a proof needs some hundreds of hashes and not all.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

HASH_BYTES = 32
TILE_LEVELS = 8
"""Levels between two that are kept: 256 hashes under each one."""
EMPTY = sha256(b"").digest()
"""The root of nothing."""


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def fold_peaks(peaks: Sequence[bytes]) -> bytes:
    """The root over whole subtrees that stand side by side, the largest first."""
    if not peaks:
        return EMPTY
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


class Tree:
    """A tree that grows."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size, self.peaks = size, list(peaks)
        self.completed: list[tuple[int, int, bytes]] = []
        """Level, index and hash of the kept nodes that were completed since it was made."""

    def append(self, leaf: bytes) -> None:
        """A leaf's hash, at the next place."""
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
        """The peaks as they are kept."""
        return b"".join(self.peaks)


def load_tree(size: int, edge: bytes) -> Tree:
    """The tree whose right edge was kept. ValueError where there cannot be one."""
    if len(edge) != size.bit_count() * HASH_BYTES:
        raise ValueError("the edge of the tree is not that of its size")
    pieces = range(0, len(edge), HASH_BYTES)
    return Tree(size, [edge[at : at + HASH_BYTES] for at in pieces])


Range = tuple[int, int]
"""Places of entries: from, and up to."""


def sibling_ranges(index: int, size: int) -> list[Range]:
    """Whose hashes prove that an entry is in a tree of this size, the nearest first."""
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


def whole_subtrees(part: Range) -> Iterator[tuple[int, int]]:
    """The whole subtrees that a range consists of, as level and index; the range begins where one
    of its size may begin."""
    start, end = part
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def stored_nodes(level: int, index: int) -> tuple[int, int, int]:
    """Of which kept hashes a whole subtree is made: their level, the first, and how many."""
    step = level % TILE_LEVELS
    return level - step, index << step, 1 << step


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """The root of a whole subtree over 1, 2, 4 ... hashes of one level."""
    nodes = list(hashes)
    while len(nodes) > 1:
        nodes = [node_hash(nodes[n], nodes[n + 1]) for n in range(0, len(nodes), 2)]
    return nodes[0]


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a proof comes to; None where it cannot be one of that place and size."""
    if not 0 <= index < size or len(path) != len(sibling_ranges(index, size)):
        return None
    node = leaf
    for (start, _), hash in zip(sibling_ranges(index, size), path, strict=True):
        node = node_hash(node, hash) if start > index else node_hash(hash, node)
    return node
