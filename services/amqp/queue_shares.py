"""Shares of the instances of a service in its queues. Pure.

Every instance comes to the same shares by itself, from the same rows: no instance deals them out.
Each gets as many queues as the others or one more, if all read the same queues. An instance that
comes or goes moves few queues besides those that it takes or leaves.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
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

    Where all read the same queues, shares differ by one at most. Otherwise they are as even as what
    each reads allows: no queue is left out because those that read it have their share already.
    """
    readers = [each for each in instances if each.reads]
    pairs = [(_rank(each.id, queue), queue, each.id) for each in readers for queue in each.reads]
    choices = [(queue, id) for _, queue, id in sorted(pairs, reverse=True)]
    owners = _first_choices(choices, len(readers))
    while moved := _levelled(owners, choices):
        owners |= moved
    return {queue: id for queue, id in owners.items() if id}


def _first_choices(choices: Sequence[tuple[str, UUID]], count: int) -> dict[str, UUID | None]:
    """Take the pair of the highest rank first, and so on while the instance has room. None is the
    owner of a queue whose readers have none left."""
    owners = dict[str, UUID | None].fromkeys(queue for queue, _ in choices)
    least, larger = divmod(len(owners), max(1, count))
    shares = Counter[UUID]()
    for queue, id in choices:
        if owners[queue] or shares[id] > least or (shares[id] == least and not larger):
            continue
        larger -= shares[id] == least
        shares[id] += 1
        owners[queue] = id
    return owners


def _levelled(
    owners: Mapping[str, UUID | None], choices: Sequence[tuple[str, UUID]]
) -> dict[str, UUID]:
    """Return new owners of a few queues, by which a queue without an owner gets one, or the share
    of one instance shrinks for one that has fewer by two or more; empty if shares are even.

    Shares between which no such row of moves exists are the most even ones that there are.
    """
    shares = Counter({id: 0 for _, id in choices} | Counter(filter(None, owners.values())))
    rich = [id for id in sorted(shares) if shares[id] - min(shares.values()) > 1]
    for giver in [None] if None in owners.values() else rich:
        moves = _moves_from(giver, owners, choices)
        taker = min(moves, key=shares.__getitem__, default=None)
        if taker and (giver is None or shares[giver] - shares[taker] > 1):
            return moves[taker]
    return {}


def _moves_from(
    giver: UUID | None, owners: Mapping[str, UUID | None], choices: Sequence[tuple[str, UUID]]
) -> dict[UUID, dict[str, UUID]]:
    """Return each instance that can take a queue from `giver`, the nearest first, with the moves:
    it takes one from `giver`, or from one that takes one from `giver`, and so on."""
    takers = defaultdict[UUID | None, list[tuple[str, UUID]]](list)
    for queue, id in choices:
        takers[owners[queue]].append((queue, id))
    moves: dict[UUID | None, dict[str, UUID]] = {giver: {}}
    reached = [giver]
    for each in reached:  # grows meanwhile
        for queue, id in takers[each]:
            if id not in moves:
                moves[id] = moves[each] | {queue: id}
                reached.append(id)
    return {id: moved for id, moved in moves.items() if id and id != giver}


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
