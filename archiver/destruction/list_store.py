"""Destruction lists in PostgreSQL. Each step is also recorded in the archive, in the same
transaction, and the database holds the rules as well: functions and triggers of
`0013_destruction.sql`."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from archiver.destruction.destruction_list import (
    CLOCKS_APART,
    EVENTS,
    PERSONS,
    DestructionList,
    DrawnList,
    ItemGroup,
    ItemHash,
    ItemState,
    ListEvent,
    ListItem,
    ListRefused,
    Step,
    check_step,
)
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.log.writer import writer_in_transaction
from archiver.retention.hold_store import HoldStore
from services import clock
from services.contract import Identified, Record
from services.postgres.database import Connection

KIND = "destruction-list"
"""Kind of the records of steps."""
MAX_ITEMS = 100_000
"""Conversations on one list. A person cannot look through more, and drawing so many takes
seconds."""
MAX_LISTED = 500
"""Lists, or items of one list, in one answer."""
AT_ONCE = 2_000
"""Items in memory while a list is hashed, some 500 bytes each."""
CONTACTS_GO = timedelta(days=92)
"""Longest after its end in which steps of a list are looked for: Open Klants are tried until their
contacts are gone. Of one that was away for longer the record alone has the step."""
REFUSED = frozenset(("23514", "23505", "42501"))
"""SQLSTATEs by which the database refuses a step: a check, a conversation that is on another list,
a row that is kept."""


class ListStore:
    """Reads and writes lists on the connection of one transaction. `identified` is the source of
    the names that it is given."""

    def __init__(
        self, connection: Connection, keys: KeyStore, identified: Identified = "stated"
    ) -> None:
        self._connection, self._keys, self._identified = connection, keys, identified
        self._writer = writer_in_transaction(connection, keys)
        self._holds = HoldStore(connection, keys)

    async def draw(
        self, tenant: str, by: str, up_to: date, rules: "ListRules", now: datetime
    ) -> DestructionList | None:
        """Draw a list of all that is due before a day; None if nothing is, and then there is no
        list. Raises ListRefused."""
        await self._holds.follow_persons(tenant)
        id = await self._next_id(now)
        order = id, tenant, by, up_to, MAX_ITEMS, rules.is_joined, rules.waiting, list(rules.codes)
        return await self._drawn(self._connection.fetchval(_DRAW, *order), id, by, now)

    async def draw_request(
        self, request: str, by: str, rules: "ListRules", now: datetime
    ) -> DestructionList | None:
        """Draw a list of what is left of the person whose request for erasure was granted. Raises
        ListRefused."""
        id = await self._next_id(now)
        order = id, request, by, rules.is_joined, rules.waiting
        return await self._drawn(self._connection.fetchval(_DRAW_REQUEST, *order), id, by, now)

    async def step(
        self, found: DestructionList, step: Step, by: str, text: str, now: datetime
    ) -> DestructionList:
        """Take a step with a list that `lock` returned. Raises ListRefused."""
        check_step(found, step, by)
        await _obeyed(self._connection.execute(_STEP, found.id, step, by))
        await self._record(found, now, event=EVENTS[step], by=by, text=text)
        return await self.lock(found.id) or found

    async def spare(
        self,
        found: DestructionList,
        conversation: str,
        sparing: "Sparing",
        by: str,
        now: datetime,
    ) -> None:
        """Take a conversation off a list, or put it off until a day. Raises ListRefused."""
        order = found.id, conversation, sparing.reason, sparing.until, by
        await _obeyed(self._connection.execute(_SPARE, *order))
        await self._record(
            found,
            now,
            event="put_off" if sparing.until else "taken_out",
            by=by,
            conversation=conversation,
            reason=sparing.reason,
            text=sparing.text,
            until=sparing.until,
        )

    async def lock(self, id: str) -> DestructionList | None:
        """Read a list, with which nobody else takes a step until the transaction ends."""
        await self._connection.execute(_LOCK, id)
        return await self.find(id)

    async def find(self, id: str) -> DestructionList | None:
        """Read a list as it is now."""
        row = await self._connection.fetchrow(f"{LISTS} where id = $1", id)
        return DestructionList(**row) if row else None

    async def lists(self, tenant: str, *, only_open: bool) -> list[DestructionList]:
        """Return the lists of a municipality, the newest first; '' for all."""
        rows = await self._connection.fetch(_ALL, tenant, only_open, MAX_LISTED)
        return [DestructionList(**row) for row in rows]

    async def items(
        self, id: str, after: str = "", limit: int = MAX_LISTED, only: "ItemFilter | None" = None
    ) -> list[ListItem]:
        """Return what is on a list, by conversation, from behind one on."""
        chosen = only or ItemFilter()
        fields = chosen.department, chosen.code, chosen.state
        rows = await self._connection.fetch(_ITEMS, id, after, limit, *fields)
        return [ListItem(**row) for row in rows]

    async def groups(self, id: str) -> list[ItemGroup]:
        """Return how many conversations of a list are alike, by department and result."""
        rows = await self._connection.fetch(_GROUPS, id)
        return [ItemGroup(**row) for row in rows]

    async def departments(self, ids: Sequence[str]) -> dict[str, frozenset[str]]:
        """Return the departments that have conversations on each of these lists."""
        rows = await self._connection.fetch(_DEPARTMENTS, ids)
        return {row["list"]: frozenset(row["departments"]) for row in rows}

    async def events(self, found: DestructionList) -> list[tuple[datetime, ListEvent]]:
        """Return the steps of a list on the record, oldest first, and each sparing too."""
        ended = found.ended_at or found.withdrawn_at
        period = found.drawn_at - CLOCKS_APART, ended + CONTACTS_GO if ended else None
        rows = await self._connection.fetch(_EVENTS, found.tenant, *period)
        decoded = [(row["at"], decode_event(row["data"])) for row in decrypt_rows(rows, self._keys)]
        return [(at, event) for at, event in decoded if event.list == found.id]

    async def counts(self, id: str) -> dict[str, int]:
        """Return how many conversations of a list are in each state."""
        rows = await self._connection.fetch(_COUNTS, id)
        return {row["state"]: row["count"] for row in rows}

    async def counts_of(self, ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return the same of several lists."""
        counts: dict[str, dict[str, int]] = {id: {} for id in ids}
        for row in await self._connection.fetch(_COUNTS_OF, ids):
            counts[row["list"]][row["state"]] = row["count"]
        return counts

    async def _next_id(self, now: datetime) -> str:
        number = await self._connection.fetchval("select nextval('archiver.list_number')")
        return f"VL-{now.year}-{number:04}"

    async def _drawn(
        self, drawing: Awaitable[Any], id: str, by: str, now: datetime
    ) -> DestructionList | None:
        async with _undone_when_empty(self._connection) as undo:
            count = await _obeyed(drawing)
            if not count:
                undo()
        if not count:
            return None
        found = await self.lock(id)
        assert found is not None
        drawn = DrawnList(
            kind=found.kind,
            request=found.request,
            up_to=found.up_to,
            waiting_seconds=found.waiting.total_seconds(),
            is_joined=found.is_joined,
            sha256=await self._hash_items(id),
        )
        await self._record(found, now, event="drawn", by=by, drawn=drawn, conversations=count)
        return found

    async def _hash_items(self, id: str) -> str:
        hash, cursor = ItemHash(), await self._connection.cursor(_ALL_ITEMS, id)
        while rows := await cursor.fetch(AT_ONCE):
            hash.add(ListItem(**row) for row in rows)
        return hash.hex

    async def _record(self, found: DestructionList, now: datetime, **fields: Any) -> None:
        event = ListEvent(list=found.id, identified=self._identified, **fields)
        await self._writer.add([list_record(found.tenant, event, now)])


