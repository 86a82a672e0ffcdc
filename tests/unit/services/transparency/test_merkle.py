"""The Merkle tree against the definitions of RFC 6962."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.transparency import merkle
from services.transparency.merkle import Tree, leaf_hash


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
ENTRY_IN_LOG = st.integers(1, 1400).flatmap(
    lambda size: st.tuples(st.integers(0, size - 1), st.just(size))
)


def tree_of(leaves: list[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def test_hashes_are_the_test_vectors_of_certificate_transparency() -> None:
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    empty_leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert (merkle.EMPTY.hex(), leaf_hash(b"").hex()) == (nothing, empty_leaf)


@pytest.mark.parametrize("size", [*range(20), 255, 256, 257, 511, 512, 513, 1023, 1024, 1400])
def test_root_of_a_grown_tree_is_that_of_the_rfc_also_after_loading(size: int) -> None:
    tree = tree_of(LEAVES[:size])
    assert tree.root() == mth(LEAVES[:size])
    loaded = merkle.load_tree(size, tree.edge_bytes())
    loaded.append(LEAVES[0])
    assert loaded.root() == mth([*LEAVES[:size], LEAVES[0]])


def test_edge_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="edge"):
        merkle.load_tree(3, bytes(32))


def test_completed_nodes_are_subtrees_of_256_and_of_256_of_these() -> None:
    nodes = {(level, index): hash for level, index, hash in tree_of(LEAVES).completed}
    assert set(nodes) == {(8, n) for n in range(5)}
    assert nodes[8, 3] == mth(LEAVES[768:1024])
    large = tree_of([LEAVES[n % 1400] for n in range(1 << 16)])
    assert [(level, index) for level, index, _ in large.completed if level == 16] == [(16, 0)]
    assert large.completed[-1][2] == large.root()


@given(ENTRY_IN_LOG)
def test_inclusion_proof_is_that_of_the_rfc_and_leads_to_the_root(of: tuple[int, int]) -> None:
    index, size = of
    leaves = LEAVES[:size]
    proof = [mth(leaves[start:end]) for start, end in merkle.sibling_ranges(index, size)]
    assert proof == path(index, leaves)
    assert merkle.root_from_path(leaves[index], index, size, proof) == mth(leaves)
    assert merkle.root_from_path(leaves[index], size, size, proof) is None
    if proof:
        wrong = [*proof[:-1], bytes(32)]
        assert merkle.root_from_path(leaves[index], index, size, wrong) != mth(leaves)
        assert merkle.root_from_path(leaves[index], index, size, proof[1:]) is None


@pytest.mark.slow
@given(ENTRY_IN_LOG)
def test_inclusion_proof_is_made_of_at_most_128_stored_nodes_a_part(of: tuple[int, int]) -> None:
    index, size = of
    nodes = {(level, n): hash for level, n, hash in tree_of(LEAVES).completed}
    nodes |= {(0, n): hash for n, hash in enumerate(LEAVES)}
    for start, end in merkle.sibling_ranges(index, size):
        peaks = []
        for level, n in merkle.whole_subtrees((start, end)):
            below, first, count = merkle.stored_nodes(level, n)
            assert count <= 128
            peaks.append(merkle.subtree_root([nodes[below, first + each] for each in range(count)]))
        assert merkle.fold_peaks(peaks) == mth(LEAVES[start:end])
