"""The tree against RFC 6962's own definition, written out as it stands there."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.log import merkle
from archiver.log.merkle import (
    EMPTY,
    Tree,
    fold_peaks,
    leaf_hash,
    load_tree,
    sibling_ranges,
    whole_subtrees,
)


def mth(leaves: list[bytes]) -> bytes:
    """Merkle Tree Hash, section 2.1; the leaves are hashed already."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]), section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


LEAVES = [leaf_hash(b"%d" % n) for n in range(1400)]


def tree_of(leaves: list[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def test_the_hashes_are_those_of_the_rfc() -> None:
    # Test vectors of Certificate Transparency: the empty tree, and one empty leaf.
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"").hex() == empty


@pytest.mark.parametrize("size", [*range(20), 255, 256, 257, 511, 512, 513, 1023, 1024, 1400])
def test_a_tree_that_grew_has_the_root_of_one_that_was_made_at_once(size: int) -> None:
    tree = tree_of(LEAVES[:size])
    assert tree.root() == mth(LEAVES[:size])
    again = load_tree(size, tree.edge_bytes())
    again.append(LEAVES[0])
    assert again.root() == mth([*LEAVES[:size], LEAVES[0]])


def test_an_edge_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="edge"):
        load_tree(3, bytes(32))


def test_what_is_kept_are_whole_subtrees_of_256_and_of_256_of_these() -> None:
    kept = {(level, index): hash for level, index, hash in tree_of(LEAVES).completed}
    assert set(kept) == {(8, n) for n in range(5)}
    assert kept[8, 3] == mth(LEAVES[768:1024])
    many = tree_of([LEAVES[n % 1400] for n in range(1 << 16)])
    assert [(level, index) for level, index, _ in many.completed if level == 16] == [(16, 0)]
    assert many.completed[-1][2] == many.root()


@given(st.integers(1, 1400).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_a_proof_comes_to_the_root_and_is_the_rfc_s(of: tuple[int, int]) -> None:
    index, size = of
    leaves = LEAVES[:size]
    made = [mth(leaves[start:end]) for start, end in sibling_ranges(index, size)]
    assert made == path(index, leaves)
    assert merkle.root_from_path(leaves[index], index, size, made) == mth(leaves)
    if made:
        assert merkle.root_from_path(leaves[index], index, size, [*made[:-1], bytes(32)]) != mth(
            leaves
        )
        assert merkle.root_from_path(leaves[index], index, size, made[1:]) is None
    assert merkle.root_from_path(leaves[index], size, size, made) is None


@pytest.mark.slow
@given(st.integers(1, 1400).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_every_part_of_a_proof_is_made_of_what_is_kept(of: tuple[int, int]) -> None:
    index, size = of
    kept = {(level, n): hash for level, n, hash in tree_of(LEAVES).completed}
    kept |= {(0, n): hash for n, hash in enumerate(LEAVES)}
    for start, end in sibling_ranges(index, size):
        peaks = []
        for level, n in whole_subtrees((start, end)):
            below, first, count = merkle.stored_nodes(level, n)
            assert count <= 128, "some hundreds, and not all"
            peaks.append(merkle.subtree_root([kept[below, first + each] for each in range(count)]))
        assert fold_peaks(peaks) == mth(LEAVES[start:end])
