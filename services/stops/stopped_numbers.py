"""SQL that leaves stopped numbers alone.

A stopped number rests from the commit of its row: no time-out, no message and no look of ours
begins. What has begun ends, and what waits in queues is delivered.
"""

from services.postgres.database import Connection, Pool

_STOPPED = "select {} from sharing.stopped_number"


def not_stopped(number: str) -> str:
    """Return the condition that the number in this column or expression is not stopped.

    PostgreSQL reads the handful of rows once for a statement, and takes half of all numbers to be
    stopped. Asked with `<> all`, it knows that a number has most of a table, expects hardly a row,
    and leaves the index."""
    return f"{number} not in ({_STOPPED.format('number')})"


async def stopped_numbers(connection: "Connection | Pool") -> frozenset[str]:
    return frozenset(row["number"] for row in await connection.fetch(_STOPPED.format("number")))


async def stopped_tenants(connection: "Connection | Pool") -> frozenset[str]:
    return frozenset(row["tenant"] for row in await connection.fetch(_STOPPED.format("tenant")))
