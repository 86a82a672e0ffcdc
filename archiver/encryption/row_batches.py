"""Decrypted rows of the archive, in batches."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
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


async def fetch_batches(
    connection: Connection, query: str, *arguments: Any
) -> AsyncIterator[list[Any]]:
    """Yield the rows of a query in batches, as they are stored. Call it in a transaction."""
    rows: list[Any] = []
    async for row in connection.cursor(query, *arguments, prefetch=BATCH):
        rows.append(row)
        if len(rows) == BATCH:
            yield rows
            rows = []
    if rows:
        yield rows


async def fetch_about(
    connection: Connection,
    keys: KeyStore,
    tenant: str,
    messages: Sequence[UUID],
    kinds: Sequence[str],
) -> AsyncIterator[dict[str, Any]]:
    """Yield the entries of some kinds about these messages, in any conversation, decrypted, the
    oldest of some messages first. Call it in a transaction."""
    for n in range(0, len(messages), BATCH):
        batch = messages[n : n + BATCH]
        async for rows in fetch_batches(connection, _ABOUT, tenant, batch, list(kinds)):
            for row in decrypt_rows(rows, keys):
                yield row


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


_ABOUT = f"""{RECORDS}
where e.tenant = $1 and e.message = any($2::uuid[]) and e.kind = any($3::text[]) order by e.id
"""
