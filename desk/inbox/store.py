"""Conversations in PostgreSQL: events are applied to them, and lists are read of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from desk.access import Access
from desk.events.event import Event
from desk.inbox.alarms import apply_alarms
from desk.inbox.changed import Changed, announce
from desk.inbox.conversation import Content, Conversation, apply_event
from desk.inbox.destroyed import forget_destroyed
from desk.inbox.filters import CONDITIONS, FILTERS, ORDER, Filter
from services import event_types
from services.postgres.database import ANSWER_SECONDS, Connection, Pool
from services.postgres.shut_rows import open_rows, report_shut
from services.sealing.columns import DESK_CONVERSATION, EMPLOYEE, bind
from services.sealing.key_ring import RING
from services.tasks import with_timeout

PAGE = 50
"""Conversations of one page of a list: some three screens."""

_content = msgspec.msgpack.Decoder(Content)
_encode = msgspec.msgpack.Encoder().encode


class WaitingCount(msgspec.Struct, frozen=True):
    """Citizens who wait for an answer of a department."""

    department: str
    count: int
    since: datetime
    """Since when the one waits who waits longest."""


class ConversationStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def apply(self, events: Sequence[Event]) -> None:
        """Apply the events that are new, all or none. Raises DATABASE_ERRORS."""
        async with self._pool.acquire() as connection, connection.transaction():
            ids = [event.id for event in events]
            new = {row["id"] for row in await connection.fetch(_NEW_EVENTS, ids)}
            fresh = [event for event in _distinct(events) if event.id in new]
            known = await _lock(connection, {event.data.conversation_id for event in fresh})
            after = dict(known)
            for event in await _with_covers(connection, fresh):
                id = event.data.conversation_id
                if changed := apply_event(after.get(id), event):
                    after[id] = changed
            await _write(connection, known, after)
            await apply_alarms(connection, fresh)
            await forget_destroyed(connection, fresh)

    async def list(
        self, access: Access, filter: Filter, end_of_today: datetime, page: int = 0
    ) -> tuple[list[Conversation], bool]:
        """Return a page of the conversations that the employee reaches, and if more follow."""
        parameters = (
            *_reach(access),
            _seal_person(access.person),
            end_of_today,
            PAGE + 1,
            page * PAGE,
        )
        query = self._pool.fetch(_LISTS[filter], *parameters)
        conversations = await _open(await with_timeout(ANSWER_SECONDS, query))
        return conversations[:PAGE], len(conversations) > PAGE

    async def count(self, access: Access, end_of_today: datetime) -> dict[Filter, int]:
        """Return the number of conversations of each filter, but of those that are closed."""
        person = _seal_person(access.person)
        query = self._pool.fetchrow(_COUNTS, *_reach(access), person, end_of_today)
        row = await with_timeout(ANSWER_SECONDS, query)
        return {each: row[each] for each in FILTERS if row and each in row}

    async def count_waiting(self, source: str) -> tuple[WaitingCount, ...]:
        """Return how many citizens of a municipality wait at each department, the one that has kept
        somebody waiting longest first. Nothing in it is of one conversation but a time."""
        rows = await with_timeout(ANSWER_SECONDS, self._pool.fetch(_WAITING, source))
        return tuple(WaitingCount(row["department"], row["n"], row["since"]) for row in rows)

    async def find(self, id: str, access: Access) -> Conversation | None:
        """Return a conversation that the employee reaches."""
        query = self._pool.fetch(_FIND, *_reach(access), id)
        found = await _open(await with_timeout(ANSWER_SECONDS, query))
        return found[0] if found else None

    async def assign(self, id: str, access: Access, *, to: str, instead_of: str) -> str | None:
        """Give a conversation to an employee, if `instead_of` has it. Return who has it then; None
        if there is none that the employee reaches."""
        return await with_timeout(ANSWER_SECONDS, self._assign(id, access, to, instead_of))

    async def _assign(self, id: str, access: Access, to: str, instead_of: str) -> str | None:
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_FIND + " for update", *_reach(access), id)
            has_it = _open_person(dict(row)) if row else None
            if row is None or has_it != instead_of or to == instead_of:
                return has_it
            await connection.execute(_ASSIGN, id, _seal_person(to))
            await announce(connection, Changed(id, row["source"], (row["department"],)))
            return to


def _distinct(events: Iterable[Event]) -> list[Event]:
    return list({event.id: event for event in events}.values())


def _reach(access: Access) -> tuple[str, list[str], bool]:
    """Return the conversations that an employee may see: none without the role for it."""
    if not access.may_read:
        return access.tenant.source, [], False
    return access.tenant.source, access.department_ids, access.all_departments


async def _lock(connection: Connection, ids: set[str]) -> dict[str, Conversation]:
    """Return the conversations that exist. All are locked, in the order of their ids, so that two
    transactions cannot wait for each other; also those that are new, of which there is no row."""
    ordered = sorted(ids)
    await connection.execute(_RESERVE, ordered)
    rows = await connection.fetch(_LOCK, ordered)
    return {each.id: each for each in await _open(rows)}


async def _with_covers(connection: Connection, events: Sequence[Event]) -> list[Event]:
    """Return the events, those about answers of the desk with what their writers had seen."""
    messages = [e.data.message_id for e in events if e.type == event_types.STATUS_CHANGED]
    rows = await connection.fetch(_COVERED, messages) if messages else []
    covers = {row["message"]: row["covers"] for row in rows}
    return [msgspec.structs.replace(e, covers=covers.get(e.data.message_id)) for e in events]


async def _write(
    connection: Connection, known: Mapping[str, Conversation], after: Mapping[str, Conversation]
) -> None:
    changed = [each for id, each in after.items() if each is not known.get(id)]
    if changed:
        await connection.executemany(_UPSERT, [_row(each) for each in changed])
    for each in changed:
        departments = {each.department, known.get(each.id, each).department}
        await announce(connection, Changed(each.id, each.source, tuple(sorted(departments))))


def _row(conversation: Conversation) -> list[Any]:
    row = msgspec.structs.asdict(conversation)
    sealed = RING.seal(_encode(row["content"]), DESK_CONVERSATION, bind(conversation.id))
    lists = {name: list(row[name]) for name in ("tags", "also_about")}
    row |= lists | {"content": sealed}
    return list((row | {"assignee": _seal_person(conversation.assignee)}).values())


def _seal_person(name: str) -> str:
    """Seal the name of an employee, equal names as equal texts: a filter asks for one's own."""
    return RING.seal_name(name, EMPLOYEE) if name else ""


