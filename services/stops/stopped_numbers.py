"""SQL that leaves stopped numbers alone.

A stopped number rests from the commit of its row: no time-out, no message and no look of ours
begins. What has begun ends, and what waits in queues is delivered.
"""

from services.postgres.database import Connection, Pool

_STOPPED = "select {} from sharing.stopped_number"
STOPPED_NUMBERS = f"array({_STOPPED.format('number')})"
"""All of them, read once in a statement: a handful of rows."""
STOPPED_TENANTS = f"array({_STOPPED.format('tenant')})"


def not_stopped(number: str) -> str:
    """Return the condition that the number in this column or expression is not stopped."""
    return f"{number} <> all({STOPPED_NUMBERS})"


async def stopped_numbers(connection: "Connection | Pool") -> frozenset[str]:
    return frozenset(row["number"] for row in await connection.fetch(_STOPPED.format("number")))


async def stopped_tenants(connection: "Connection | Pool") -> frozenset[str]:
    return frozenset(row["tenant"] for row in await connection.fetch(_STOPPED.format("tenant")))
