"""Hold the orders of destruction outside against the database, for whoever verifies the archive.

Somebody with the archiver's role can say that a restored database was compared, and with the rows
of before the restore also that it carried out what it lacks. The orders outside tell otherwise, and
so does each conversation of theirs that still opens.
"""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from archiver.encryption.decrypt_rows import RECORDS
from archiver.encryption.key_store import KeyStore
from archiver.encryption.sealing import unseal_entry
from archiver.orders.comparison import Comparison, Outside, find_faults
from archiver.orders.order import Order, Unreadable
from archiver.orders.order_book import OrderBook
from archiver.orders.order_keeper import KNOWN, known_order
from services.postgres.database import Connection, Pool
from services.restoration.waiting_room import REPLAY
from services.sealing.wrapping import CannotDecrypt


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
    that did not take what it names. One order is in memory, and a hash of each. Raises
    StoreUnavailable."""
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
    for number in done:
        outcome = found.outside.outcomes.get(number)
        spared = outcome.spared if outcome else ()
        if left := await _count_left(connection, keys, await _read(book, number), spared):
            yield (
                f"order {number} of destruction was carried out, and {left} of what it destroyed"
                " can be opened"
            )


async def _read(book: OrderBook, number: int) -> Order | None:
    try:
        return await book.read_order(number)
    except Unreadable:  # which is among the faults
        return None


async def _count_left(
    connection: Connection, keys: KeyStore, order: Order | None, spared: Sequence[str]
) -> int:
    """Return the number of conversations and entries of an order that still open. What came after
    the order under a new key is not of it."""
    if order is None:
        return 0
    wanted = [] if order.entries else [c for c in order.conversations if c not in spared]
    living = await connection.fetch(_LIVING, order.tenant, wanted)
    left = [await _is_open(connection, keys, order, row["conversation"]) for row in living]
    entries = [*order.entries, *order.beside]
    return sum(left) + int(await connection.fetchval(_SALTED, entries))


async def _is_open(connection: Connection, keys: KeyStore, order: Order, conversation: str) -> bool:
    row = await connection.fetchrow(_OLDEST, order.tenant, conversation)
    if row is None or row["at"] >= order.at:
        return False
    try:
        unseal_entry(keys.key_of_row(row), dict(row))
    except CannotDecrypt:
        return False
    return True


_LAST = "select coalesce(max(number), -1) from archiver.destruction_order"
_LIVING = """
select conversation from archiver.conversation_key
where tenant = $1 and conversation = any($2::text[])
"""
_SALTED = "select count(*) from archiver.entry where id = any($1::uuid[]) and salt is not null"
_OLDEST = f"""
{RECORDS} where e.tenant = $1 and e.conversation = $2 and e.salt is not null
    and e.kind <> 'destruction' and k.wrapped is not null
order by e.position limit 1
"""
