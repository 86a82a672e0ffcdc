"""The number of partitions, on which all services of an installation agree.

With two numbers at once the messages of one of our numbers would lie in two queues, and two routers
would write its conversations. The first service that ever starts notes the number of its
configuration; `postkamer topology repartition` changes it while no service runs.
"""

from services.postgres.database import Connection, Pool


class OtherPartitionCount(Exception):
    """This service was configured with another number of partitions than the installation has."""


async def agree_on_partitions(pool: Pool, count: int) -> None:
    """Return if the installation has `count` partitions. Raises OtherPartitionCount."""
    known = await read_partition_count(pool)
    if known is None:
        await pool.execute(_NOTE, count)
        known = await read_partition_count(pool)
    if known != count:
        raise OtherPartitionCount(
            f"the configuration says partitions = {count}, and this installation has {known}:"
            " postkamer topology repartition changes that"
        )


async def read_partition_count(connection: "Pool | Connection") -> int | None:
    """Return the number of partitions; None before the first service started."""
    count = await connection.fetchval("select count from sharing.partitions")
    return None if count is None else int(count)


_NOTE = "insert into sharing.partitions (count) values ($1) on conflict do nothing"
