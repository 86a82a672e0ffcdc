"""From a webhook to receipts: one for each partition that has an item of it. Pure."""

from collections.abc import Callable
from uuid import UUID

from services.amqp.topology import partition_of

NO_KEY = ""


def split_by_partition(
    keys: list[str], ours: Callable[[str], str], partitions: int, otherwise: UUID
) -> list[tuple[int, list[str]]]:
    """(partition, keys of a body that belong there). Without any key there is one share, for
    everything in the body, whose partition follows from `otherwise`.

    `ours` leads from Meta's id of a number to our own, which lasts: so a number keeps its partition
    when it moves. What belongs to no number goes with the first one.
    """
    if not keys:
        return [(partition_of(str(otherwise), partitions), [])]
    if len(keys) == 1:
        return [(partition_of(ours(keys[0]), partitions), [*keys, NO_KEY])]
    by_partition: dict[int, list[str]] = {}
    for key in keys:
        by_partition.setdefault(partition_of(ours(key), partitions), []).append(key)
    by_partition[partition_of(ours(keys[0]), partitions)].append(NO_KEY)
    return list(by_partition.items())
