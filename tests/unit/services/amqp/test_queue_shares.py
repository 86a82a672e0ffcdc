"""Shares of instances in queues: even, the same for all who look, and moved by few."""

from collections import Counter
from collections.abc import Iterable
from itertools import product
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.amqp.queue_shares import Instance, queue_owners, queue_to_let_go

A, B, C = (UUID(int=n) for n in range(1, 4))
ONE, TWO, THREE = "router.partition.0", "router.partition.1", "router.partition.2"
SHARED = [(1, 1), (2, 1), (2, 2), (2, 3), (4, 3), (8, 3), (16, 5), (64, 7)]


def instances(queues: int, count: int, seed: int) -> list[Instance]:
    random = Random(seed)
    read = frozenset(f"router.partition.{n}" for n in range(queues))
    return [Instance(UUID(int=random.getrandbits(128)), read, frozenset()) for _ in range(count)]


def reading(id: UUID, *queues: str, holds: tuple[str, ...] = ()) -> Instance:
    return Instance(id, frozenset(queues), frozenset(holds))


@pytest.mark.parametrize(("queues", "count"), SHARED)
@pytest.mark.parametrize("seed", range(5))
def test_shares_differ_by_one_at_most_and_leave_out_no_queue(
    queues: int, count: int, seed: int
) -> None:
    each = instances(queues, count, seed)
    shares = Counter(queue_owners(each).values())
    sizes = [shares[one.id] for one in each]
    assert sum(sizes) == queues
    assert max(sizes) == -(-queues // count)
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("queues", "count"), SHARED)
def test_shares_do_not_depend_on_the_order_of_the_rows(queues: int, count: int) -> None:
    each = instances(queues, count, 0)
    assert queue_owners(each) == queue_owners(each[::-1])


@pytest.mark.parametrize(("queues", "count"), [(8, 2), (16, 3), (64, 3)])
def test_one_that_comes_or_goes_moves_little_besides_its_own_share(queues: int, count: int) -> None:
    moved = 0
    for seed in range(50):
        each = instances(queues, count + 1, seed)
        before, after = queue_owners(each[1:]), queue_owners(each)
        moved += sum(before[queue] != after[queue] for queue in before)
    assert moved <= 50 * 2 * queues / (count + 1)


def test_queue_is_in_the_share_of_one_that_reads_it() -> None:
    """One that does not know a new queue yet, or has lost the broker, gets none that it misses."""
    assert queue_owners([reading(A), reading(B, ONE)]) == {ONE: B}
    assert queue_owners([reading(A, ONE), reading(B, ONE, TWO)]) == {ONE: A, TWO: B}
    assert queue_owners([reading(A)]) == {}


IDS = st.lists(st.uuids(), min_size=1, max_size=4, unique=True)
QUEUES = [f"deliverer.d{n}" for n in range(5)]
READS = st.lists(st.frozensets(st.sampled_from(QUEUES)), min_size=4, max_size=4)


def unevenness(owners: Iterable[UUID]) -> int:
    return sum(size**2 for size in Counter(owners).values())


@given(IDS, READS)
def test_each_queue_that_anyone_reads_has_an_owner_that_reads_it_and_shares_are_as_even_as_can_be(
    ids: list[UUID], reads: list[frozenset[str]]
) -> None:
    each = [reading(id, *read) for id, read in zip(ids, reads, strict=False)]
    readers = {
        queue: able for queue in QUEUES if (able := [one.id for one in each if queue in one.reads])
    }
    owners = queue_owners(each)
    assert owners.keys() == readers.keys()
    assert all(owner in readers[queue] for queue, owner in owners.items())
    assert unevenness(owners.values()) == min(map(unevenness, product(*readers.values())))
    assert owners == queue_owners(each[::-1])


@given(st.lists(st.uuids(), min_size=4, max_size=4, unique=True))
def test_new_queue_that_one_reads_so_far_moves_few_others(ids: list[UUID]) -> None:
    """Instances are replaced one after the other, and the new ones know a destination more."""
    read = [f"deliverer.d{n}" for n in range(16)]
    before = queue_owners([reading(id, *read) for id in ids])
    after = queue_owners([reading(ids[0], *read, "new"), *(reading(id, *read) for id in ids[1:])])
    assert after["new"] == ids[0]
    assert sum(before[queue] != after[queue] for queue in read) <= 6, "of 16; at random, 12 do"


def test_only_what_is_held_and_in_the_share_of_another_is_let_go() -> None:
    own = reading(A, ONE, TWO, THREE, holds=(TWO, THREE))
    assert queue_to_let_go(own, {ONE: B, TWO: A, THREE: A}) is None
    assert queue_to_let_go(own, {ONE: B, TWO: B, THREE: C}) == TWO
    assert queue_to_let_go(own, {ONE: B, TWO: B, THREE: C}, kept=[TWO]) == THREE
    assert queue_to_let_go(own, {}) is None, "nobody else has it"
