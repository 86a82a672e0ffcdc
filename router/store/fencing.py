"""Fencing: only the router with the newest epoch of a partition writes for it."""

from services.postgres.database import Connection


class PartitionFenced(Exception):
    """Another router has taken over the partition: nothing was written."""


async def check_epoch(connection: Connection, partition: int, epoch: int) -> int:
    """Keep the epoch from changing until the transaction ends, and return the transaction's id.

    Raises PartitionFenced when this router has lost the partition.
    """
    lease = await connection.fetchrow(SELECT_LEASE, partition)
    if lease is None or lease["epoch"] != epoch:
        raise PartitionFenced
    return int(lease["transaction"])


SELECT_LEASE = """
select epoch, pg_current_xact_id()::text::bigint as transaction
from router.lease where partition = $1 for share
"""
