"""From a webhook to receipts: one for each partition that has an item of it. Pure."""

from collections.abc import Callable

import msgspec

from services import topology
from services.contract import Receipt

NO_KEY = ""


def copies(
    receipt: Receipt, keys: list[str], ours: Callable[[str], str], partitions: int
) -> list[tuple[int, Receipt]]:
    """(partition, receipt for it). `ours` leads from Meta's id of a number to our own, which
    lasts: so a number keeps its partition when it moves.

    Without any key, by the receipt's own id, for everything in it.
    """
    if not keys:
        return [(topology.partition_of(str(receipt.id), partitions), receipt)]
    by_partition: dict[int, list[str]] = {}
    for key in keys:
        by_partition.setdefault(topology.partition_of(ours(key), partitions), []).append(key)
    by_partition[topology.partition_of(ours(keys[0]), partitions)].append(NO_KEY)
    return [(partition, _for_keys(receipt, own)) for partition, own in by_partition.items()]


def _for_keys(receipt: Receipt, keys: list[str]) -> Receipt:
    unproven = [key for key in receipt.unproven if key in keys]
    return msgspec.structs.replace(receipt, keys=keys, unproven=unproven)
