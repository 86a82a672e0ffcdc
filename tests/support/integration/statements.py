"""The statements that a request costs, so that two refusals can be compared by more than words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.postgres.database import Pool


@asynccontextmanager
async def statements_of(pool: Pool) -> AsyncIterator[list[str]]:
    """The statements of a pool, while its requests follow one another: they use one connection."""
    said: list[str] = []

    def note(query: Any) -> None:
        said.append(query.query)

    async with pool.acquire() as connection:
        connection.add_query_logger(note)
    yield said
    async with pool.acquire() as connection:
        connection.remove_query_logger(note)
