"""Records of destructions, for whoever holds a table against them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from archiver.audit.log_walk import Finding
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore, Place
from archiver.index.record_fields import Destruction
from archiver.log.past_destruction import read_destruction
from services.postgres.database import Connection

WHAT = "destruction"
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


class RecordedDestruction(msgspec.Struct, frozen=True):
    """A destruction and its place in the log."""

    destruction: Destruction
    row: Mapping[str, Any]

    @property
    def is_first_of_conversation(self) -> bool:
        """True for a destruction of a conversation that was not carried out before a restore."""
        destruction = self.destruction
        is_whole = destruction.conversation and destruction.entry is None
        return bool(is_whole) and destruction.first_at is None

    def finding(self, sentence: str) -> Finding:
        return Finding(WHAT, sentence, self.row["position"], str(self.row["id"]))


class Destroyed(msgspec.Struct):
    """Destructions of one conversation: their lists, and the numbers of their orders."""

    lists: set[str] = set()
    orders: set[int] = set()


async def find_erased(connection: Connection) -> dict[str, int]:
    """Return the position of the last erasure of each whole municipality, which destroyed its keys.
    One that comes back gets new ones."""
    return {row["tenant"]: row["position"] for row in await connection.fetch(_ERASED)}


def is_shut(row: Row, erased: Mapping[str, int]) -> bool:
    """Return True for an entry that was destroyed, or that was written before its municipality was
    erased."""
    is_gone = row["salt"] is None or row["wrapped"] is None
    return is_gone or row["position"] < erased.get(row["tenant"], -1)


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


_OF_CONVERSATIONS = f"""{RECORDS}
where e.conversation = any($1::text[]) and e.conversation <> '' and e.kind = 'destruction'
    and e.message is null
"""
# A destruction of one entry has that as its message, one of a conversation has the conversation.
_ERASED = """
select tenant, max(position) as position from archiver.entry
where kind = 'destruction' and conversation = '' and message is null group by tenant
"""
