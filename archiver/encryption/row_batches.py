"""Decrypted rows of the archive, in batches."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from archiver.encryption.decrypt_rows import decrypt_rows
from archiver.encryption.key_store import KeyStore
from services.postgres.database import Connection

BATCH = 500
"""Rows in memory at the same time, some 5 KB each."""


class RowBatch(msgspec.Struct, frozen=True):
    """Decrypted rows of one batch."""

    rows: list[dict[str, Any]]
    """Rows that could be decrypted, each with its decoded data as `fields`."""
    destroyed: int
    """Number of rows that could not, because their keys were destroyed."""


async def decrypt_batches(
    connection: Connection, keys: KeyStore, query: str, *arguments: Any
) -> AsyncIterator[RowBatch]:
    """Yield the rows of a query in batches. Call it in a transaction."""
    cursor = await connection.cursor(query, *arguments)
    while rows := await cursor.fetch(BATCH):
        decrypted = [row | {"fields": decode_data(row)} for row in decrypt_rows(rows, keys)]
        destroyed = sum(row["wrapped"] is None or row["salt"] is None for row in rows)
        yield RowBatch(decrypted, destroyed)


def decode_data(row: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(row["data"])
    return fields
