"""Hold the orders of destruction outside against the database, for whoever verifies the archive.

Somebody with the archiver's role can say that a restored database was compared, and with the rows
of before the restore also that it carried out what it lacks. The orders outside tell otherwise, and
so does each conversation of theirs that still opens.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore, Row
from archiver.encryption.sealing import unseal_entry
from archiver.log.past_destruction import read_destruction
from archiver.orders.comparison import Comparison, Outside, find_faults
from archiver.orders.order import Order, Unreadable
from archiver.orders.order_book import AT_ONCE, OrderBook
from archiver.orders.order_keeper import KNOWN, known_order
from services.postgres.database import Connection, Pool
from services.restoration.waiting_room import REPLAY
from services.sealing.wrapping import CannotDecrypt

CONVERSATIONS = 500
"""Conversations of a municipality in memory, an entry of 2 KB each."""


class OutsideOrders(NamedTuple):
    """Orders outside as they were read before the snapshot of the database, and the last number
    that one of the two knew then. Nothing is said of later ones."""

    outside: Outside
    last: int


async def load_outside(pool: Pool, book: OrderBook) -> OutsideOrders:
    """Read the orders outside. Raises StoreUnavailable."""
    known = await pool.fetchval(_LAST)
    outside = await book.load(known)
    last = max(known, outside.last)
    outside.outcomes = {n: each for n, each in outside.outcomes.items() if n <= last}
    return OutsideOrders(outside, last)


async def find_false_orders(
    connection: Connection, keys: KeyStore, book: OrderBook, found: OutsideOrders
) -> AsyncIterator[str]:
    """Yield a sentence for each order that is not as it stands outside, that the database lacks, or
    that did not take what it names. AT_ONCE orders are in memory, read at once, and a hash of each.
    Raises StoreUnavailable."""
    rows = await connection.fetch(KNOWN)
    known = {row["number"]: known_order(row) for row in rows if row["number"] <= found.last}
    for fault in find_faults(known, found.outside):
        yield fault
    for order in Comparison(found.outside, known).lacking:
        yield (
            f"order {order.number} of destruction was carried out on {order.at:%Y-%m-%d}, and the"
            f" database lacks it: see {REPLAY} --dry-run"
        )
    done = sorted(number for number, each in known.items() if each.state == "done" and number)
    for start in range(0, len(done), AT_ONCE):
        numbers = done[start : start + AT_ONCE]
        orders = await asyncio.gather(*(_read(book, number) for number in numbers))
        for order in filter(None, orders):
            outcome = found.outside.outcomes.get(order.number)
            if left := await _count_left(
                connection, keys, order, outcome.spared if outcome else ()
            ):
                yield (
                    f"order {order.number} of destruction was carried out, and {left} of what it"
                    " destroyed can be opened"
                )


async def _read(book: OrderBook, number: int) -> Order | None:
    try:
        return await book.read_order(number)
    except Unreadable:  # which is among the faults
        return None


async def _count_left(
    connection: Connection, keys: KeyStore, order: Order, spared: Sequence[str]
) -> int:
    """Return the number of conversations and entries of an order that still open. What came after
    the order under a new key is not of it."""
    if order.kind == "municipality":
        return await _count_of_municipality(connection, keys, order)
    wanted = [] if order.entries else [c for c in order.conversations if c not in spared]
    left = await _count_open(connection, keys, order, wanted, None)
    entries = [*order.entries, *order.beside]
    return left + int(await connection.fetchval(_SALTED, entries))


async def _count_of_municipality(connection: Connection, keys: KeyStore, order: Order) -> int:
    """Return the number of conversations of a municipality that open again, and 1 for what it had
    outside any. One that came back since has new keys, which open nothing of before."""
    rows = await connection.fetch(_OF_MUNICIPALITY, order.tenant)
    before = None
    for row in decrypt_rows(rows, keys):
        destruction = read_destruction(row)
        if destruction and destruction.order == order.number:
            before = row["position"]
    outside = await connection.fetch(_OLDEST_OUTSIDE, order.tenant, before)
    left, last = _count_earlier(keys, order, outside, before), ""
    while living := await connection.fetch(_NEXT_LIVING, order.tenant, last, CONVERSATIONS):
        wanted = [row["conversation"] for row in living]
        left += await _count_open(connection, keys, order, wanted, before)
        last = wanted[-1]
    return left


async def _count_open(
    connection: Connection,
    keys: KeyStore,
    order: Order,
    conversations: Sequence[str],
    before: int | None,
) -> int:
    """Return how many of these conversations open."""
    rows = await connection.fetch(_OLDEST, order.tenant, conversations, before)
    return _count_earlier(keys, order, rows, before)


def _count_earlier(keys: KeyStore, order: Order, rows: Sequence[Row], before: int | None) -> int:
    """Return how many of these entries open that were written before the order. `before`: the
    position of its record; without that, as in a database that was restored, its time tells it."""
    earlier = [row for row in rows if before is not None or row["at"] < order.at]
    return sum(_is_open(keys, row) for row in earlier)


def _is_open(keys: KeyStore, row: Row) -> bool:
    try:
        unseal_entry(keys.key_of_row(row), dict(row))
    except CannotDecrypt:
        return False
    return True


_LAST = "select coalesce(max(number), -1) from archiver.destruction_order"
_NEXT_LIVING = """
select conversation from archiver.conversation_key
where tenant = $1 and conversation > $2 order by conversation limit $3
"""
_SALTED = "select count(*) from archiver.entry where id = any($1::uuid[]) and salt is not null"
# A conversation without a key is not looked up. `+ 0` keeps the planner from the index of all
# places: a conversation has few entries, and an index of its own.
_OLDEST = f"""
select oldest.* from unnest($2::text[]) as wanted (id)
join archiver.conversation_key living
    on living.tenant = $1 and living.conversation = wanted.id
cross join lateral (
    {RECORDS} where e.tenant = $1 and e.conversation = wanted.id and e.conversation <> ''
        and e.salt is not null and e.kind <> 'destruction' and k.wrapped is not null
        and ($3::bigint is null or e.position < $3)
    order by e.position + 0 limit 1
) as oldest
"""
_OLDEST_OUTSIDE = f"""
{RECORDS} where e.tenant = $1 and e.conversation = '' and e.salt is not null
    and e.kind <> 'destruction' and k.wrapped is not null
    and ($2::bigint is null or e.position < $2)
order by e.position limit 1
"""
_OF_MUNICIPALITY = f"""{RECORDS}
where e.tenant = $1 and e.kind = 'destruction' and e.conversation = '' and e.message is null
"""
