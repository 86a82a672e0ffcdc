"""`postkamer topology repartition`: another number of partitions, while nothing is under way."""

import os
from collections.abc import Iterator, Mapping, Sequence

from cli.support.output import CommandRefused, count
from services.amqp import topology
from services.amqp.connection import BROKER_ERRORS, CONNECT_SECONDS
from services.amqp.declare import declare, delete_queues, unbind_queues
from services.amqp.partition_count import read_partition_count
from services.amqp.queue_lengths import asking_connection, read_queue_lengths
from services.amqp.queue_status import QueueLength
from services.config import settings
from services.postgres.database import Connection, Pool


class Repartition:
    """The number of partitions and the destinations that hold from now on."""

    def __init__(self, partitions: int, destinations: Sequence[str]) -> None:
        self.partitions, self.destinations = partitions, destinations
        broker = settings.load(settings.BrokerSettings, os.environ)
        self._amqp = broker.amqp_url.get_secret_value()

    async def run(self, pool: Pool) -> int | None:
        """Change the number, and return what it was; raises CommandRefused while anything is under
        way. The lock keeps a service that starts now from reading the former number."""
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("lock table sharing.partitions in access exclusive mode")
            try:
                return await self._change(connection)
            except (*BROKER_ERRORS, TimeoutError) as error:
                reason = str(error) or type(error).__name__
                raise CommandRefused(f"the broker does not answer: {reason}") from None

    async def _change(self, connection: Connection) -> int | None:
        before = await read_partition_count(connection)
        if before == self.partitions:
            return before
        if before is not None:
            counts = dict(await connection.fetchrow(_UNDER_WAY) or {})
            table = topology.queues(max(before, self.partitions), [])
            lengths = await _read_lengths(self._amqp, table)
            if reasons := [*obstacles(counts, lengths)]:
                raise CommandRefused("\n".join(reasons))
            there = {each.name for each in lengths if not each.fault}
            former = [q for q in table[self.partitions : before] if q.name in there]
            await close_queues(self._amqp, former)
        await declare(self._amqp, topology.queues(self.partitions, self.destinations))
        await connection.execute(_SET, self.partitions)
        # Nobody holds these any more: everything that they decided is published, as all is empty.
        await connection.execute(_MARK_PUBLISHED, self.partitions)
        names = map(topology.partition_queue, range(self.partitions, before or 0))
        await delete_queues(self._amqp, names)
        return before


async def close_queues(amqp: str, former: Sequence[topology.Queue]) -> None:
    """Let nothing more into these queues; raises CommandRefused, and opens them again, if something
    came meanwhile. A service may have a link to the broker and none to the database, where it was
    looked for."""
    await unbind_queues(amqp, former)
    if reasons := [*obstacles(_NOTHING, await _read_lengths(amqp, former))]:
        await declare(amqp, former)
        raise CommandRefused("\n".join(reasons))


async def _read_lengths(amqp: str, table: Sequence[topology.Queue]) -> list[QueueLength]:
    async with asking_connection(amqp, CONNECT_SECONDS) as broker:
        names = [queue.name for queue in table if queue.kind == "partition"]
        return await read_queue_lengths(broker, names)


def obstacles(counts: Mapping[str, int], lengths: Sequence[QueueLength]) -> Iterator[str]:
    """Yield what is under way, a sentence for each. Pure."""
    if counts["processes"]:
        runs = count(counts["processes"], "process runs|processes run")
        yield f"{runs} (postkamer status): stop all services first, the routers last"
    for each in lengths:
        if each.ready or each.consumers:
            waits = count(each.ready, "message waits|messages wait")
            yield f"{each.name}: {waits}: start a router with the former number, and stop it again"
    if counts["lines"]:
        yield "events wait for a destination that takes none (router.waiting): they must go first"


_NOTHING = {"processes": 0, "lines": 0}
_UNDER_WAY = """
select (select count(distinct split_part(application_name, ' ', 2)) from pg_stat_activity
        where datname = current_database() and application_name ~
            '^postkamer-(gateway|router|deliverer|archiver) ')::int as processes,
    (exists (select from router.waiting))::int as lines
"""
_SET = """
insert into sharing.partitions (count) values ($1)
on conflict (only_one) do update set count = excluded.count, since = now()
"""
_MARK_PUBLISHED = """
update router.lease set published_at = now(),
    published = greatest(published, pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)
where partition >= $1
"""
