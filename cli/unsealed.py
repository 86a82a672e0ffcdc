"""Commands that open the record: its keys, and its rows a few at a time."""

import os
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import msgspec

from archiver.record.keys import Keys, Locked
from archiver.record.reading import opened
from cli.tables import Refused
from services import settings
from services.database import Connection, Pool
from services.settings import in_bytes

BATCH = 500
"""Rows in memory at once, some 5 KB each."""


async def keys_on(connection: Connection) -> Keys:
    """For whoever has no other. Refused where the master key is another's, or none is given."""
    given = settings.load(settings.ArchiveSettings, os.environ)
    keys = Keys(cast(Pool, connection), [in_bytes(key) for key in given.archive_key])
    try:
        await keys.check()
    except Locked as error:
        raise Refused(str(error)) from None
    return keys


class Opened(msgspec.Struct, frozen=True):
    """What could be opened of some rows, with `said`, what stands in each; and how many could not,
    because their keys were destroyed."""

    rows: list[dict[str, Any]]
    destroyed: int


async def batches(
    connection: Connection, keys: Keys, query: str, *arguments: Any
) -> AsyncIterator[Opened]:
    """In a transaction."""
    cursor = await connection.cursor(query, *arguments)
    while rows := await cursor.fetch(BATCH):
        found = [row | {"said": said(row)} for row in opened(rows, keys)]
        gone = sum(row["wrapped"] is None or row["salt"] is None for row in rows)
        yield Opened(found, gone)


def said(row: Mapping[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = msgspec.json.decode(row["data"])
    return read


async def municipalities(connection: Connection, keys: Keys) -> dict[str, bytes]:
    """Those with anything in the record, and by which key people are found in it."""
    rows = await connection.fetch(_MUNICIPALITIES)
    return {row["tenant"]: await keys.hashing(row["tenant"]) for row in rows}


_MUNICIPALITIES = """
select distinct tenant from archiver.municipality_key where purpose = 'hash' and tenant <> ''
"""
