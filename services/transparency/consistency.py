"""Consistency proofs: one tree is the beginning of another (RFC 9162, section 2.1.4). Pure."""

from collections.abc import Sequence

from services.transparency.merkle import EMPTY, Range, node_hash


def consistency_ranges(first: int, second: int) -> list[Range]:
    """Return the ranges whose hashes prove that the tree of `first` entries is the beginning of
    that of `second`, in the order of the proof. Empty if either says so by itself."""
    if not 0 < first < second:
        return []
    start, end = 0, second
    ranges: list[Range] = []
    while first != end:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if first <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:  # the root of the first tree is known, and that of a part of it is not
        ranges.append((start, end))
    return ranges[::-1]


def is_consistent(
    first: tuple[int, bytes], second: tuple[int, bytes], path: Sequence[bytes]
) -> bool:
    """Return whether the path proves that the tree of the first size and root is the beginning of
    the second. By the algorithm of section 2.1.4.2, not by how the proof was made."""
    (first_size, first_root), (second_size, second_root) = first, second
    if first_size == 0:
        return not path and first_root == EMPTY and (second_size > 0 or second_root == EMPTY)
    if first_size >= second_size:
        return not path and first == second
    whole = first_size & (first_size - 1) == 0
    nodes = [first_root, *path] if whole else list(path)
    return bool(nodes) and _fold(first_size - 1, second_size - 1, nodes) == (
        first_root,
        second_root,
    )


def _fold(left: int, right: int, nodes: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the roots that the nodes lead to; None if there are too few or too many."""
    while left & 1:
        left, right = left >> 1, right >> 1
    first = second = nodes[0]
    for node in nodes[1:]:
        if right == 0:
            return None
        if left & 1 or left == right:
            first, second = node_hash(node, first), node_hash(node, second)
            while left and not left & 1:
                left, right = left >> 1, right >> 1
        else:
            second = node_hash(second, node)
        left, right = left >> 1, right >> 1
    return (first, second) if right == 0 else None
