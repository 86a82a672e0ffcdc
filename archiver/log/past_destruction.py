"""Destructions on the record, for whoever asks for something that was destroyed: when, on which
ground, by which list, and who approved that."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore, Place
from archiver.index.record_fields import GROUNDS, Destruction
from services.postgres.database import Connection, Pool

Ground = Literal["term", "request", "other"]
"""term: the term of the selection list was over. request: an erasure was granted. other: none of
these, in the words of the record."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""
_CODES: Mapping[str, Ground] = {GROUNDS["term"]: "term", GROUNDS["request"]: "request"}


class PastDestruction(msgspec.Struct, frozen=True, kw_only=True):
    """Destruction of a conversation, or of one entry of it."""

    at: datetime
    """Time of the first destruction: after a restore, or for what came late, it is repeated."""
    words: str
    """Ground in the words of the record."""
    list: str
    """Destruction list; '' without one."""
    by: str
    """Person who approved the list; '' without one."""
    entry: UUID
    """Record of the destruction."""

    @property
    def ground(self) -> Ground:
        return _CODES.get(self.words, "other")


async def load_destruction(
    source: "Connection | Pool", keys: KeyStore, place: Place, entry: Row | None = None
) -> PastDestruction | None:
    """Return the first destruction of a conversation; with an entry of it, the first that took
    along the content of that: its own, or a later one of its conversation or municipality."""
    tenant, conversation = place
    id, position = (entry["id"], entry["position"]) if entry else (None, -1)
    rows = await source.fetch(_DESTRUCTIONS, tenant, conversation, id, position)
    if not rows:
        rows = await source.fetch(_OF_MUNICIPALITY, tenant, position)
    return first_destruction(decrypt_rows(rows, keys))


async def load_first_destructions(
    source: "Connection | Pool", keys: KeyStore, tenant: str, conversations: Sequence[str]
) -> dict[str, Destruction]:
    """Return the first destruction of each of these conversations, of one entry alone left out."""
    rows = await source.fetch(_OF_CONVERSATIONS, tenant, conversations)
    read = [(row, found) for row in decrypt_rows(rows, keys) if (found := read_destruction(row))]
    first: dict[str, Destruction] = {}
    for _, found in sorted(read, key=lambda pair: pair[1].first_at or pair[0]["at"]):
        first.setdefault(found.conversation, found)
    return first


def read_destruction(row: Row) -> Destruction | None:
    """Return what a decrypted record destroys; None if its sealed data is not of its columns, which
    is a finding of `postkamer archive verify`."""
    with suppress(msgspec.DecodeError):
        destruction = msgspec.json.decode(row["data"], type=Destruction)
        place = destruction.tenant, destruction.conversation, destruction.entry
        if place == (row["tenant"], row["conversation"], row["message"]):
            return destruction
    return None


def describe_destruction(past: PastDestruction) -> str:
    """Return when something was destroyed, on which ground and by whom, for a person. Pure."""
    on_list = f", by the list {past.list} that {past.by} approved" if past.list else ""
    return f"destroyed on {past.at:%Y-%m-%d %H:%M}Z: {past.words}{on_list}"


def first_destruction(rows: Iterable[Row]) -> PastDestruction | None:
    """Return the first of these destructions, which are decrypted records. Pure."""
    found = [
        past_destruction(destruction, row) for row in rows if (destruction := read_destruction(row))
    ]
    return min(found, key=lambda past: past.at, default=None)


def past_destruction(destruction: Destruction, row: Row) -> PastDestruction:
    """Return a destruction as its record has it. Pure."""
    return PastDestruction(
        at=destruction.first_at or row["at"],
        words=destruction.ground,
        list=destruction.list,
        by=destruction.by,
        entry=row["id"],
    )


_DESTRUCTIONS = f"""{RECORDS}
where e.tenant = $1 and e.kind = 'destruction' and e.position > $4
    and (e.conversation = $2 and e.conversation <> '' and e.message is null or e.message = $3)
"""
_OF_CONVERSATIONS = f"""{RECORDS}
where e.tenant = $1 and e.kind = 'destruction' and e.conversation = any($2::text[])
    and e.conversation <> '' and e.message is null
"""
_OF_MUNICIPALITY = f"""{RECORDS}
where e.tenant = $1 and e.kind = 'destruction' and e.conversation = '' and e.message is null
    and e.position > $2
"""
