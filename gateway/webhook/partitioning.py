"""Split a webhook over partitions: one receipt for each partition that has an item of it. Pure."""

from collections.abc import Callable, Iterable, Mapping, Set
from uuid import UUID

from services.amqp.topology import partition_of

NO_KEY = ""


def concerns(keys: Iterable[str], owners: Mapping[str, frozenset[str]], numbers: Set[str]) -> bool:
    """Return True if a body with these keys has an item for one of our `numbers`. `owners` maps a
    key to our numbers; one that is in none is its own number."""
    return any(not numbers.isdisjoint(owners.get(key) or (key,)) for key in keys)


def split_by_partition(
    keys: list[str], number_id_for: Callable[[str], str], partitions: int, fallback: UUID
) -> list[tuple[int, list[str]]]:
    """Return (partition, keys of the body that belong there).

    `number_id_for` maps Meta's id of a number to our own id, which is permanent: a number keeps its
    partition when it moves to another provider. Items without a number go with the first key. A
    body without any key goes as a whole to the partition of `fallback`.
    """
    if not keys:
        return [(partition_of(str(fallback), partitions), [])]
    if len(keys) == 1:
        return [(partition_of(number_id_for(keys[0]), partitions), [*keys, NO_KEY])]
    by_partition: dict[int, list[str]] = {}
    for key in keys:
        by_partition.setdefault(partition_of(number_id_for(key), partitions), []).append(key)
    by_partition[partition_of(number_id_for(keys[0]), partitions)].append(NO_KEY)
    return list(by_partition.items())
