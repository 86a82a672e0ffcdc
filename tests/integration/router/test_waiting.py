"""Events that wait for a destination's queue, on a real broker and database."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from deploy.local.rabbitmq import Broker
from router.handlers.batch import ITEMS
from router.partition.waiting import DestinationLines
from router.store.fencing import PartitionFenced
from router.store.store import Store
from router.store.waiting import LineEnd
from services import metrics
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.publisher import Publisher
from services.contract import Delivery
from services.postgres.database import Pool
from services.tasks import background_task
from tests.integration.conftest import PASSWORDS
from tests.support.integration.destination_queue import (
    ROOM,
    DestinationQueue,
    destination_queues,
    make_event,
)
from tests.support.integration.running_partition import Standing
from tests.support.integration.shut_rows import alter, shut_rows
from tests.support.observer import until
from tests.support.small_queues import small_queues

SECONDS = 20.0


@pytest.fixture(scope="module")
def small(running: Broker) -> Iterator[None]:
    with small_queues(running, "destination", ROOM):
        yield


@pytest.fixture
async def queues(small: None, broker: Broker) -> AsyncIterator[list[DestinationQueue]]:
    """The queue of a CRM, which is full, and one of another destination, which is open."""
    async with destination_queues(broker) as queues:
        yield queues


class Holder:
    """A router that holds partition 0, as far as its events go."""

    def __init__(self, publisher: Publisher, pool: Pool) -> None:
        self.store = Store(pool)
        self._publisher = publisher

    @asynccontextmanager
    async def lines(self, **options: int) -> AsyncIterator[DestinationLines]:
        epoch, table = await self.store.take_epoch(0), self.store.waiting
        lines = DestinationLines(0, epoch, table, self._publisher, lambda: False, **options)
        await lines.find_waiting()
        async with background_task(lines.drain()) as draining:
            yield lines
            assert not draining.done()


@pytest.fixture
async def holder(broker: Broker, pool: Pool) -> AsyncIterator[Holder]:
    url = broker.url_for("router", PASSWORDS["router"])
    async with broker_connection(url, "test router") as link:
        yield Holder(Publisher(link, topology.DESTINATIONS), pool)


def make_events(count: int, first: int = 0) -> list[Delivery]:
    return [make_event(first + n) for n in range(count)]


async def count_waiting(pool: Pool) -> int:
    return int(await pool.fetchval("select count(*) from router.waiting"))


def waiting_metric(name: str = "postkamer_waiting", destination: str = "crm") -> float | None:
    labels = {"destination": destination, "partition": "0"}
    return metrics.REGISTRY.get_sample_value(name, labels)


async def test_full_queue_lets_its_events_wait_in_order_and_no_other_destinations(
    holder: Holder, pool: Pool, queues: list[DestinationQueue]
) -> None:
    full, other = queues
    events, others = make_events(2 * ITEMS + 50), make_events(3)
    async with holder.lines() as lines:
        for n in range(0, len(events), 100):
            await lines.deliver("crm", events[n : n + 100])
        await lines.deliver("other", others)
        await other.arrived(others)
        assert await count_waiting(pool) == len(events)
        size = await pool.fetchval("select sum(length(delivery)) from router.waiting")
        assert (waiting_metric(), waiting_metric("postkamer_waiting_bytes")) == (len(events), size)
        assert waiting_metric(destination="other") == 0
        await until(
            lambda: asyncio.sleep(0, waiting_metric("postkamer_waiting_seconds") or 0),
            lambda seconds: seconds > 1,
            SECONDS,
        )
        # It opens, and more comes while it drains, until nothing waits.
        await full.open()
        for _ in range(100):
            events.append(make_event(len(events)))
            await lines.deliver("crm", events[-1:])
        await full.arrived(events)
        await until(lambda: asyncio.sleep(0, waiting_metric()), lambda n: n == 0, SECONDS)
        assert await count_waiting(pool) == 0
        size = waiting_metric("postkamer_waiting_bytes")
        assert size == waiting_metric("postkamer_waiting_seconds") == 0
    assert waiting_metric() is None


async def test_deleted_queue_lets_its_events_wait_until_it_is_there_again(
    holder: Holder, pool: Pool, queues: list[DestinationQueue]
) -> None:
    _, gone = queues
    await gone.delete()
    events = make_events(5)
    async with holder.lines() as lines:
        await lines.deliver("other", events[:3])
        await lines.deliver("other", events[3:])
        assert await count_waiting(pool) == 5
        await gone.declare()
        await gone.open()
        await gone.arrived(events)
        await until(lambda: count_waiting(pool), lambda n: n == 0, SECONDS)


async def test_batch_that_is_redelivered_waits_once_and_changes_no_order(
    holder: Holder, pool: Pool, queues: list[DestinationQueue]
) -> None:
    full, _ = queues
    events = make_events(20)
    async with holder.lines() as lines:
        await lines.deliver("crm", events[:10])
    async with holder.lines() as lines:  # the first died before it acknowledged
        await lines.deliver("crm", events[:10])
        await lines.deliver("crm", events[5:])
        rows = await pool.fetch("select event, n from router.waiting order by n")
        assert [row["event"] for row in rows] == [event.id for event in events]
        places = [row["n"] for row in rows]
        assert places == sorted(places)
        await full.open()
        await full.arrived(events)
    async with holder.lines() as lines:  # and so did the second, after all was drained
        await lines.deliver("crm", events[5:])
        await full.arrived(events)


async def test_router_that_lost_its_partition_lets_nothing_wait(
    holder: Holder, pool: Pool, queues: list[DestinationQueue]
) -> None:
    async with holder.lines() as old, holder.lines():
        with pytest.raises(PartitionFenced):
            await old.deliver("crm", make_events(3))
    assert await count_waiting(pool) == 0


async def test_next_holder_delivers_what_waits_before_anything_newer(
    holder: Holder, pool: Pool, queues: list[DestinationQueue]
) -> None:
    full, _ = queues
    events = make_events(ITEMS + 10)
    async with holder.lines() as lines:
        await lines.deliver("crm", events[:-10])
    async with holder.lines() as lines:
        await full.open()
        for event in events[-10:]:
            await lines.deliver("crm", [event])
        await full.arrived(events)
    assert await pool.fetchval("select count(*) from router.waiting where destination = 'crm'") == 0


async def test_router_that_stood_still_removes_nothing_of_a_later_line(
    holder: Holder, pool: Pool, queues: list[DestinationQueue]
) -> None:
    """It published its first events and stood still before it removed them."""
    async with holder.lines() as old:
        await old.deliver("crm", make_events(3))
        places = await pool.fetchval("select array_agg(n) from router.waiting")
    await pool.execute("delete from router.waiting")  # its successor has removed them
    async with holder.lines() as lines:
        await lines.deliver("crm", make_events(3, first=3))
        await holder.store.waiting.remove(0, "crm", places)
        assert await count_waiting(pool) == 3


async def test_line_at_its_limit_makes_the_router_wait_and_loses_nothing(
    holder: Holder, pool: Pool, queues: list[DestinationQueue]
) -> None:
    full, other = queues
    events = make_events(40)
    async with holder.lines(limit=2500) as lines:

        async def deliver() -> None:
            for event in events:
                await lines.deliver("crm", [event])

        delivering = asyncio.create_task(deliver())
        await until(
            lambda: asyncio.sleep(0, waiting_metric("postkamer_waiting_bytes") or 0),
            lambda size: size > 2000,
            SECONDS,
        )
        await lines.deliver("other", events[:1])
        await other.arrived(events[:1])
        assert not delivering.done()
        largest = await pool.fetchval("select sum(size) from router.waiting")
        assert largest <= 2500
        await full.open()
        await full.arrived(events)
        await delivering


async def test_partition_without_messages_drains_what_waits(
    broker: Broker, pool: Pool, holder: Holder, queues: list[DestinationQueue]
) -> None:
    full, _ = queues
    events = make_events(3)
    async with holder.lines() as lines:
        await lines.deliver("crm", events)
    await full.open()
    async with Standing(broker, pool):
        await full.arrived(events)
        await until(lambda: count_waiting(pool), lambda n: n == 0, SECONDS)


async def test_event_that_does_not_open_stays_in_line_and_the_others_pass(
    holder: Holder, pool: Pool, queues: list[DestinationQueue]
) -> None:
    full, _ = queues
    events, before = make_events(5), shut_rows("router.waiting")
    shut, others = events[1], [events[0], *events[2:]]
    async with holder.lines() as lines:
        await lines.deliver("crm", events)
        kept = await pool.fetchval("select delivery from router.waiting where event = $1", shut.id)
        await alter(pool, "router.waiting", "delivery", shut.id, "event")
        await full.open()
        await full.arrived(others)
        await until(lambda: asyncio.sleep(0, waiting_metric()), lambda n: n == 0, SECONDS)
        assert await pool.fetchval("select array_agg(event) from router.waiting") == [shut.id]
        await lines.deliver("crm", [straight := make_event(9)])
        assert await count_waiting(pool) == 1
    assert shut_rows("router.waiting") == before + 1
    await pool.execute("update router.waiting set delivery = $1", kept)
    async with holder.lines():  # the next holder tries it again
        await full.arrived([*others, straight, shut])


async def test_event_that_was_turned_to_another_destination_is_not_told_there(
    pool: Pool,
) -> None:
    """Nor one that is withheld, nor one of another event's row."""
    store, events = Store(pool), make_events(3)
    epoch = await store.take_epoch(0)
    await store.waiting.append(0, epoch, "crm", LineEnd(), events[:2])
    await store.withhold_events(0, epoch, [("crm", events[2]), ("other", events[1])])
    await pool.execute("update router.waiting set destination = 'other' where n = 1")
    await pool.execute("update router.waiting set delivery = (select delivery from router.waiting"
        " where n = 1) where n = 2")  # fmt: skip
    await pool.execute("update router.held set destination = 'other'")
    assert await store.waiting.head(0, "other", 0, 9) == []
    assert await store.waiting.head(0, "crm", 0, 9) == []
    assert await store.withheld_events("c", 9) == [("other", events[1])]
