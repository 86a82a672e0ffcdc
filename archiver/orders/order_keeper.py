"""Gives an order of destruction its number, and keeps it outside before its transaction commits.

An order without an outcome is the last one. Before the next it is settled: its transaction was
committed, and then the database has its row, or it never will be.
"""

from contextlib import suppress
from typing import Any

import structlog

from archiver.orders.comparison import KnownOrder
from archiver.orders.order import Order, Outcome, State
from archiver.orders.order_book import OrderBook
from services.files.object_store import ObjectExists, StoreUnavailable
from services.postgres.database import Connection

log = structlog.get_logger()


class OutsideAhead(Exception):
    """Outside stand orders that were carried out and that this database does not know: it was
    restored, in part at least. Nothing is destroyed until they were compared."""


class OrderKeeper:
    """Keeps the orders of destruction of one process."""

    def __init__(self, book: OrderBook) -> None:
        self._book = book
        self._settled = -1
        """Number of the last order whose outcome stands outside for certain."""

    async def next_number(self, connection: Connection) -> int:
        """Return the number of the next order, in its transaction, in which nobody else takes it.
        Raises OutsideAhead, Unreadable and StoreUnavailable."""
        await connection.execute(TURN)
        row = await connection.fetchrow(_LAST)
        if row is None:
            raise OutsideAhead
        await self._settle_last(known_order(row))
        number = int(row["number"]) + 1
        while (order := await self._book.read_order(number)) is not None:
            await self._void(connection, order)
            number += 1
        return number

    async def give(self, connection: Connection, order: Order) -> None:
        """Write an order outside, and its row; only the commit is left. Raises StoreUnavailable."""
        sealed = await self._book.write(order)
        await connection.execute(NOTE_ORDER, order.number, order.digest, sealed, "done")

    async def confirm(self, order: Order) -> None:
        """Write outside that the order was carried out. If the store is away, the next order does
        it, or the next comparison."""
        try:
            await self._settle_last(KnownOrder(order.number, order.digest, "done"))
        except StoreUnavailable as error:
            log.warning("order.unconfirmed", reason=str(error))

    async def _settle_last(self, known: KnownOrder) -> None:
        if known.number > max(0, self._settled):
            await settle_outside(self._book, known)
            self._settled = known.number

    async def _void(self, connection: Connection, order: Order) -> None:
        """Void an order whose transaction did not commit: nobody holds the turn but we."""
        outcome = await self._book.read_outcome(order.number)
        if outcome and outcome.state == "done":
            raise OutsideAhead
        state: State = "void"
        await settle_outside(self._book, KnownOrder(order.number, order.digest, state))
        sealed = self._book.seal(order)
        await connection.execute(NOTE_ORDER, order.number, order.digest, sealed, state)
        log.info("order.void", number=order.number, list=order.list)


async def settle_outside(book: OrderBook, known: KnownOrder) -> None:
    """Write the outcome of an order outside, unless it stands there. Raises StoreUnavailable."""
    if await book.read_outcome(known.number) is None:
        with suppress(ObjectExists):  # another wrote the same meanwhile
            await book.write(outcome_of(known))


def outcome_of(known: KnownOrder) -> Outcome:
    """Return the outcome of an order as the database knows it."""
    return Outcome(number=known.number, digest=known.digest, state=known.state)


def known_order(row: Any) -> KnownOrder:
    """Return a row of `archiver.destruction_order`."""
    return KnownOrder(row["number"], row["digest"], row["state"])


TURN = "select pg_advisory_xact_lock(hashtext('archiver.orders'))"
KNOWN = "select number, digest, state from archiver.destruction_order"
_LAST = f"{KNOWN} order by number desc limit 1"
NOTE_ORDER = "select archiver.note_order($1, $2, $3, $4)"
