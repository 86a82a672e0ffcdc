"""The stopped numbers as this process knows them.

A loop reads them from the database, and tells there which of them this process refuses. Requests
look only here, so none waits for the database. While that does not answer, what it said last
counts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog

from services import clock, metrics
from services.instance import instance_name
from services.postgres.database import (
    ANSWER_SECONDS,
    DATABASE_ERRORS,
    Pool,
    retry_while_unavailable,
)
from services.stops.gateway_rows import BEAT_LOCK, GONE_SECONDS
from services.tasks import background_task, with_timeout

BEAT_SECONDS = 2.0
"""Interval of reading and telling, and so the longest time from a stop until it is refused here. It
is longer than what was let in waits for its confirm (`gateway.intake.CONFIRM_SECONDS`)."""
LEAVE_SECONDS = 1.0
"""Time for taking back the row of a process that stops."""

log = structlog.get_logger()


class Stopped(msgspec.Struct, frozen=True):
    """Numbers that are stopped, and their municipalities."""

    numbers: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()


class StoppedNumbers:
    """Knows what is stopped. `now` is replaced as a whole by each look at the database."""

    def __init__(self, now: Stopped | None = None) -> None:
        self.now = now or Stopped()


class StopsWatch:
    """Keeps `known` up to date, and tells in the row of this process what it has seen. `configured`
    returns our numbers."""

    def __init__(
        self, pool: Pool, known: StoppedNumbers, configured: Callable[[], Iterable[str]]
    ) -> None:
        self._pool, self._known, self._id = pool, known, clock.new_id()
        self._configured = configured

    async def run(self) -> None:
        """Read and tell for as long as this runs."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await retry_while_unavailable(self.beat, "stops")

    async def beat(self) -> None:
        """Read what is stopped. Tell which of it was refused since the beat before: a webhook that
        was let in earlier has its answer. Bounded, since one that hangs would count as gone."""
        before = sorted(self._known.now.numbers)
        values = self._id, instance_name(), before, GONE_SECONDS
        rows = await with_timeout(ANSWER_SECONDS, self._write_beat(*values))
        after = Stopped(
            frozenset(row["number"] for row in rows), frozenset(row["tenant"] for row in rows)
        )
        if after != self._known.now:
            log.warning("door.stops", count=len(after.numbers))
        self._known.now = after
        for number in {*self._configured(), *before, *after.numbers}:
            metrics.number_stopped.labels(number=number).set(number in after.numbers)

    async def _write_beat(self, *values: Any) -> list[Any]:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock_shared($1)", BEAT_LOCK)
            return list(await connection.fetch(_BEAT, *values))

    async def leave(self) -> None:
        """Take the row of this process back."""
        try:
            await with_timeout(LEAVE_SECONDS, self._pool.execute(_LEAVE, self._id))
        except DATABASE_ERRORS as error:
            log.warning("stops.not_left", exc_info=error)


@asynccontextmanager
async def watch_stops(
    pool: Pool, known: StoppedNumbers, configured: Callable[[], Iterable[str]]
) -> AsyncIterator["asyncio.Task[None]"]:
    """Watch while the context is open. Enter it before the door opens, and leave it after."""
    watch = StopsWatch(pool, known, configured)
    await retry_while_unavailable(watch.beat, "stops")
    try:
        async with background_task(watch.run()) as task:
            yield task
    finally:
        await watch.leave()


_BEAT = """
with gone as (
    delete from sharing.gateway
    where id <> $1 and abs(extract(epoch from now() - seen_at)) > $4
), stopped as (
    select number, tenant from sharing.stopped_number
), own as (
    insert into sharing.gateway (id, name, refuses) values ($1, $2,
        array(select number from stopped where number = any($3::text[]) order by number))
    on conflict (id) do update set refuses = excluded.refuses, seen_at = now()
)
select number, tenant from stopped
"""
_LEAVE = "delete from sharing.gateway where id = $1"
