"""Hold the orders of destruction outside against the database, and carry out again those that it
does not know: it was restored from before them.

Each order is one transaction, by its number, so that a kill loses nothing and repeats nothing. Only
then the row is written for which every service waits at its start.
"""

import asyncio
from collections.abc import Callable, Sequence, Set
from contextlib import suppress

import msgspec
import structlog

from archiver.encryption.key_store import NOWHERE, KeyStore
from archiver.log.destruction_record import destruction_records
from archiver.log.erasure import BESIDE, COUNT_DESTRUCTION, STATEMENT_SECONDS
from archiver.log.writer import writer_in_transaction
from archiver.orders.comparison import (
    KnownOrder,
    NotComparable,
    Outside,
    find_faults,
    settle,
)
from archiver.orders.order import Order, Outcome, State
from archiver.orders.order_book import OrderBook
from archiver.orders.order_keeper import KNOWN, NOTE_ORDER, known_order, outcome_of
from services import clock, metrics
from services.files.object_store import ObjectExists, StoreUnavailable
from services.postgres.database import Connection, Pool, retry_while_unavailable
from services.restoration.waiting_room import IS_COMPARED, WAITS

LOOK_SECONDS = 3.0
"""Interval between looks if the database was restarted or another took its place; and between two
attempts at a comparison that did not succeed."""
Progress = Callable[[int, int], None]
"""Is told the orders that were carried out again, and all of them."""
CONFLICTS = frozenset(("23505", "23514"))
"""SQLSTATEs by which the database refuses an order that another archiver carried out meanwhile."""

log = structlog.get_logger()


class Comparison:
    """Orders outside and those that the database knows."""

    def __init__(self, outside: Outside, known: dict[int, KnownOrder]) -> None:
        self.outside, self.known = outside, known

    @property
    def missing(self) -> list[Order]:
        """Orders that the database does not know, in their order."""
        orders = self.outside.orders
        return [orders[n] for n in sorted(orders)]

    @property
    def last_known(self) -> int:
        return max(self.known, default=-1)


