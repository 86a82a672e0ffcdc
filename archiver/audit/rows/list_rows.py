"""Hold the destruction lists, and what is on them, against their steps, which are entries of the
log.

The first step of a list has a hash of what is on it, so that nothing can be added, taken away or
put in the place of another. A destruction has a record, which names the list. That a conversation
stayed because it was held or open has no entry of its own: the declaration of the list counts it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from archiver.audit.log_walk import Finding
from archiver.audit.rows.destruction_records import (
    Destroyed,
    find_destructions,
    find_erased,
    is_shut,
)
from archiver.audit.rows.list_rules import find_list_faults, item_fault
from archiver.audit.rows.recorded_lists import SPARED, WHAT, RecordedList, RecordedLists
from archiver.destruction.destruction_list import (
    CLOCKS_APART,
    DestructionList,
    ItemHash,
    ListEvent,
    ListItem,
    State,
)
from archiver.destruction.list_store import ITEM, LISTS, decode_event
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from services.postgres.database import Connection

AT_ONCE = 500
"""Steps, or conversations, in memory, some 2 KB each. The lists themselves are all in memory, 1 KB
each: a municipality has some in a year."""
PERSONS = ("drawn_by", "reviewed_by", "approved_by", "withdrawn_by")
TIMES = ("drawn_at", "reviewed_at", "approved_at", "withdrawn_at", "begun_at", "ended_at")
POSSIBLE: dict[str, tuple[State, ...]] = {
    "listed": ("drawn", "reviewed", "approved", "destroying"),
    "withdrawn": ("withdrawn",),
    "held": ("destroying", "destroyed", "withdrawn"),
    "open": ("destroying", "destroyed", "withdrawn"),
    "longer": ("destroying", "destroyed", "withdrawn"),
    "destroyed": ("destroying", "destroyed", "withdrawn"),
}
"""State of a conversation on a list -> states of a list that may have such a one."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


async def verify_lists(
    connection: Connection, keys: KeyStore, recorded: RecordedLists
) -> AsyncIterator[Finding]:
    """Yield what is wrong, and fill `recorded`. Run in a transaction that reads one snapshot."""
    async for finding in _read_steps(connection, keys, recorded):
        yield finding
    rows = [DestructionList(**row) for row in await connection.fetch(f"{LISTS} order by id")]
    recorded.unknown = sum(
        row.tenant in recorded.destroyed and row.id not in recorded.lists for row in rows
    )
    for finding in compare_lists(recorded, rows):
        yield finding
    for id, known in recorded.lists.items():
        for sentence in find_list_faults(id, known):
            yield known.finding(sentence)
    async for finding in _verify_items(connection, keys, recorded):
        yield finding


def compare_lists(recorded: RecordedLists, rows: Sequence[DestructionList]) -> Iterator[Finding]:
    """Yield what is wrong with the lists themselves. Pure."""
    unseen = dict(recorded.lists)
    for row in rows:
        known = unseen.pop(row.id, None)
        if known is None:
            if row.tenant not in recorded.destroyed:
                yield Finding(WHAT, f"nothing on the record drew the destruction list {row.id}")
        elif names := _differences(known, row):
            sentence = f"the destruction list {row.id} is not what its steps say"
            yield known.finding(f"{sentence}: {', '.join(names)}")
    for id, known in unseen.items():
        yield known.finding(f"the destruction list {id} is on the record, and its row is gone")


def _differences(known: RecordedList, row: DestructionList) -> list[str]:
    same = ("tenant", "state", *PERSONS)
    names = [name for name in same if getattr(row, name) != getattr(known, name)]
    names += [each for each in TIMES if not _is_near(getattr(row, each), getattr(known, each))]
    if drawn := known.drawn:
        fixed = ("kind", "request", "up_to", "is_joined")
        names += [name for name in fixed if getattr(row, name) != getattr(drawn, name)]
        names += ["waiting"] if row.waiting.total_seconds() != drawn.waiting_seconds else []
    return names


def _is_near(at: datetime | None, recorded: datetime | None) -> bool:
    """Return True for one time, by the clocks of the database and of the archiver."""
    if at is None or recorded is None:
        return at is recorded
    return abs(at - recorded) <= CLOCKS_APART


async def _read_steps(
    connection: Connection, keys: KeyStore, recorded: RecordedLists
) -> AsyncIterator[Finding]:
    """Read the steps, and yield the conversations that are not spared as a step says."""
    erased = await find_erased(connection)
    cursor = await connection.cursor(_STEPS)
    while rows := await cursor.fetch(AT_ONCE):
        living = [row for row in rows if not is_shut(row, erased)]
        recorded.destroyed |= {row["tenant"] for row in rows if is_shut(row, erased)}
        sparings: list[tuple[Mapping[str, Any], ListEvent]] = []
        for row in decrypt_rows(living, keys):
            try:
                step = decode_event(row["data"])
            except msgspec.DecodeError:  # not one of ours: its list is missed then
                continue
            recorded.add(row, step)
            sparings += [(row, step)] if step.event in SPARED else []
        for finding in await _compare_sparings(connection, sparings):
            yield finding


async def _compare_sparings(
    connection: Connection, sparings: Sequence[tuple[Mapping[str, Any], ListEvent]]
) -> list[Finding]:
    if not sparings:
        return []
    wanted = [step.list for _, step in sparings], [step.conversation for _, step in sparings]
    rows = await connection.fetch(ITEMS_OF, *wanted)
    items = {(row["list"], row["conversation"]): row for row in rows}
    return [
        Finding(WHAT, sentence, row["position"], str(row["id"]))
        for row, step in sparings
        if (sentence := spared_fault(items.get((step.list, step.conversation)), row["at"], step))
    ]


