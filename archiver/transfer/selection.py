"""Choose the conversations of a transfer, and count those that stay behind."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.transfer.packing_slip import Reason
from services.postgres.database import Connection

AT_ONCE = 500
"""Conversations that are asked about by one statement."""

T = TypeVar("T")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions must hold of a conversation."""

    tenant: str
    conversation: str = ""
    since: date | None = None
    """First day on which it may have been closed, in Amsterdam."""
    until: date | None = None
    """Last day."""
    departments: tuple[str, ...] = ()
    """It was with one of these."""
    code: str = ""
    """Result of the selection list."""
    zaak: str = ""
    is_permanent: bool = False
    """It is kept for ever: the list for transfer."""

    def conditions(self) -> dict[str, str]:
        """Return the conditions in words for the packing slip."""
        given = {
            "gesprek": self.conversation,
            "gesloten vanaf": self.since.isoformat() if self.since else "",
            "gesloten tot en met": self.until.isoformat() if self.until else "",
            "afdeling": ", ".join(self.departments),
            "resultaat van de selectielijst": self.code,
            "zaak": self.zaak,
            "waardering": "blijvend te bewaren" if self.is_permanent else "",
        }
        return {name: value for name, value in given.items() if value} or {"alles": "ja"}


class Choice(msgspec.Struct, frozen=True):
    """Chosen conversations, those that were closed first first; and how many stay behind."""

    conversations: tuple[str, ...]
    left_out: Mapping[Reason, int]


async def choose(
    connection: Connection, keys: KeyStore, selection: Selection, log_size: int
) -> Choice:
    """Choose on the connection of one transaction."""
    left_out = Counter[Reason]()
    left_out["destroyed"] = await connection.fetchval(_DESTROYED, *_destroyed_arguments(selection))
    chosen = list[str]()
    async for batch in _candidates(connection, keys, selection):
        changed = [row["conversation"] for row in batch if row["position"] >= log_size]
        earlier = await connection.fetch(_EARLIER, selection.tenant, changed, log_size)
        left_out["later"] += len(earlier)
        as_it_was = [row for row in batch if row["position"] < log_size]
        known = [row["conversation"] for row in as_it_was if row["state"] != "open"]
        left_out["open"] += len(as_it_was) - len(known)
        held = await connection.fetch(_HELD, selection.tenant, known)
        behind = {row["id"] for row in held}
        left_out["held"] += len(behind)
        chosen += [id for id in known if id not in behind]
    return Choice(tuple(chosen), dict(left_out))


async def _candidates(
    connection: Connection, keys: KeyStore, selection: Selection
) -> AsyncIterator[Sequence[Any]]:
    """Yield batches of dossiers of which the conditions hold."""
    rows = await connection.fetch(_DOSSIERS, *_arguments(selection))
    for batch in _batches(rows):
        if not selection.zaak:
            yield batch
            continue
        asked = [row["conversation"] for row in batch if row["has_zaak"]]
        found = await _of_zaak(connection, keys, selection, asked)
        yield [row for row in batch if row["conversation"] in found]


async def _of_zaak(
    connection: Connection, keys: KeyStore, selection: Selection, asked: Sequence[str]
) -> set[str]:
    """Return those of these conversations of which the zaak is that of the selection: its number is
    sealed, so their changes are opened."""
    last = dict[str, str]()
    rows = await connection.fetch(_CHANGES, selection.tenant, asked)
    for row in decrypt_rows(rows, keys):
        if zaak := msgspec.json.decode(row["data"], type=_Step).zaak:
            last[row["conversation"]] = zaak
    return {id for id, zaak in last.items() if zaak == selection.zaak}


class _Step(msgspec.Struct, frozen=True):
    zaak: str | None = None


async def find_gone(connection: Connection, tenant: str, conversations: Sequence[str]) -> set[str]:
    """Return those of these conversations that were destroyed."""
    gone = set[str]()
    for batch in _batches(conversations):
        rows = await connection.fetch(_KEPT, tenant, list(batch))
        gone |= {*batch} - {row["conversation"] for row in rows}
    return gone


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


def _arguments(selection: Selection) -> tuple[object, ...]:
    return (
        selection.tenant,
        selection.conversation,
        selection.since,
        selection.until,
        list(selection.departments),
        selection.code,
        selection.is_permanent,
    )


def _destroyed_arguments(selection: Selection) -> tuple[object, ...]:
    """A destroyed conversation has no zaak any more, and none is permanent."""
    cannot_be = bool(selection.zaak) or selection.is_permanent
    return (*_arguments(selection)[:6], cannot_be)


_DOSSIERS = """
select conversation, state, position, has_zaak from archiver.dossier
where tenant = $1 and ($2 = '' or conversation = $2)
    and ($3::date is null or (closed_at at time zone 'Europe/Amsterdam')::date >= $3)
    and ($4::date is null or (closed_at at time zone 'Europe/Amsterdam')::date <= $4)
    and ($5::text[] = '{}' or departments && $5) and ($6 = '' or valued_code = $6)
    and (not $7 or state = 'permanent')
order by closed_at, conversation
"""
_DESTROYED = """
select count(*) from archiver.destruction_item
where tenant = $1 and state = 'destroyed' and ($2 = '' or conversation = $2)
    and ($3::date is null or closed_on >= $3) and ($4::date is null or closed_on <= $4)
    and ($5::text[] = '{}' or department = any($5)) and ($6 = '' or code = $6) and not $7
"""
"""The item of a list knows the last department of what was destroyed."""
_EARLIER = """
select distinct conversation from archiver.entry
where tenant = $1 and conversation = any($2::text[]) and conversation <> '' and position < $3
"""
"""One that began after the checkpoint is not of the record that is exported."""
_HELD = "select archiver.held_of($1, $2) as id"
_CHANGES = f"""{RECORDS}
where e.tenant = $1 and e.conversation = any($2::text[]) and e.conversation <> ''
    and e.kind = 'conversation'
order by e.sequence, e.id
"""
_KEPT = """
select conversation from archiver.conversation_key
where tenant = $1 and conversation = any($2::text[])
"""