def _open_person(row: Mapping[str, Any]) -> str:
    return RING.unseal_text(row["assignee"], EMPLOYEE) if row["assignee"] else ""


async def _open(rows: Sequence[Any]) -> list[Conversation]:
    """Return the conversations of these rows. The contents of one that does not open are left out:
    its citizen waits all the same."""
    opened, shut = await open_rows(rows, _read)
    report_shut("desk.conversation", *(row["id"] for row in shut))
    if not shut:
        return opened
    found = {each.id: each for each in [*opened, *(_read(row, is_shut=True) for row in shut)]}
    return [found[row["id"]] for row in rows]


def _read(row: Mapping[str, Any], *, is_shut: bool = False) -> Conversation:
    fields = {name: row[name] for name in Conversation.__struct_fields__}
    fields |= {name: tuple(row[name]) for name in ("tags", "also_about")}
    fields["content"] = Content() if is_shut else _unseal(row)
    fields["assignee"] = "" if is_shut else _open_person(row)
    return Conversation(**fields)


def _unseal(row: Mapping[str, Any]) -> Content:
    return _content.decode(RING.unseal(row["content"], DESK_CONVERSATION, bind(row["id"])))


_NAMES = Conversation.__struct_fields__
_COLUMNS = ", ".join(_NAMES)
_PLACES = ", ".join(f"${n}" for n in range(1, len(_NAMES) + 1))
_SET = ", ".join(f"{name} = excluded.{name}" for name in _NAMES if name != "id")

_NEW_EVENTS = """
insert into desk.event (id) select distinct unnest($1::uuid[]) on conflict do nothing returning id
"""

_LOCK = f"select {_COLUMNS} from desk.conversation where id = any($1) order by id for update"

_RESERVE = """
select pg_advisory_xact_lock(hashtextextended(id, 0))
from unnest($1::text[]) with ordinality listed(id, n) order by n
"""

_COVERED = "select message, covers from desk.answer where message = any($1)"

_UPSERT = f"""
insert into desk.conversation ({_COLUMNS}) values ({_PLACES})
on conflict (id) do update set {_SET}, changed_at = now()
"""

# $1 to $3: what the employee reaches.
_REACHED = "source = $1 and (department = any($2) or $3)"

# Not every filter asks for both, and a statement must know the types of all its parameters.
_GIVEN = "cross join (select $4::text as own_name, $5::timestamptz as day_ends) given"

_FIND = f"select {_COLUMNS} from desk.conversation where {_REACHED} and id = $4"

_LISTS = {
    filter: f"""
select {_COLUMNS} from desk.conversation {_GIVEN} where {_REACHED} and {CONDITIONS[filter]}
order by {ORDER} limit $6 offset $7
"""
    for filter in FILTERS
}

_WAITING = f"""
select department, count(*) as n, min(waiting_since) as since from desk.conversation
where source = $1 and {CONDITIONS["waiting"]} group by department order by since
"""

_COUNTS = f"""
select {
    ", ".join(
        f"count(*) filter (where {CONDITIONS[each]}) as {each}"
        for each in FILTERS
        if each != "closed"
    )
}
from desk.conversation {_GIVEN} where {_REACHED} and is_open
"""

_ASSIGN = "update desk.conversation set assignee = $2, changed_at = now() where id = $1"