class Replayer:
    """Compares, for as long as the service runs. The archiver's role is enough, until the
    comparison is noted."""

    def __init__(self, pool: Pool, keys: KeyStore, book: OrderBook) -> None:
        self._pool, self._keys, self._book = pool, keys, book
        self.problem = WAITS
        """Why the comparison has not succeeded, in one sentence."""
        self._is_compared = False

    async def run(self) -> None:
        """Compare once, and again whenever the database was started anew or is another."""
        while True:
            await retry_while_unavailable(self._compare_if_needed, "destructions")
            await asyncio.sleep(LOOK_SECONDS)

    async def _compare_if_needed(self) -> None:
        if self._is_compared and await self._pool.fetchval(IS_COMPARED):
            return
        self._is_compared = await self.try_compare()

    async def try_compare(self) -> bool:
        """Compare and return True; or tell why that did not succeed. Raises DATABASE_ERRORS."""
        try:
            await self.compare(self._show)
        except StoreUnavailable as error:
            self._refuse(f"{WAITS}: the object store does not answer ({error})")
        except NotComparable as error:
            self._refuse(f"{WAITS}: {error}")
        except Exception as error:
            if getattr(error, "sqlstate", None) not in CONFLICTS:
                raise
            self._refuse(f"{WAITS}: {error}")
        else:
            return True
        return False

    def _refuse(self, problem: str) -> None:
        self.problem = problem
        metrics.destructions_uncompared.set(1)
        log.error("destructions.not_compared", reason=problem)

    def _show(self, done: int, of: int) -> None:
        self.problem = f"{WAITS}: {done} of {of} are carried out again"

    async def compare(
        self, progress: Progress = lambda done, of: None, *, anew: bool = False
    ) -> int:
        """Compare, carry out what is missing, and say so in the database. Return the number of
        orders that were carried out again. `anew`: also if the database says that it was compared,
        which its owner alone can take back. Raises NotComparable and StoreUnavailable."""
        found = await self.read()
        missing = found.missing
        await self._settle(found)
        if missing and anew:
            await self._pool.execute(_TAKE_BACK)
        for nth, order in enumerate(missing):
            progress(nth, len(missing))
            await self._catch_up(order, found.outside.outcomes.get(order.number))
        metrics.destructions_uncompared.set(0)
        last = max(found.last_known, found.outside.last)
        await self._pool.execute(_NOTE_COMPARISON, last)
        replayed = [order for order in missing if order.kind != "begin"]
        log.info("destructions.compared", number=last, count=len(replayed))
        return len(replayed)

    async def mend(self) -> list[int]:
        """Write outside again the orders that are missing or damaged there and that the database
        has, and return their numbers. Raises StoreUnavailable."""
        rows = await self._pool.fetch(_SEALED)
        outside, mended = await self._book.load(len(rows)), list[int]()
        for row in rows:
            number = row["number"]
            if number in outside.digests and number not in outside.damaged:
                continue
            order, known = self._book.open_order(row["sealed"], number), known_order(row)
            if order.digest == known.digest:
                await self._book.write_again(order)
                if number:
                    await self._book.write_again(outcome_of(known))
                mended.append(number)
        return mended

    async def read(self) -> Comparison:
        """Read both sides, and begin the orders where there are none. Raises NotComparable and
        StoreUnavailable."""
        rows = await self._pool.fetch(KNOWN)
        known = {row["number"]: known_order(row) for row in rows}
        outside = await self._book.load(max(known, default=-1))
        if not known and outside.last < 0:
            first = Order(number=0, kind="begin", at=clock.now())
            with suppress(ObjectExists):  # another archiver began
                await self._book.write(first)
            outside = await self._book.load()
        if faults := find_faults(known, outside):
            raise NotComparable(faults)
        return Comparison(outside, known)

    async def _settle(self, found: Comparison) -> None:
        """Settle the last order outside, if nobody wrote what became of it. That is written before
        anything is carried out again: a database that has caught up no longer shows its age."""
        outside, number = found.outside, found.outside.last
        if number <= 0 or number in outside.outcomes:
            return
        known = found.known.get(number)
        outcome = (
            outcome_of(known)
            if known
            else await self._judge(outside.orders[number], found.last_known)
        )
        with suppress(ObjectExists):  # another archiver settled it
            await self._book.write(outcome)
        outside.outcomes[number] = await self._book.read_outcome(number) or outcome

    async def _judge(self, order: Order, last_known: int) -> Outcome:
        state = await self._pool.fetchval(_LIST_STATE, order.list)
        if settle(order, last_known, state) == "void":
            return Outcome(number=order.number, digest=order.digest, state="void")
        rows = await self._pool.fetch(_HELD, order.tenant, order.conversations)
        held = tuple([row[0] for row in rows])
        return Outcome(number=order.number, digest=order.digest, state="done", spared=held)

    async def _catch_up(self, order: Order, outcome: Outcome | None) -> None:
        """Bring the database past one order."""
        if outcome is None:  # the first, which destroys nothing
            await self._note(order, "done")
        elif outcome.state == "void":
            await self._note(order, "void")
        else:
            await self._replay(order, set(outcome.spared))

    async def _note(self, order: Order, state: State) -> None:
        sealed = self._book.seal(order)
        await self._pool.execute(NOTE_ORDER, order.number, order.digest, sealed, state)

    async def _replay(self, order: Order, spared: Set[str]) -> None:
        gone = [each for each in order.conversations if each not in spared]
        await self._keys.ensure_conversation_keys({NOWHERE})  # the key of the records
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(BESIDE, order.tenant, gone)
            beside = {*order.beside, *[row[0] for row in rows]}
            await self._forget(connection, order, gone)
            await connection.execute(COUNT_DESTRUCTION)
            carried_out = msgspec.structs.replace(order, beside=tuple(sorted(beside)))
            records = destruction_records(carried_out, gone, is_replayed=True)
            await writer_in_transaction(connection, self._keys).add(records)
        metrics.destructions_replayed.inc()

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


_REPLAY = "select archiver.replay_order($1, $2, $3, $4, $5, $6, $7, $8)"
_SEALED = "select number, digest, state, sealed from archiver.destruction_order"
_TAKE_BACK = "delete from restoration.comparison"
_NOTE_COMPARISON = "select restoration.note_comparison($1)"
_HELD = "select archiver.held_of($1, $2)"
_LIST_STATE = "select state from archiver.destruction_list where id = $1"
