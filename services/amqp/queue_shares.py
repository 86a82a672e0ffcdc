"""Shares of the instances of a service in its queues. Pure.

Every instance comes to the same shares by itself, from the same rows: no instance deals them out.
Each gets as many queues as the others or one more. An instance that comes or goes moves few queues
besides those that it takes or leaves.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID


class Instance(NamedTuple):
    id: UUID
    reads: frozenset[str]
    """Queues of which the broker confirms it as a reader."""
    holds: frozenset[str]
    """Those of them whose messages it gets."""


def queue_owners(instances: Sequence[Instance]) -> dict[str, UUID]:
    """Return each queue with the instance in whose share it is: one that reads it.

    Of all pairs of an instance and a queue the one with the highest rank is taken first, and so on
    while the instance has room.
    """
    readers = [each for each in instances if each.reads]
    queues = frozenset[str]().union(*(each.reads for each in readers))
    least, larger = divmod(len(queues), max(1, len(readers)))
    owners, shares = dict[str, UUID](), Counter[UUID]()
    pairs = [(_rank(each.id, queue), queue, each.id) for each in readers for queue in each.reads]
    for _, queue, id in sorted(pairs, reverse=True):
        if queue in owners or shares[id] > least or (shares[id] == least and not larger):
            continue
        larger -= shares[id] == least
        shares[id] += 1
        owners[queue] = id
    return owners


def queue_to_let_go(
    own: Instance, owners: dict[str, UUID], kept: Collection[str] = ()
) -> str | None:
    """Return a queue that `own` holds and another has in its share, or None. Only who reads a queue
    has it in its share, so it is not let go in vain."""
    return min(
        (queue for queue in own.holds.difference(kept) if owners.get(queue, own.id) != own.id),
        default=None,
    )


def _rank(id: UUID, queue: str) -> bytes:
    return hashlib.blake2b(queue.encode(), key=id.bytes, digest_size=8).digest()
