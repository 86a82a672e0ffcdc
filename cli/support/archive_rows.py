"""Decrypted rows of the archive, in batches."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from archiver.encryption.decrypt_rows import decrypt_rows
from archiver.encryption.key_store import KeyStore
from cli.support.output import fail
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


async def load_hash_keys(connection: Connection, keys: KeyStore) -> dict[str, bytes]:
    """Return the key of the index of people for each municipality in the archive."""
    return {tenant: await keys.hash_key(tenant) for tenant in await load_tenants(connection)}


async def load_tenants(connection: Connection) -> list[str]:
    """Return the municipalities that have anything in the archive, in order."""
    return [row["tenant"] for row in await connection.fetch(_MUNICIPALITIES)]


async def require_tenant(connection: Connection, tenant: str | None) -> str:
    """Return the municipality; without an id the only one in the archive. Print a fault and exit.

    Call it before an audit entry is written: an entry of an unknown municipality is a wrong record.
    """
    tenants = await load_tenants(connection)
    if tenant is None and len(tenants) == 1:
        return tenants[0]
    if tenant not in tenants:
        fail(f"--tenant: expected one of {', '.join(tenants) or 'none: the archive is empty'}", 2)
    return tenant


_MUNICIPALITIES = """
select distinct tenant from archiver.municipality_key
where purpose = 'hash' and tenant <> '' order by tenant
"""
