"""Commands that open the record: its keys, and its rows a few at a time."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from archiver.encryption.decrypt_rows import opened
from archiver.encryption.key_store import KeyStore
from services.postgres.database import Connection

BATCH = 500
"""Rows in memory at once, some 5 KB each."""


class RowBatch(msgspec.Struct, frozen=True):
    """What could be opened of some rows, with `said`, what stands in each; and how many could not,
    because their keys were destroyed."""

    rows: list[dict[str, Any]]
    destroyed: int


async def decrypt_batches(
    connection: Connection, keys: KeyStore, query: str, *arguments: Any
) -> AsyncIterator[RowBatch]:
    """In a transaction."""
    cursor = await connection.cursor(query, *arguments)
    while rows := await cursor.fetch(BATCH):
        found = [row | {"fields": decode_data(row)} for row in opened(rows, keys)]
        gone = sum(row["wrapped"] is None or row["salt"] is None for row in rows)
        yield RowBatch(found, gone)


def decode_data(row: Mapping[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = msgspec.json.decode(row["data"])
    return read


async def load_hash_keys(connection: Connection, keys: KeyStore) -> dict[str, bytes]:
    """Those with anything in the record, and by which key people are found in it."""
    rows = await connection.fetch(_MUNICIPALITIES)
    return {row["tenant"]: await keys.hashing(row["tenant"]) for row in rows}


_MUNICIPALITIES = """
select distinct tenant from archiver.municipality_key where purpose = 'hash' and tenant <> ''
"""
