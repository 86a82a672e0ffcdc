"""Hold the table of orders of destruction against the records of what they destroyed.

Each order has one record for each conversation, entry or municipality, and each record names its
order and its list. `postkamer archive replay` holds the table against the orders outside.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from archiver.audit.log_walk import Finding
from archiver.audit.rows.destruction_records import (
    WHAT,
    RecordedDestruction,
    destructions_of,
)
from archiver.audit.rows.destruction_steps import RecordedSteps, judge_destructions
from archiver.audit.rows.list_rows import ITEMS_OF
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.index.record_fields import Destruction
from archiver.log.past_destruction import read_destruction
from archiver.orders.order import Order, Unreadable, open_sealed
from services.postgres.database import Connection

AT_ONCE = 500
"""Records in memory, some 2 KB each."""
ORDERS_AT_ONCE = 20
"""Orders in memory, of up to 250 conversations and 10 KB each."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


class OrderNotes(msgspec.Struct):
    """Orders that could not be looked at."""

    shut: int = 0
    """The first orders, as far as they lie under a master key that was not given: it may be taken
    away, and no row is written anew."""


async def verify_orders(
    connection: Connection,
    keys: KeyStore,
    order_keys: Sequence[bytes],
    steps: RecordedSteps,
    notes: OrderNotes,
) -> AsyncIterator[Finding]:
    """Yield what is wrong, and fill `notes`. `order_keys` open the orders, the newest first; by
    `steps`, destructions are judged. Run in a transaction that reads one snapshot."""
    expected = 0
    cursor = await connection.cursor(_ORDERS)
    while rows := await cursor.fetch(ORDERS_AT_ONCE):
        for row in rows:
            for sentence in number_faults(expected, row["number"]):
                yield Finding(WHAT, sentence)
            expected = row["number"] + 1
            order = _open(row, order_keys)
            if order is None and notes.shut == row["number"]:
                notes.shut += 1
                continue
            for sentence in await _order_faults(connection, keys, row, order):
                yield Finding(WHAT, sentence)
    async for finding in _verify_records(connection, keys, steps):
        yield finding


def number_faults(expected: int, number: int) -> Iterator[str]:
    """Yield which numbers are missing before one. Pure."""
    if number == expected + 1:
        yield f"the row of the order of destruction {expected} is gone"
    elif number > expected:
        yield f"the rows of the orders of destruction {expected} to {number - 1} are gone"


def _open(row: Row, order_keys: Sequence[bytes]) -> Order | None:
    try:
        return open_sealed(row["sealed"], Order, row["number"], order_keys)[0]
    except Unreadable:
        return None


async def _order_faults(
    connection: Connection, keys: KeyStore, row: Row, order: Order | None
) -> list[str]:
    if order is None:
        return [f"the order of destruction {row['number']} does not open"]
    if order.digest != row["digest"]:
        return [f"the hash of the order of destruction {row['number']} is not that of the order"]
    if order.kind == "begin" or row["state"] != "done":
        return []
    return list(missing_records(order, row, await _recorded_of(connection, keys, order)))


async def _recorded_of(connection: Connection, keys: KeyStore, order: Order) -> set[str]:
    """Return the conversations, entries or '' for the municipality that records say were destroyed
    by this order."""
    if order.kind == "conversations":
        found = await destructions_of(connection, keys, order.conversations)
        gone = {place[1] for place, each in found.items() if order.number in each.orders}
    else:
        gone = set[str]()
    rows = list[Row]()
    if entries := [*order.entries, *order.beside]:
        rows = await connection.fetch(_OF_ENTRIES, order.tenant, entries)
    elif order.kind == "municipality":
        rows = await connection.fetch(_OF_MUNICIPALITY, order.tenant)
    for row in decrypt_rows(rows, keys):
        destruction = read_destruction(row)
        if destruction and destruction.order == order.number:
            gone.add(str(destruction.entry or ""))
    return gone


def missing_records(order: Order, row: Row, recorded: set[str]) -> Iterator[str]:
    """Yield what an order destroyed and no record says. Of one that was carried out again after a
    restore, what was held meanwhile was spared. Pure."""
    wanted = {str(each) for each in (*order.entries, *order.beside)}
    if order.kind == "conversations" and not row["is_replayed"]:
        wanted |= set(order.conversations)
    elif order.kind == "municipality":
        wanted = {""}
    if missing := len(wanted - recorded):
        of = f"{missing} of {len(wanted)}" if len(wanted) > 1 else "its"
        noun = "records" if len(wanted) > 1 else "record"
        yield f"of the order of destruction {order.number} {of} {noun} {_verb(missing)} missing"


def _verb(number: int) -> str:
    return "is" if number == 1 else "are"


async def _verify_records(
    connection: Connection, keys: KeyStore, steps: RecordedSteps
) -> AsyncIterator[Finding]:
    """Yield the destructions whose order, or whose conversation on a list, says something else, and
    those that steps forbade."""
    cursor = await connection.cursor(_RECORDS)
    while rows := await cursor.fetch(AT_ONCE):
        recorded = [
            RecordedDestruction(destruction, row)
            for row in decrypt_rows(rows, keys)
            if (destruction := read_destruction(row))
        ]
        ids = [each.row["id"] for each in recorded]
        came = {each["entry"] for each in await connection.fetch(_CAME, ids)}
        numbers = [each.destruction.order for each in recorded]
        found = await connection.fetch(_STATES, numbers)
        orders = {each["number"]: each["state"] for each in found}
        lists = [each.destruction.list for each in recorded]
        conversations = [each.destruction.conversation for each in recorded]
        items = {
            (each["list"], each["conversation"])
            for each in await connection.fetch(ITEMS_OF, lists, conversations)
            if each["state"] == "destroyed"
        }
        for each in recorded:
            destruction = each.destruction
            if each.row["id"] in came:  # the orders of another installation stay there
                destruction = msgspec.structs.replace(destruction, order=None)
            for sentence in record_faults(destruction, orders, items):
                yield each.finding(sentence)
        for finding in await judge_destructions(connection, recorded, steps):
            yield finding


def record_faults(
    destruction: Destruction, orders: Mapping[int, str], items: set[tuple[str, str]]
) -> Iterator[str]:
    """Yield what is wrong with a destruction. `orders`: their states. `items`: lists and the
    conversations on them that are destroyed. Pure."""
    number = destruction.order
    if number is not None and orders.get(number) != "done":
        said = f"is {orders[number]}" if number in orders else "has no row"
        yield f"this was destroyed by the order {number}, which {said}"
    # A restored database may know its list as it was before, or not at all.
    is_by_list = destruction.list and destruction.entry is None and destruction.first_at is None
    if is_by_list and (destruction.list, destruction.conversation) not in items:
        name = f"the conversation {destruction.conversation}"
        yield f"{name} was destroyed by {destruction.list}, and its row says something else"


_ORDERS = """
select number, digest, sealed, state, is_replayed from archiver.destruction_order order by number
"""
_STATES = "select number, state from archiver.destruction_order where number = any($1::bigint[])"
_CAME = "select entry from archiver.former_entry where entry = any($1::uuid[])"
_RECORDS = f"{RECORDS} where e.kind = 'destruction' order by e.tenant, e.at, e.id"
_OF_ENTRIES = f"""{RECORDS}
where e.message = any($2::uuid[]) and e.message is not null and e.tenant = $1
    and e.kind = 'destruction'
"""
_OF_MUNICIPALITY = f"""{RECORDS}
where e.tenant = $1 and e.kind = 'destruction' and e.conversation = '' and e.message is null
"""