def spared_fault(item: Row | None, at: datetime, step: ListEvent) -> str:
    """Return what is wrong with a conversation that was taken off a list or put off. Pure."""
    name = f"the conversation {step.conversation} on {step.list}"
    if item is None:
        return f"{name} was spared, and its row is gone"
    said = SPARED[step.event], step.reason, step.until, step.by
    kept = item["state"], item["reason"], item["until"], item["changed_by"]
    if said == kept and _is_near(item["changed_at"], at):
        return ""
    return f"{name} was {step.event.replace('_', ' ')}, and its row says something else"


class ListCount(msgspec.Struct):
    """Conversations of one list, as they come by."""

    id: str
    hash: ItemHash
    states: Counter[str]


async def _verify_items(
    connection: Connection, keys: KeyStore, recorded: RecordedLists
) -> AsyncIterator[Finding]:
    """Yield what is wrong with what is on the lists, in their order."""
    count: ListCount | None = None
    cursor = await connection.cursor(_ITEMS)
    while rows := await cursor.fetch(AT_ONCE):
        gone = await find_destructions(connection, keys, rows)
        items = [_read_item(row) for row in rows]
        for row, item in zip(rows, items, strict=True):
            if count is None or count.id != row["list"]:
                for finding in compare_count(recorded, count) if count else ():
                    yield finding
                count = ListCount(row["list"], ItemHash(), Counter())
            count.hash.add([item])
            count.states[row["state"]] += 1
            known = recorded.lists.get(row["list"])
            if known and (sentence := state_fault(known, row, gone)):
                yield known.finding(sentence)
        for finding in await _judge_items(connection, recorded, rows, items):
            yield finding
    for finding in compare_count(recorded, count) if count else ():
        yield finding


async def _judge_items(
    connection: Connection, recorded: RecordedLists, rows: Sequence[Row], items: Sequence[ListItem]
) -> list[Finding]:
    """Return which conversations should not have been on their list. Only of those that seem so the
    log is asked if their result, and perhaps the begin of their term, was given."""
    seeming = [
        (row, item, known)
        for row, item in zip(rows, items, strict=True)
        if (known := recorded.lists.get(row["list"]))
        and item_fault(known.drawn, item, has_valuation=False)
    ]
    if not seeming:
        return []
    wanted = [item.conversation for _, item, _ in seeming], [each.first for _, _, each in seeming]
    valued = await connection.fetch(_VALUED, *wanted)
    given, findings = {(row["tenant"], row["conversation"]) for row in valued}, list[Finding]()
    for row, item, known in seeming:
        has_valuation = (row["tenant"], item.conversation) in given
        if sentence := item_fault(known.drawn, item, has_valuation=has_valuation):
            name = f"the conversation {item.conversation} on {row['list']}"
            findings.append(known.finding(f"{name} should not have been there: {sentence}"))
        recorded.given += not sentence
    return findings


def state_fault(known: RecordedList, row: Row, gone: Mapping[tuple[str, str], Destroyed]) -> str:
    """Return what is wrong with the state of one conversation on a list. Pure."""
    name = f"the conversation {row['conversation']} on {row['list']}"
    state, possible = row["state"], POSSIBLE.get(row["state"])
    if row["tenant"] != known.tenant:
        return f"{name} is of another municipality than its list"
    is_early = state not in ("listed", "withdrawn") and known.begun_at is None
    if possible and (known.state not in possible or is_early):
        return f"{name} is said to be {state}, and the list is {known.state}"
    found = gone.get((row["tenant"], row["conversation"]))
    if state == "destroyed" and (found is None or row["list"] not in found.lists):
        return f"{name} is said to be destroyed, and no destruction is on the record"
    return ""


def compare_count(recorded: RecordedLists, count: ListCount) -> Iterator[Finding]:
    """Yield what is wrong with what is on one list as a whole. Pure."""
    known = recorded.lists.get(count.id)
    if known is None:
        return  # a finding of the list itself
    if count.hash.count != known.conversations:
        drawn = f"{known.conversations} were drawn"
        yield known.finding(f"{count.hash.count} conversations are on {count.id}, and {drawn}")
    elif known.drawn and count.hash.hex != known.drawn.sha256:
        yield known.finding(f"what is on {count.id} is not what was drawn")
    spared = count.states["taken_out"] + count.states["put_off"]
    if spared > known.spared:
        sentence = f"{spared} conversations on {count.id} are spared, and steps spared"
        yield known.finding(f"{sentence} {known.spared}")
    destroyed = count.states["destroyed"]
    if known.destroyed is not None and destroyed != known.destroyed:
        sentence = f"{destroyed} conversations on {count.id} are said to be destroyed"
        yield known.finding(f"{sentence}, and {known.destroyed} were")


def _read_item(row: Row) -> ListItem:
    return ListItem(**{name: row[name] for name in ListItem.__struct_fields__})


_STEPS = f"{RECORDS} where e.kind = 'destruction-list' order by e.position"
_ITEMS = f"""
select list, tenant, {ITEM} from archiver.destruction_item
order by list collate "C", conversation collate "C"
"""
# One look-up for each: a plain join is planned by another index while the tables are young.
ITEMS_OF = f"""
select i.* from unnest($1::text[], $2::text[]) as wanted (list, conversation)
cross join lateral (
    select list, {ITEM} from archiver.destruction_item i
    where (i.list, i.conversation) = (wanted.list, wanted.conversation) limit 1
) as i
"""
_VALUED = """
select tenant, conversation from unnest($1::text[], $2::bigint[]) as wanted (id, first)
cross join lateral (
    select tenant, conversation from archiver.entry e
    where e.conversation = wanted.id and e.conversation <> '' and e.kind = 'valuation'
        and e.position < wanted.first limit 1
) as v
"""
