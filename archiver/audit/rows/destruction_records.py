"""Records of destructions, for whoever holds a table against them."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore, Place
from archiver.index.record_fields import Destruction
from services.postgres.database import Connection

Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


class Destroyed(msgspec.Struct):
    """Destructions of one conversation: their lists, and the numbers of their orders."""

    lists: set[str] = set()
    orders: set[int] = set()


async def find_destructions(
    connection: Connection, keys: KeyStore, rows: Sequence[Row]
) -> dict[Place, Destroyed]:
    """Return the destructions of those of these conversations that are said to be destroyed."""
    gone = [row["conversation"] for row in rows if row["state"] == "destroyed"]
    return await destructions_of(connection, keys, gone) if gone else {}


async def destructions_of(
    connection: Connection, keys: KeyStore, conversations: Sequence[str]
) -> dict[Place, Destroyed]:
    """Return the destructions of these conversations."""
    found: dict[Place, Destroyed] = {}
    for row in decrypt_rows(await connection.fetch(_OF_CONVERSATIONS, conversations), keys):
        if destruction := read_destruction(row):
            place = found.setdefault((row["tenant"], row["conversation"]), Destroyed())
            place.lists.add(destruction.list)
            if destruction.order is not None:
                place.orders.add(destruction.order)
    return found


def read_destruction(row: Row) -> Destruction | None:
    """Return what a decrypted record destroys; None if its sealed data is not of its columns, which
    is a finding of the log."""
    with suppress(msgspec.DecodeError):
        destruction = msgspec.json.decode(row["data"], type=Destruction)
        place = destruction.tenant, destruction.conversation, destruction.entry
        if place == (row["tenant"], row["conversation"], row["message"]):
            return destruction
    return None


_OF_CONVERSATIONS = f"""{RECORDS}
where e.conversation = any($1::text[]) and e.conversation <> '' and e.kind = 'destruction'
    and e.message is null
"""
