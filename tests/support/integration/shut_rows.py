"""Rows whose sealed value was altered on the disk, and the count of those that did not open."""

from uuid import UUID

from services import metrics
from services.postgres.database import Pool

ALTERED = {
    "bytea": "set_byte({0}, length({0}) - 1, get_byte({0}, length({0}) - 1) # 1)",
    "text": "overlay({0} placing 'AAAAAAAA' from 30)",
    "jsonb": "to_jsonb(overlay({0} #>> '{{}}' placing 'AAAAAAAA' from 30))",
}


async def alter(pool: Pool, table: str, column: str, id: UUID, key: str = "id") -> None:
    """Change bytes of one sealed value."""
    kind = await pool.fetchval(f"select pg_typeof({column})::text from {table} limit 1")
    await pool.execute(
        f"update {table} set {column} = {ALTERED[kind].format(column)} where {key} = $1", id
    )


def shut_rows(table: str) -> float:
    """Return how many rows of a table did not open so far."""
    value = metrics.REGISTRY.get_sample_value("postkamer_rows_shut_total", {"table": table})
    return value or 0.0
