"""Fencing: only the router with the newest epoch of a partition writes for it."""

from services.postgres.database import Connection


class PartitionFenced(Exception):
    """Another router has taken over the partition: nothing was written."""


async def check_epoch(connection: Connection, partition: int, epoch: int) -> None:
    """Keep the epoch from changing until the transaction ends.

    Raises PartitionFenced when this router has lost the partition.
    """
    current = await connection.fetchval(
        "select epoch from router.lease where partition = $1 for share", partition
    )
    if current != epoch:
        raise PartitionFenced
