"""Carry out again the orders of destruction that a restored database lacks.

Each order is one transaction, by its number, so that a kill loses nothing and repeats nothing. Only
then the note is written for which every service waits at its start.
"""

from collections.abc import Callable, Sequence, Set

import msgspec
import structlog

from archiver.encryption.key_store import NOWHERE, KeyStore
from archiver.log.destruction_record import destruction_records
from archiver.log.erasure import BESIDE, COUNT_DESTRUCTION, STATEMENT_SECONDS
from archiver.log.writer import writer_in_transaction
from archiver.orders.comparer import (
    NOTE_COMPARISON,
    judge_last,
    note_order,
    read_both_sides,
    write_judgement,
)
from archiver.orders.comparison import Comparison, NotComparable, describe_orders
from archiver.orders.order import Order, Unreadable
from archiver.orders.order_book import OrderBook
from archiver.orders.order_keeper import known_order, outcome_of
from services.postgres.database import Connection, Pool

Progress = Callable[[int, int], None]
"""Is told the orders that were carried out again, and all of them."""

log = structlog.get_logger()


class Replayer:
    """Carries out again what a restored database lacks. `pool` must be that of the tables' owner:
    by this way nobody approves what is destroyed."""

    def __init__(self, pool: Pool, keys: KeyStore, book: OrderBook) -> None:
        self._pool, self._keys, self._book = pool, keys, book

    async def look(self) -> Comparison:
        """Return what is outside and what is lacking, and change nothing. Raises NotComparable and
        StoreUnavailable."""
        found = await read_both_sides(self._pool, self._book)
        await judge_last(self._pool, found)
        return found

    async def replay(self, progress: Progress = lambda done, of: None) -> Comparison:
        """Carry out what is lacking, note that the database was compared, and return what was
        found. Raises NotComparable and StoreUnavailable."""
        found = await self.look()
        await write_judgement(self._pool, self._book, found)
        lacking = found.lacking
        if lacking:
            await self._pool.execute(_TAKE_BACK)
        numbers, done = {order.number for order in lacking}, 0
        for order in found.missing:
            if order.number not in numbers:
                await note_order(self._pool, self._book, order, found.state_of(order))
                continue
            progress(done, len(lacking))
            await self._replay(order, set(found.outside.outcomes[order.number].spared))
            done += 1
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_TAKE_BACK)
            await connection.execute(NOTE_COMPARISON, found.last)
        log.info("destructions.replayed", number=found.last, count=len(lacking))
        return found

    async def mend(self) -> list[int]:
        """Write outside again the orders that are missing or damaged there and that the database
        has, and return their numbers. Raises StoreUnavailable, and NotComparable for orders that
        the database has under a key that was taken away: the others are mended."""
        rows = await self._pool.fetch(_SEALED)
        outside, mended, shut = await self._book.load(len(rows)), list[int](), list[int]()
        for row in rows:
            number = row["number"]
            if number in outside.digests and number not in outside.damaged:
                continue
            try:
                order, known = self._book.open_order(row["sealed"], number), known_order(row)
            except Unreadable:
                shut.append(number)
                continue
            if order.digest == known.digest:
                await self._book.write_again(order)
                if number:
                    await self._book.write_again(outcome_of(known))
                mended.append(number)
        if shut:  # rows are kept as they were written, under the key of then
            raise NotComparable([f"{describe_orders(shut, 'under a former key')}; {_MEND_BY_HAND}"])
        return mended

    async def count_removed(self) -> int:
        """Return the number of files that were deleted because their conversation was destroyed."""
        return int(await self._pool.fetchval(f"select count(*) {_REMOVED}"))

    async def remove_again(self) -> int:
        """Let the archiver delete these files once more, and return their number: a copy of the
        object store may have brought them back. No order names them, and no key opens them."""
        rows = await self._pool.fetch(f"update archiver.media f set removed_at = null {_AGAIN}")
        return len(rows)

    async def _replay(self, order: Order, spared: Set[str]) -> None:
        gone = [each for each in order.conversations if each not in spared]
        await self._keys.ensure_conversation_keys({NOWHERE})  # the key of the records
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(BESIDE, order.tenant, gone)
            beside = {*order.beside, *[row[0] for row in rows]}
            await self._forget(connection, order, gone)
            await connection.execute(COUNT_DESTRUCTION)
            carried_out = msgspec.structs.replace(order, beside=tuple(sorted(beside)))
            records = destruction_records(carried_out, gone, first_at=order.at)
            await writer_in_transaction(connection, self._keys).add(records)

    async def _forget(self, connection: Connection, order: Order, gone: Sequence[str]) -> None:
        await connection.execute("set local statement_timeout = 0")
        await connection.execute(
            _REPLAY,
            order.number,
            order.digest,
            self._book.seal(order),
            order.list,
            order.tenant,
            [] if order.entries else gone,
            [*order.entries, *order.beside],
            order.kind == "municipality",
            timeout=STATEMENT_SECONDS,
        )


_MEND_BY_HAND = (
    "put that key before the last one of POSTKAMER_ARCHIVE_KEY and mend again, or put back their"
    " objects in destruction/ and outcome/ from a copy of the object store"
)
_REPLAY = "select archiver.replay_order($1, $2, $3, $4, $5, $6, $7, $8)"
_SEALED = "select number, digest, state, sealed from archiver.destruction_order"
# Only what the archiver finds on the record too: else it keeps the file, and alarms.
_DESTROYED = """
m.remove_at is not null and m.removed_at is not null and m.conversation <> '' and exists (
    select from archiver.entry d where d.kind = 'destruction' and d.message is null
        and d.tenant = m.tenant and d.conversation = m.conversation)
"""
_REMOVED = f"from archiver.media m where {_DESTROYED}"
_AGAIN = f"from archiver.media m where f.id = m.id and {_DESTROYED} returning f.id"
_TAKE_BACK = "delete from restoration.comparison"