class ListRules(msgspec.Struct, frozen=True):
    """Rules of a municipality for its lists."""

    is_joined: bool
    """True if who draws a list may also review it."""
    waiting: timedelta
    codes: tuple[str, ...] = ()
    """Results that may be on it; any, if there are none."""


class ItemFilter(msgspec.Struct, frozen=True):
    """Criteria for items; None matches any."""

    department: str | None = None
    code: str | None = None
    state: ItemState | None = None


class Sparing(msgspec.Struct, frozen=True):
    """Why a conversation is not destroyed now; without a day it is taken off the list."""

    reason: str
    """One of SPARING_REASONS."""
    text: str = ""
    until: date | None = None


decode_event = msgspec.json.Decoder(ListEvent).decode


def list_record(tenant: str, event: ListEvent, now: datetime) -> Record:
    """Return the record of a step. It is in no conversation, since it outlives them."""
    data = msgspec.json.encode(event)
    return Record(id=clock.new_id(now), kind=KIND, at=now, data=data, tenant=tenant)


async def _obeyed(order: Awaitable[Any]) -> Any:
    """Return what the database answers. Raises ListRefused if it refuses."""
    try:
        return await order
    except Exception as error:
        if getattr(error, "sqlstate", None) not in REFUSED:
            raise
        name = getattr(error, "constraint_name", None) or ""
        if name in PERSONS:
            raise ListRefused(PERSONS[name], name) from None
        sentence = "a conversation is on another list" if name else str(error)
        raise ListRefused(sentence, "refused") from None


