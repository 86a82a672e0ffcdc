"""Rows of an Open Klant's objects that a test put there, with the hashes of a service."""

from deliverer.destinations.openklant.row_seals import BOUND, row_seal
from services.postgres.database import Pool


async def fit_rows(pool: Pool) -> None:
    for table, columns in BOUND.items():
        for row in await pool.fetch(f"select * from {table}"):
            await pool.execute(
                f"update {table} set seal = $3 where destination = $1 and {columns[0]} = $2",
                row["destination"], row[columns[0]], row_seal(table, row["destination"], row),
            )  # fmt: skip
