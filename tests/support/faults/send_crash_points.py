"""The steps of a send at which a deliverer can die, and how it is kept at each.

    claim -> | POST -> Meta reads -> answers -> | settle -> | publish -> | note that it is told

Each is entered before the deliverer starts, and gives what waits until the messages are there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

import asyncpg

from services.amqp import topology
from tests.support.citizens import NUMBER
from tests.support.faults.partition_holders import PARTITIONS
from tests.support.faults.phones import ANSWERED, BEFORE, HALF, HEAD, TAKEN
from tests.support.faults.send_crash_scenario import (
    CLAIMED,
    PUBLISHED,
    REACH_SECONDS,
    SESSIONS,
    SETTLED,
    Letters,
)
from tests.support.observer import until

SEALED_CONTENT, COMMITTED = b'"sealed": "', b"COMMIT\0"
"""Bytes in the answer to a claim, and in no other answer to this deliverer; and in that to the end
of its transaction."""
Reached = Callable[[list[str]], Awaitable[None]]
Hold = Callable[[Letters], AbstractAsyncContextManager[Reached]]
QUEUE = topology.partition_queue(topology.partition_of(NUMBER, PARTITIONS))


async def _in_state(letters: Letters, state: str, ids: list[str]) -> None:
    async def there() -> bool:
        states = await letters.states()
        return all(states[id][0] == state for id in ids)

    await until(there, bool, REACH_SECONDS)


async def _waiting(letters: Letters, statement: str, count: int) -> None:
    """Wait until so many of the deliverer's statements that begin like this wait for a lock."""
    sql = f"select count(*) from {SESSIONS} and wait_event_type = 'Lock' and query like $1"
    begins = f"%{statement}%"
    await until(lambda: letters.one(sql, begins), lambda n: n >= count, REACH_SECONDS)


@asynccontextmanager
async def _claimed(letters: Letters) -> AsyncIterator[Reached]:
    """The claim is committed and the answer to that does not come."""
    letters.road.keep_back(SEALED_CONTENT, COMMITTED)
    try:
        yield partial(_in_state, letters, "sending")
    finally:
        letters.road.let_go()


def _at_meta(where: str) -> Hold:
    @asynccontextmanager
    async def hold(letters: Letters) -> AsyncIterator[Reached]:
        letters.phones.stop(where)
        try:
            yield partial(_standing, letters)
        finally:
            letters.phones.go_on()

    return hold


async def _standing(letters: Letters, ids: list[str]) -> None:
    """Wait until Meta has as many in hand as were claimed, these among them."""

    async def there() -> bool:
        states = {id: state for id, (state, _) in (await letters.states()).items()}
        sending = list(states.values()).count("sending")
        return all(states[id] != "queued" for id in ids) and letters.phones.standing >= sending

    await until(there, bool, REACH_SECONDS)


@asynccontextmanager
async def _answered(letters: Letters) -> AsyncIterator[Reached]:
    """Meta's answer is there, and the ledger cannot be written."""
    async with _at_meta(TAKEN)(letters), _aside(letters) as other:

        async def reached(ids: list[str]) -> None:
            await _standing(letters, ids)
            count = letters.phones.standing
            await other.execute("begin; lock table deliverer.ledger in exclusive mode")
            letters.phones.go_on()
            await _waiting(letters, "set state = $3, wamid", count)

        yield reached


@asynccontextmanager
async def _settled(letters: Letters) -> AsyncIterator[Reached]:
    """The outcome is written and its partition cannot be reached."""
    async with letters.witness.unreachable(QUEUE):

        async def reached(ids: list[str]) -> None:
            await _in_state(letters, "sent", ids)
            assert set(ids) <= (await letters.untold()).keys()

        yield reached


@asynccontextmanager
async def _published(letters: Letters) -> AsyncIterator[Reached]:
    """The outcome is in its partition, and that cannot be noted."""
    async with AsyncExitStack() as stack, _aside(letters) as other:
        settled = await stack.enter_async_context(_settled(letters))

        async def reached(ids: list[str]) -> None:
            await settled(ids)
            lock = "select from deliverer.outcome where published_at is null for update"
            await other.execute(f"begin; {lock}")
            await stack.aclose()  # the partition can be reached again
            await _waiting(letters, "update deliverer.outcome", 1)

        yield reached


@asynccontextmanager
async def _aside(letters: Letters) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to lock with; its end ends the lock."""
    connection = await asyncpg.connect(letters.town.database.url)
    try:
        yield connection
    finally:
        await asyncio.shield(connection.close())


HOLDS: dict[str, Hold] = {
    CLAIMED: _claimed,
    BEFORE: _at_meta(BEFORE),
    HALF: _at_meta(HALF),
    TAKEN: _at_meta(TAKEN),
    HEAD: _at_meta(HEAD),
    ANSWERED: _answered,
    SETTLED: _settled,
    PUBLISHED: _published,
}
