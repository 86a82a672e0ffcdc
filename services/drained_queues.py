"""Reports to the balance (`archiver.balance`): until when the queues of a process were drained."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

from services import clock
from services.amqp.consumer import Consumer
from services.postgres.database import Pool, retry_while_unavailable
from services.tasks import background_task

REPORT_SECONDS = 3.0
"""Pause between reports, of a row for each queue of a process. A municipality that moves stands
still for some of them. A consumer that is silent for 90 s counts no more."""


@asynccontextmanager
async def drained_queue_reports(
    pool: Pool, consumers: Sequence[Consumer]
) -> AsyncIterator["asyncio.Task[None]"]:
    """Report while the context is open; the task never ends by itself."""
    process = clock.new_id()

    async def report() -> None:
        while True:
            await retry_while_unavailable(partial(_report, pool, consumers, process), "drained")
            await asyncio.sleep(REPORT_SECONDS)

    async with background_task(report()) as task:
        yield task


async def _report(pool: Pool, consumers: Sequence[Consumer], process: UUID) -> None:
    """Write by the clock of the database. It is read first, so that no delay of ours makes a queue
    drained later than it was. The last report of each queue stays, since messages may wait there:
    the archiver deletes it once the broker does not have the queue any more. One that stands by
    cannot know what another has in hand, and reports nothing."""
    consumers = [each for each in consumers if not each.stands_by]
    now = await pool.fetchval("select now()")
    read_at = clock.monotonic()
    ages = [read_at - at if (at := c.drain.drained_at) is not None else None for c in consumers]
    await pool.execute(_REPORT, process, [c.queue.name for c in consumers], ages, now)


_REPORT = """
with gone as (
    delete from balance.consumer c where seen_at < now() - interval '1 day' and exists (
        select from balance.consumer n where n.queue = c.queue and n.seen_at > c.seen_at)
)
insert into balance.consumer (queue, instance, drained_at)
select queue, $1::uuid, $4::timestamptz - make_interval(secs => age)
from unnest($2::text[], $3::float8[]) c (queue, age)
on conflict (queue, instance) do update set drained_at = excluded.drained_at, seen_at = now()
"""
