"""Sharing queues with the other instances of a service.

Every instance reads every queue, and the broker gives a queue's messages to one of them: its
holder. The others stand by, and take over as soon as the holder's channel closes. Each instance
tells the others in a table, every second, what it reads and holds, and lets go of a queue that is
in the share of another. Nobody is told who is next in line: an instance that gets a queue that is
not in its share lets go of it in turn.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from services import clock, metrics
from services.amqp.consumer import Consumer
from services.amqp.queue_shares import Instance, queue_owners, queue_to_let_go
from services.instance import instance_name
from services.postgres.database import DATABASE_ERRORS, Pool, retry_while_unavailable
from services.tasks import background_task, with_timeout

BEAT_SECONDS = 1.0
"""Interval at which an instance tells the others of itself."""
GONE_SECONDS = 3.5
"""Silence after which an instance has no share: three beats that did not come."""
SILENT_SECONDS = 40.0
"""Silence after which an instance holds nothing: the broker notices within 33 s that it is gone
(`services.amqp.connection`), and gives its messages to another."""
HANDOVER_SECONDS = 0.25
"""Wait after letting go of a queue, before the next: as long as subscribing again takes."""
PATIENCE_SECONDS = 5.0
"""Longest wait, before a queue is let go, for the end of what came with it. A deliverer whose
destination takes nothing would wait for hours."""
KEPT_SECONDS = 5.0
"""Time for which a queue is kept that came back after it was let go: its owner has just ended, and
that shows only after GONE_SECONDS."""
LEAVE_SECONDS = 1.0
"""Time for taking back the row of an instance that stops."""

log = structlog.get_logger()


class SharedQueues:
    """The queues that this instance reads, and the rows of the others."""

    def __init__(self, pool: Pool, service: str) -> None:
        self._pool, self._service, self._id = pool, service, clock.new_id()
        self._consumers: dict[str, Consumer] = {}
        self._kept_until: dict[str, float] = {}
        """Queue -> end of the time for which it is kept if it comes back. One entry a queue."""

    def add(self, consumer: Consumer) -> None:
        """Share the queue of this consumer, from the next beat on."""
        consumer.is_shared, consumer.is_ours = True, False
        self._consumers[consumer.queue.name] = consumer

    async def run(self) -> None:
        """Tell and share for as long as this runs."""
        while True:
            others, live = await retry_while_unavailable(self._beat, "sharing")
            has_let_go = self._share(others, live)
            await asyncio.sleep(HANDOVER_SECONDS if has_let_go else BEAT_SECONDS)

    async def leave(self) -> None:
        """Tell the others that this instance is gone."""
        await with_timeout(LEAVE_SECONDS, self._pool.execute(_LEAVE, self._id))

    def _own(self) -> Instance:
        consumers = self._consumers.items()
        return Instance(
            self._id,
            frozenset(name for name, each in consumers if each.confirmed_by_broker),
            frozenset(name for name, each in consumers if each.holds),
        )

    async def _beat(self) -> tuple[list[Instance], list[Instance]]:
        """Tell the others of this instance. Return them, and those of them that live."""
        own = self._own()
        rows = await self._pool.fetch(
            _BEAT, self._id, self._service, instance_name(), [*own.reads], [*own.holds],
            SILENT_SECONDS, GONE_SECONDS,
        )  # fmt: skip
        others = [
            Instance(row["id"], frozenset(row["reads"]), frozenset(row["holds"])) for row in rows
        ]
        return others, [each for each, row in zip(others, rows, strict=True) if row["is_live"]]

    def _share(self, others: list[Instance], live: list[Instance]) -> bool:
        """Note what is whose, and let go of one queue of another's share. Return whether there was
        one."""
        own, now = self._own(), clock.monotonic()
        owners = queue_owners([own, *live])
        held = frozenset[str]().union(*(each.holds for each in others))
        for name, consumer in self._consumers.items():
            consumer.is_held_elsewhere = name in held
            is_free = owners.get(name) == self._id and name not in held
            consumer.is_ours = name in own.holds or is_free
            metrics.queue_held.labels(queue=name).set(name in own.holds)
        metrics.instances.labels(service=self._service).set(1 + len(live))
        kept = {name for name, until in self._kept_until.items() if now < until}
        for name, consumer in self._consumers.items():
            if not consumer.may_let_go(PATIENCE_SECONDS):
                kept.add(name)
        surplus = queue_to_let_go(own, owners, kept)
        if surplus is None:
            return False
        self._kept_until[surplus] = now + KEPT_SECONDS
        self._consumers[surplus].let_go()
        return True


@asynccontextmanager
async def shared_queues(
    pool: Pool, service: str
) -> AsyncIterator[tuple[SharedQueues, "asyncio.Task[None]"]]:
    """Share the queues that are added, while the context is open; the task never ends by itself.
    Leave it after the consumers: until then this instance holds what it holds."""
    shared = SharedQueues(pool, service)
    try:
        async with background_task(shared.run()) as task:
            yield shared, task
    finally:
        try:
            await shared.leave()
        except DATABASE_ERRORS as error:
            log.warning("sharing.not_left", exc_info=error)


# A row of a time to come is left by a clock that was set back, and says nothing.
_BEAT = """
with gone as (
    delete from sharing.instance where service = $2 and id <> $1
        and abs(extract(epoch from now() - seen_at)) > $6
), own as (
    insert into sharing.instance (id, service, name, reads, holds) values ($1, $2, $3, $4, $5)
    on conflict (id) do update set reads = excluded.reads, holds = excluded.holds, seen_at = now()
)
select id, reads, holds, abs(extract(epoch from now() - seen_at)) <= $7 as is_live
from sharing.instance
where service = $2 and id <> $1 and abs(extract(epoch from now() - seen_at)) <= $6
"""

_LEAVE = "delete from sharing.instance where id = $1"
