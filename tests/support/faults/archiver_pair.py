"""Two archivers that die and are started again at once, while records come in; and the moments at
which they die, which the log's own length and the broker's hand-outs tell.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from archiver.intake import PREFETCH
from deploy.local.state import free_port
from services.amqp import topology
from services.amqp.connection import BrokerConnection, broker_connection
from services.amqp.publisher import Publisher, publish_until_confirmed
from services.contract import ArchiveBatch, Record
from services.postgres.database import Pool, connection_pool, retry_while_unavailable
from tests.support.faults.unacked_probe import Tap, tap_to
from tests.support.installation import Installation
from tests.support.observer import until

REACH_SECONDS, SETTLE_SECONDS = 40.0, 120.0
AHEAD = 20 * PREFETCH
"""Records that are published and not written yet: more than one of them takes into its hand, whose
envelopes have up to 18."""
FIRST, SECOND = "archiver", "archiver-2"
TOTAL = (
    '{{ok, Queue}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"{vhost}">>, queue, <<"{queue}">>)),'
    " {{ok, {{_, Total}}, _}} = ra:local_query(amqqueue:get_pid(Queue),"
    " fun rabbit_fifo:query_messages_total/1), Total."
)
"""Messages of a quorum queue that are not acknowledged, as its own log says now. One on its way to
a consumer is neither in the queue's count of what waits nor in anybody's hand."""
WAITING = """
select count(*) from pg_stat_activity where application_name like 'postkamer-archiver %'
    and wait_event_type = 'Lock' and query like $1
"""


class Archivers:
    """None of the other services runs: what is in the archive is what we published."""

    def __init__(self, town: Installation, pool: Pool, link: BrokerConnection) -> None:
        self.town, self.pool, self._link = town, pool, link
        self._publisher = Publisher(link, topology.ARCHIVE)
        self.taps: dict[str, Tap] = {}
        self.published: list[Record] = []
        self.envelopes = 0
        self.deaths: Counter[tuple[str, bool]] = Counter()
        """(moment, whether envelopes were in the hand of whoever died)."""
        self.pace = 0
        """Records after which nothing more is published, but for whoever waits to have some."""
        self.hungry = self.over = False
        self.until_dead = AsyncExitStack()
        """Holds that keep the archivers where they are until they are dead."""
        self.before = 0
        """Entries that were there when we came."""

    async def one(self, sql: str, *arguments: Any) -> Any:
        return await retry_while_unavailable(lambda: self.pool.fetchval(sql, *arguments), "a look")

    async def written(self) -> int:
        """Entries in the log that are ours."""
        return int(await self.one("select size from archiver.head")) - self.before

    async def there(self) -> set[UUID]:
        return set(await self.one("select array_agg(id) from archiver.entry"))

    async def publish(self, records: Sequence[Record]) -> None:
        """Publish records, and wait for the confirm."""
        await self.put(ArchiveBatch(records=list(records)))
        self.published += records

    async def flow(self, batches: Iterable[Sequence[Record]]) -> None:
        """One after the other as they are wanted, until no more are."""
        for records in batches:
            await until(self._wanted, bool, SETTLE_SECONDS)
            if self.over:
                return
            await self.publish(records)

    async def _wanted(self) -> bool:
        count = len(self.published)
        ahead = count >= await self.written() + AHEAD
        return self.over or (not ahead and (self.hungry or count < self.pace))

    async def put(self, batch: ArchiveBatch) -> None:
        queue = topology.ARCHIVE_QUEUE
        await publish_until_confirmed(self._publisher, queue, batch, may_stop=lambda: False)
        self.envelopes += 1

    async def starts(self, *names: str) -> None:
        for name in names:
            await asyncio.to_thread(self.town.restart, name)

    async def dies(self, moment: str, *names: str) -> bool:
        """Kill these archivers by SIGKILL; true when one of them had something in hand."""
        for name in names:
            self.taps[name].left = 0
            self.town.services[name].send(signal.SIGKILL)
        for name in names:
            await asyncio.to_thread(self.town.kill, name)
            assert self.town.services[name].exit_code == -signal.SIGKILL
            tap = self.taps[name]
            tap.let_go()
            await until(partial(_open, tap), lambda n: n == 0, REACH_SECONDS)
            self.deaths[moment, tap.left > 0] += 1
        await self.until_dead.aclose()
        return any(self.taps[name].left for name in names)

    async def held(self) -> dict[str, int]:
        """Envelopes in each one's hand."""
        return {name: tap.held for name, tap in self.taps.items()}

    async def busiest(self) -> str:
        """The archiver with most in hand, once one has something."""
        found = await until(self.held, lambda hands: any(hands.values()), REACH_SECONDS)
        return max(found, key=lambda name: found[name])

    async def waiting(self) -> int:
        return await waiting(self._link)

    async def unconfirmed(self) -> int:
        """Envelopes that are not acknowledged."""
        return await self.waiting() + sum((await self.held()).values())

    async def drained(self) -> None:
        """Wait until nothing is unconfirmed. The broker is asked once it looks so: it knows also
        what is on its way."""

        async def left() -> int:
            return await self.unconfirmed() or await asyncio.to_thread(self._total)

        await until(left, lambda n: n == 0, SETTLE_SECONDS)

    def _total(self) -> int:
        asked = TOTAL.format(vhost=topology.VHOST, queue=topology.ARCHIVE_QUEUE)
        return int(self.town.broker.evaluate(asked))


