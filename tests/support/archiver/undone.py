"""A transaction whose changes are taken back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.postgres.database import Connection


@asynccontextmanager
async def undone(connection: Connection) -> AsyncIterator[None]:
    """Take back all changes within: a database of its own for each of them takes longer."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()
