"""Reports to the balance (`archiver.balance`): how many batches a process has published.

A gap in the numbers of a source shows when its next batch comes. Of a source that has ended none
comes: these rows say how far it was.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

from services.amqp.partition_publisher import PartitionPublisher
from services.postgres.database import DATABASE_ERRORS, Pool, retry_while_unavailable
from services.tasks import background_task

REPORT_SECONDS = 5.0
"""Pause between reports: what a process publishes in its last seconds before a kill is not told."""
LAST_SECONDS = 1.0
"""Time for the report of a process that stops."""


@asynccontextmanager
async def published_batch_reports(
    pool: Pool, publishers: Sequence[PartitionPublisher]
) -> AsyncIterator["asyncio.Task[None]"]:
    """Report while the context is open, and at its end; the task never ends by itself."""
    reported = [dict[int, int]() for _ in publishers]

    async def report() -> None:
        for publisher, before in zip(publishers, reported, strict=True):
            counts = {n: count for n, count in publisher.counts.items() if before.get(n) != count}
            if counts:
                await pool.execute(_REPORT, publisher.source, [*counts], [*counts.values()])
                before |= counts

    async def run() -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            await retry_while_unavailable(partial(report), "published")

    try:
        async with background_task(run()) as task:
            yield task
    finally:
        with suppress(*DATABASE_ERRORS):
            async with asyncio.timeout(LAST_SECONDS):
                await report()


_REPORT = """
insert into balance.published (source, partition, next)
select $1::uuid, * from unnest($2::int[], $3::bigint[])
on conflict (source, partition) do update set next = excluded.next, at = now()
where published.next < excluded.next
"""
