"""The points of a batch at which a router can die: how it is kept at each, and by what it is seen
afterwards where it was.

    load -> decide -> | commit -> | say to the archive -> | say to CRMs -> | acknowledge
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg

from router.model.decision import Decision
from services.amqp import topology
from tests.support.faults.event_recorder import Heard, Witness
from tests.support.observer import Watch, until

COMMIT, RECORD, EVENT, ACKNOWLEDGEMENT = "commit", "record", "event", "acknowledgement"
DONE = "nothing"
"""Point of a decision that was wholly done when the router died."""
CRM, OTHER_CRM = "crm", "crm-2"
REACH_SECONDS = 15.0
SESSIONS = "select count(*) from pg_stat_activity where application_name like 'postkamer-router %'"

Hold = Callable[[Watch, Witness], AbstractAsyncContextManager[None]]


async def waiting(watch: Watch, count: int) -> None:
    """Wait until so many statements of routers wait for a lock."""
    locked = f"{SESSIONS} and wait_event_type = 'Lock'"
    await until(lambda: watch.count(locked), lambda n: n >= count, REACH_SECONDS)


async def gone(watch: Watch) -> None:
    """Wait until the database has noticed that no router is left. A commit under way is done then,
    or never will be."""
    await until(lambda: watch.count(SESSIONS), lambda n: n == 0, REACH_SECONDS)


@asynccontextmanager
async def locked(watch: Watch, mode: str, table: str = "router.inbox") -> AsyncIterator[None]:
    """Nobody gets at what was decided: not to write it, or not even to read it."""
    connection = await asyncpg.connect(watch.town.database.url)
    try:
        await connection.execute(f"begin; lock table {table} in {mode} mode")
        yield
    finally:
        await connection.close()


@asynccontextmanager
async def _untold(watch: Watch, witness: Witness, *destinations: str) -> AsyncIterator[None]:
    """These CRMs can be told nothing, and no event for them can wait either."""
    names = map(topology.destination_queue, destinations)
    async with witness.unreachable(*names), locked(watch, "exclusive", "router.waiting"):
        yield


HOLDS: dict[str, Hold] = {
    COMMIT: lambda watch, _: locked(watch, "exclusive"),
    RECORD: lambda _, witness: witness.unreachable(topology.ARCHIVE_QUEUE),
    EVENT: lambda watch, witness: _untold(watch, witness, CRM, OTHER_CRM),
    ACKNOWLEDGEMENT: lambda watch, witness: _untold(watch, witness, OTHER_CRM),
}
"""Holds that keep a router from the next step of a batch. It acknowledges when both CRMs were told:
here one of them is, and the other is not."""


def point(decision: Decision, committed: bool, witness: Witness, died: float) -> str:
    """The first step of a decision that a dead router had left undone, on the loop's clock."""
    if not committed:
        return COMMIT
    if not _before(witness.records.get(decision.record, []), died):
        return RECORD
    assert decision.event
    said = witness.events.get(decision.event, [])
    if not _before(said, died):
        return EVENT
    return ACKNOWLEDGEMENT if len(said) > 1 else DONE


def _before(heard: Iterable[Heard], died: float) -> bool:
    return any(one.at < died for one in heard)