async def waiting(link: BrokerConnection) -> int:
    """Envelopes in the archive's queue and in nobody's hand. The broker's command line tells what
    was so some seconds ago."""
    connection = await link.connection()
    async with connection.channel() as channel:
        said = await channel.declare_queue(topology.ARCHIVE_QUEUE, passive=True)
        return said.declaration_result.message_count or 0


async def _open(tap: Tap) -> int:
    return tap.open


async def just_taken(archivers: Archivers) -> Sequence[str]:
    """Envelopes were handed out; whatever became of them."""
    return [await archivers.busiest()]


async def some_entries_later(archivers: Archivers) -> Sequence[str]:
    """The log has grown by another transaction."""
    size = await archivers.written()
    await until(archivers.written, lambda n: n > size, REACH_SECONDS)
    return [await archivers.busiest()]


async def unacknowledged(archivers: Archivers) -> Sequence[str]:
    """Archivers that have written a batch before the broker knows."""
    for tap in archivers.taps.values():
        tap.keep_acknowledgements()

    async def kept() -> list[str]:
        return [name for name, tap in archivers.taps.items() if tap.kept]

    try:
        return (await until(kept, bool, REACH_SECONDS))[:1]
    finally:
        victims = await kept()
        for name in archivers.taps.keys() - set(victims[:1]):
            archivers.taps[name].let_go()


async def starting(archivers: Archivers) -> Sequence[str]:
    """One is ended and started, and has just come as far as the broker."""
    archivers.hungry = False
    name = random.choice([FIRST, SECOND])
    await asyncio.to_thread(archivers.town.kill, name)
    await archivers.starts(name)
    await until(partial(_open, archivers.taps[name]), bool, REACH_SECONDS)
    return [name]


async def both(archivers: Archivers) -> Sequence[str]:
    """Both have something in hand, and one is in the middle of its transaction."""
    wanted = await archivers.until_dead.enter_async_context(locked(archivers, "archiver.entry"))
    await wanted()
    await until(archivers.held, lambda hands: all(hands.values()), REACH_SECONDS)
    return [FIRST, SECOND]


COPIED = {"archiver.entry": 'COPY "archiver"."entry"'}
"""Beginning of a statement that writes into a table, where it is no insert."""
Moment = Callable[[Archivers], Awaitable[Sequence[str]]]
MOMENTS: dict[str, Moment] = {
    "just taken": just_taken,
    "some entries later": some_entries_later,
    "unacknowledged": unacknowledged,
    "both at once": both,
    "starting": starting,
}


@asynccontextmanager
async def locked(archivers: Archivers, table: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Lock a table against writing; gives a wait for an archiver that wants to write."""

    async def wanted() -> None:
        begins = COPIED.get(table, f"insert into {table}")
        count = partial(archivers.one, WAITING, f"%{begins}%")
        await until(count, bool, REACH_SECONDS)

    async with archivers.pool.acquire() as connection, connection.transaction():
        await connection.execute(f"lock table {table} in exclusive mode")
        yield wanted


@asynccontextmanager
async def archiving(town: Installation) -> AsyncIterator[Archivers]:
    """The others are ended, and what they said at their start is written; then two archivers run,
    each behind a tap."""
    for name in ("gateway", "router", "deliverer", "sandbox"):
        await asyncio.to_thread(town.kill, name)
    if SECOND not in town.services:
        town.add_second(FIRST)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool = await enter(connection_pool(town.database.url, "test", 4))
        link = await enter(broker_connection(town.broker.url, "test publishes"))
        archivers = Archivers(town, pool, link)
        for name in (FIRST, SECOND):
            await asyncio.to_thread(town.kill, name)
            archivers.taps[name], port = await enter(tap_to(town.broker.ports.amqp))
            _led(town, name, port)
            await archivers.starts(name)
        await archivers.drained()
        archivers.before = await archivers.written()
        yield archivers
        for name, tap in archivers.taps.items():
            await asyncio.to_thread(town.kill, name)
            await until(partial(_open, tap), lambda n: n == 0, REACH_SECONDS)


def _led(town: Installation, name: str, broker: int) -> None:
    """Have an archiver, from its next start, go to the broker by this port."""
    process = town.services[name]
    there, _, vhost = process.program.environment["POSTKAMER_AMQP_URL"].rpartition("@")
    changed = dict(process.program.environment) | {
        "POSTKAMER_AMQP_URL": f"{there}@127.0.0.1:{broker}/{vhost.partition('/')[2]}",
        "POSTKAMER_ARCHIVER_PORT": str(free_port()),
    }
    process.program = replace(process.program, environment=changed)