class _Empty(Exception):
    pass


@asynccontextmanager
async def _undone_when_empty(connection: Connection) -> AsyncIterator[Any]:
    """Run within a savepoint, which is taken back when the given function was called."""
    is_undone = False

    def undo() -> None:
        nonlocal is_undone
        is_undone = True

    try:
        async with connection.transaction():
            yield undo
            if is_undone:
                raise _Empty
    except _Empty:
        pass


LISTS = """
select id, tenant, kind, request, up_to, state, waiting, is_joined, drawn_by, drawn_at, reviewed_by,
    reviewed_at, approved_by, approved_at, withdrawn_by, withdrawn_at, begun_at, ended_at
from archiver.destruction_list
"""
_LOCK = "select pg_advisory_xact_lock(hashtext($1))"
_ALL = f"""{LISTS}
where ($1 = '' or tenant = $1) and (not $2 or state not in ('destroyed', 'withdrawn'))
order by drawn_at desc, id desc limit $3
"""
ITEM = """
conversation, department, code, closed_on, kept_until, state, reason, until, changed_by, changed_at
"""
_ITEMS = f"""
select {ITEM} from archiver.destruction_item where list = $1 and conversation > $2
    and ($4::text is null or department = $4) and ($5::text is null or code = $5)
    and ($6::text is null or state = $6)
order by conversation limit $3
"""
_ALL_ITEMS = f"""
select {ITEM} from archiver.destruction_item where list = $1 order by conversation collate "C"
"""
_GROUPS = """
select department, code, state, reason, count(*) as conversations, min(closed_on) as closed_from,
    max(closed_on) as closed_until, min(kept_until) as kept_from, max(kept_until) as kept_until
from archiver.destruction_item where list = $1
group by department, code, state, reason order by department, code, state, reason
"""
_DEPARTMENTS = """
select list, array_agg(distinct department) as departments from archiver.destruction_item
where list = any($1::text[]) group by list
"""
_EVENTS = f"""{RECORDS}
where e.kind = 'destruction-list' and e.tenant = $1 and e.at >= $2
    and ($3::timestamptz is null or e.at <= $3) order by e.position
"""
_COUNTS = "select state, count(*) from archiver.destruction_item where list = $1 group by state"
_COUNTS_OF = """
select list, state, count(*) from archiver.destruction_item where list = any($1::text[])
group by list, state
"""
_DRAW = "select archiver.draw_list($1, $2, $3, $4, $5, $6, $7, $8)"
_DRAW_REQUEST = "select archiver.draw_request_list($1, $2, $3, $4, $5)"
_STEP = "select archiver.step_list($1, $2, $3)"
_SPARE = "select archiver.spare_item($1, $2, $3, $4, $5)"
