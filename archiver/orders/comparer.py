"""Hold the orders of destruction outside against the database, and say there what was found.

Where nothing is lacking, the comparison is noted, for which every service waits at its start. Else
the database was restored from before a destruction: how many orders it lacks is noted, and its
owner carries them out again (`archiver.destruction.replayer`). The archiver's role cannot.
"""

import asyncio
from contextlib import suppress
from typing import Any

import structlog

from archiver.orders.comparison import (
    Comparison,
    NotComparable,
    find_faults,
    list_denied,
    settle,
)
from archiver.orders.order import Order, Outcome, State
from archiver.orders.order_book import OrderBook
from archiver.orders.order_keeper import KNOWN, NOTE_ORDER, TURN, known_order, outcome_of
from services import clock, metrics
from services.files.object_store import ObjectExists, StoreUnavailable
from services.postgres.database import Pool, retry_while_unavailable
from services.restoration.waiting_room import WAITS, lacking_sentence

LOOK_SECONDS = 3.0
"""Interval between looks if the database was restarted or another took its place; and between two
attempts at a comparison that did not succeed."""
CONFLICTS = frozenset(("23505", "23514"))
"""SQLSTATEs by which the database refuses an order, or a note, that another archiver or the owner
was before with."""

log = structlog.get_logger()


class Comparer:
    """Compares, for as long as the service runs. The archiver's role is enough."""

    def __init__(self, pool: Pool, book: OrderBook) -> None:
        self._pool, self._book = pool, book
        self.problem = WAITS
        """Why the services wait, in one sentence."""
        self._noted: tuple[Any, ...] | None = None
        """Server, database and note of the last comparison that came to an end."""

    async def run(self) -> None:
        """Compare once, and again whenever the database was started anew, is another, or says
        something else than we noted."""
        while True:
            await retry_while_unavailable(self._compare_if_needed, "destructions")
            await asyncio.sleep(LOOK_SECONDS)

    async def _compare_if_needed(self) -> None:
        standing = tuple(await self._pool.fetchrow(_STANDING) or ())
        if standing == self._noted:
            return
        server, database, *_ = standing
        self._noted = None
        lacking = await self.try_compare()
        if lacking is not None:
            self._noted = (server, database, not lacking, lacking)

    async def try_compare(self) -> int | None:
        """Compare and return the number of orders that are lacking; or tell why that did not
        succeed, and return None. Raises DATABASE_ERRORS."""
        try:
            lacking = await self.compare()
        except StoreUnavailable as error:
            self._refuse(f"{WAITS}: the object store does not answer ({error})")
        except NotComparable as error:
            self._refuse(f"{WAITS}: {error}")
        except Exception as error:
            if getattr(error, "sqlstate", None) not in CONFLICTS:
                raise
            self._refuse(f"{WAITS}: {error}")
        else:
            if lacking:
                self._refuse(lacking_sentence(lacking))
            return lacking
        return None

    def _refuse(self, problem: str) -> None:
        self.problem = problem
        metrics.destructions_uncompared.set(1)
        log.error("destructions.not_compared", reason=problem)

    async def compare(self) -> int:
        """Compare, say in the database what was found, and return the number of orders that are
        lacking. Nothing is written outside while there are any: it may be restored again, from
        another back-up. Raises NotComparable and StoreUnavailable."""
        try:
            found = await read_both_sides(self._pool, self._book)
        except NotComparable as error:
            if error.denied:  # somebody wrote those rows into the database
                last = await self._pool.fetchval(_LAST)
                await self._pool.execute(_NOTE_LACKING, last, error.denied)
            raise
        await judge_last(self._pool, found)
        if lacking := found.lacking:
            await self._pool.execute(_NOTE_LACKING, found.last_known, len(lacking))
            return len(lacking)
        await write_judgement(self._pool, self._book, found)
        for order in found.missing:
            await note_order(self._pool, self._book, order, found.state_of(order))
        metrics.destructions_uncompared.set(0)
        await self._pool.execute(NOTE_COMPARISON, found.last)
        log.info("destructions.compared", number=found.last)
        return 0


async def read_both_sides(pool: Pool, book: OrderBook) -> Comparison:
    """Read both sides, and begin the orders where there are none. Raises NotComparable and
    StoreUnavailable."""
    known = {row["number"]: known_order(row) for row in await pool.fetch(KNOWN)}
    outside = await book.load(max(known, default=-1))
    if not known and outside.last < 0:
        first = Order(number=0, kind="begin", at=clock.now())
        with suppress(ObjectExists):  # another archiver began
            await book.write(first)
        outside = await book.load()
    if faults := find_faults(known, outside):
        raise NotComparable(faults, len(list_denied(known, outside)))
    return Comparison(outside, known)


async def judge_last(pool: Pool, found: Comparison) -> None:
    """Settle the last order outside in `found`, if nobody wrote what became of it."""
    outside, number = found.outside, found.outside.last
    if number <= 0 or number in outside.outcomes:
        return
    known = found.known.get(number)
    judged = outcome_of(known) if known else await _judge(pool, outside.orders[number], found)
    outside.outcomes[number] = found.judged = judged


async def _judge(pool: Pool, order: Order, found: Comparison) -> Outcome:
    state = await pool.fetchval(_LIST_STATE, order.list)
    if settle(order, found.last_known, state) == "void":
        return Outcome(number=order.number, digest=order.digest, state="void")
    rows = await pool.fetch(_HELD, order.tenant, order.conversations)
    held = tuple([row[0] for row in rows])
    return Outcome(number=order.number, digest=order.digest, state="done", spared=held)


async def write_judgement(pool: Pool, book: OrderBook, found: Comparison) -> None:
    """Write outside what was judged of the last order, unless another was before us. That comes
    before anything is carried out again: a database that has caught up no longer shows its age.
    Whoever destroys has the turn until the commit, so that no order under way is called void."""
    judged = found.judged
    if judged is None:
        return
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(TURN)
        if (row := await connection.fetchrow(_ONE, judged.number)) is not None:
            found.learn(known_order(row))  # it was under way
            judged = outcome_of(known_order(row))
        with suppress(ObjectExists):
            await book.write(judged)
    written = await book.read_outcome(judged.number)
    found.outside.outcomes[judged.number] = written or judged


async def note_order(to: Pool, book: OrderBook, order: Order, state: State) -> None:
    """Note an order that destroys nothing, or destroys nothing any more."""
    await to.execute(NOTE_ORDER, order.number, order.digest, book.seal(order), state)


NOTE_COMPARISON = "select restoration.note_comparison($1)"
_NOTE_LACKING = "select restoration.note_lacking($1, $2)"
_STANDING = """
select pg_postmaster_start_time(), d.oid, restoration.is_compared(), restoration.lacking()
from pg_database d where d.datname = current_database()
"""
_LAST = "select max(number) from archiver.destruction_order"
_ONE = f"{KNOWN} where number = $1"
_HELD = "select archiver.held_of($1, $2)"
_LIST_STATE = "select state from archiver.destruction_list where id = $1"
