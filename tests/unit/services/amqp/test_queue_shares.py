"""Shares of instances in queues: even, the same for all who look, and moved by few."""

from collections import Counter
from random import Random
from uuid import UUID

import pytest

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


def test_only_what_is_held_and_in_the_share_of_another_is_let_go() -> None:
    own = reading(A, ONE, TWO, THREE, holds=(TWO, THREE))
    assert queue_to_let_go(own, {ONE: B, TWO: A, THREE: A}) is None
    assert queue_to_let_go(own, {ONE: B, TWO: B, THREE: C}) == TWO
    assert queue_to_let_go(own, {ONE: B, TWO: B, THREE: C}, kept=[TWO]) == THREE
    assert queue_to_let_go(own, {}) is None, "nobody else has it"
