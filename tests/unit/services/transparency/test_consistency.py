"""Consistency proofs against the definitions of RFC 9162, section 2.1.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.transparency.consistency import consistency_ranges, is_consistent
from tests.support.transparency import GrowingLog, mth

LEAVES = GrowingLog().leaves(300)
LOG = GrowingLog()
SIZES = st.integers(1, 300).flatmap(
    lambda second: st.tuples(st.integers(1, second), st.just(second))
)


def head(size: int) -> tuple[int, bytes]:
    return size, mth(LEAVES[:size])


@given(SIZES)
def test_proof_is_that_of_the_rfc_and_holds(sizes: tuple[int, int]) -> None:
    first, second = sizes
    proof = [mth(LEAVES[start:end]) for start, end in consistency_ranges(first, second)]
    assert proof == LOG.proof(first, second)
    assert is_consistent(head(first), head(second), proof)


@given(SIZES, st.integers(0, 9))
def test_proof_of_another_tree_does_not_hold(sizes: tuple[int, int], place: int) -> None:
    first, second = sizes
    proof = LOG.proof(first, second)
    other = (first, mth([*LEAVES[: first - 1], bytes(32)]))
    assert not is_consistent(other, head(second), proof)
    assert not is_consistent(head(first), (second, bytes(32)), proof)
    assert not is_consistent(head(first), head(second), [*proof, bytes(32)])
    if proof:
        at = place % len(proof)
        assert not is_consistent(head(first), head(second), proof[:at] + proof[at + 1 :])
        wrong = [*proof[:at], bytes(32), *proof[at + 1 :]]
        assert not is_consistent(head(first), head(second), wrong)


@pytest.mark.parametrize(
    ("first", "second", "path", "holds"),
    [
        (head(0), head(0), [], True),
        (head(0), head(7), [], True),
        (head(0), head(7), [bytes(32)], False),
        ((0, bytes(32)), head(7), [], False),
        (head(0), (0, bytes(32)), [], False),
        (head(7), head(7), [], True),
        (head(7), head(7), [bytes(32)], False),
        (head(7), (7, bytes(32)), [], False),
        (head(8), head(7), LOG.proof(7, 8), False),
        (head(6), head(7), [], False),
    ],
)
def test_trees_that_need_no_proof_take_none(
    first: tuple[int, bytes], second: tuple[int, bytes], path: list[bytes], *, holds: bool
) -> None:
    assert is_consistent(first, second, path) == holds
