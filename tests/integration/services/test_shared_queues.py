"""Instances of a service share queues on a real RabbitMQ, by rows in a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

import pytest
from structlog.testing import capture_logs

from deploy.local.rabbitmq import Broker
from services import clock
from services.amqp import consumer as amqp_consumer
from services.amqp import shared_queues as sharing
from services.amqp import topology
from services.amqp.connection import BrokerConnection, broker_connection
from services.amqp.consumer import Consumer, Inbox, run_consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.shared_queues import SharedQueues, shared_queues
from services.drained_queues import drained_queue_reports
from services.postgres.database import Pool
from tests.integration.conftest import PASSWORDS
from tests.support.observer import until, until_true

COUNT, PREFETCH = 2, 4
LONG = 20.0
"""Seconds after which a test fails that waits for what comes soon."""
QUEUES = topology.queues(COUNT, [])[:COUNT]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(sharing, "HANDOVER_SECONDS", 0.05)
    monkeypatch.setattr(amqp_consumer, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(amqp_consumer, "CHECK_SECONDS", 0.05)


class Member:
    """An instance of a service: it notes the number of each message with its queue."""

    def __init__(self, name: str, heard: list[tuple[str, str]]) -> None:
        self.name, self.heard = name, heard
        self.consumers: list[Consumer] = []
        self.goes_on = asyncio.Event()
        """While it is clear, messages stay in hand."""
        self.goes_on.set()
        self._stack = AsyncExitStack()
        self.shared: SharedQueues

    @asynccontextmanager
    async def runs(self, pool: Pool, link: BrokerConnection) -> AsyncIterator["Member"]:
        async with shared_queues(pool, "router") as (self.shared, _), AsyncExitStack() as stack:
            for queue in QUEUES:

                async def work(inbox: Inbox, name: str = queue.name) -> None:
                    while True:
                        taken = await inbox.take(1)
                        await self.goes_on.wait()
                        self.heard += [(name, self.name) for _ in taken]
                        await inbox.ack_all(taken)

                consumer = await stack.enter_async_context(
                    run_consumer(link, queue, PREFETCH, work)
                )
                self.consumers.append(consumer)
                self.shared.add(consumer)
            yield self

    @property
    def holds(self) -> list[str]:
        return [each.queue.name for each in self.consumers if each.holds]


class Street:
    """Members of one service, and messages for all queues."""

    def __init__(self, broker: Broker, pool: Pool) -> None:
        self._broker, self._pool = broker, pool
        self.heard: list[tuple[str, str]] = []
        self.publisher: PartitionPublisher
        self.sent = 0

    @asynccontextmanager
    async def member(self, name: str) -> AsyncIterator[Member]:
        url = self._broker.url_for("router", PASSWORDS["router"])
        async with broker_connection(url, name) as link:
            await link.connection()
            async with Member(name, self.heard).runs(self._pool, link) as member:
                await until_true(lambda: all(c.confirmed_by_broker for c in member.consumers))
                yield member

    async def send(self) -> None:
        for n in range(COUNT):
            await self.publisher.publish(n, [], 5)
        self.sent += COUNT

    async def is_later(self, since: datetime) -> bool:
        """Return whether many beats have been since then, with messages meanwhile."""
        await self.send()
        return bool(await self._pool.fetchval(_IS_LATER, since))

    async def until_shared(self, *members: Member) -> None:
        """Wait until these hold equally many queues, with messages meanwhile."""

        async def shares() -> list[int]:
            await self.send()
            return [len(each.holds) for each in members]

        await until(shares, lambda found: found == [COUNT // len(members)] * len(members), LONG)


@pytest.fixture
async def street(broker: Broker, pool: Pool) -> AsyncIterator[Street]:
    street = Street(broker, pool)
    url = broker.url_for("gateway", PASSWORDS["gateway"])
    async with broker_connection(url, "door") as link:
        street.publisher = PartitionPublisher(link, clock.new_id(), COUNT)
        yield street


async def test_instance_that_joins_gets_its_share_and_leaves_it_again(street: Street) -> None:
    async with street.member("one") as one:
        await street.until_shared(one)
        async with street.member("two") as two:
            await street.until_shared(one, two)
        await street.until_shared(one)
        await until_true(lambda: len(street.heard) == street.sent)


async def test_one_that_stands_by_is_neither_doubted_nor_knows_what_is_done(
    street: Street, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages wait, and the other has some in hand."""
    monkeypatch.setattr(amqp_consumer, "IDLE_SECONDS", 0.2)
    async with street.member("one") as one, street.member("two") as two:
        await street.until_shared(one, two)
        for member in (one, two):
            member.goes_on.clear()
        with capture_logs() as lines:
            for _ in range(2 * PREFETCH):
                await street.send()
            await asyncio.sleep(0.6)  # three times as long as an idle one is believed
        assert [line for line in lines if line["event"] == "consumer.doubted"] == []
        assert [each.queue.name for each in two.consumers if each.stands_by] == one.holds
        async with drained_queue_reports(pool, two.consumers):
            reported = "select queue from balance.consumer"
            found = await until(lambda: pool.fetch(reported), bool, 5)
        assert [row["queue"] for row in found] == two.holds
        for member in (one, two):
            member.goes_on.set()
        await until_true(lambda: len(street.heard) == street.sent)


async def test_idle_queue_is_the_work_of_one_instance(street: Street) -> None:
    async with street.member("one") as one, street.member("two") as two:
        await until_true(
            lambda: (
                [each.is_ours for each in one.consumers]
                == [not each.is_ours for each in two.consumers]
            )
        )
        assert one.holds == two.holds == []


async def test_queue_that_is_let_go_is_ours_only_once_the_rows_say_so(
    broker: Broker, pool: Pool
) -> None:
    found: list[bool] = []

    async def work(inbox: Inbox) -> None:
        found.append(consumer.is_ours)
        await inbox.take(1)

    url = broker.url_for("router", PASSWORDS["router"])
    async with (
        broker_connection(url, "one") as link,
        run_consumer(link, QUEUES[0], PREFETCH, work) as consumer,
    ):
        SharedQueues(pool, "router").add(consumer)
        await until_true(lambda: len(found) == 1)
        consumer.is_ours = True
        consumer.let_go()
        assert not consumer.is_ours
        consumer.is_ours = True  # as a beat says while the batch in hand is finished
        await until_true(lambda: len(found) == 2)
    assert not found[1]


@pytest.mark.parametrize(("ahead", "most"), [("0 s", 1), ("1 hour", 0)])
async def test_queue_is_let_go_once_for_one_that_does_not_take_it(
    street: Street, pool: Pool, monkeypatch: pytest.MonkeyPatch, ahead: str, most: int
) -> None:
    """Its row looks alive, and it has just been killed; or the clock was set back since."""
    monkeypatch.setattr(sharing, "GONE_SECONDS", LONG)
    monkeypatch.setattr(sharing, "KEPT_SECONDS", 2 * LONG)
    async with street.member("one") as one:
        await street.until_shared(one)
        names = [queue.name for queue in QUEUES]
        with capture_logs() as lines:

            async def count() -> int:
                await street.send()
                return sum(line["event"] == "consumer.lets_go" for line in lines)

            await pool.execute(_GHOST, clock.new_id(), names, ahead)
            await until(count, lambda found: found >= most, LONG)
            await street.until_shared(one)
            since = await pool.fetchval("select now()")
            await until(lambda: street.is_later(since), bool, LONG)
            assert await count() == most, "no second time, in 20 beats"
        await until_true(lambda: len(street.heard) == street.sent)


_GHOST = """
insert into sharing.instance (id, service, name, reads, holds, seen_at)
values ($1, 'router', 'ghost/1', $2, '{}', now() + $3::text::interval)
"""
_IS_LATER = """
select exists (select from sharing.instance
    where name <> 'ghost/1' and seen_at > $1::timestamptz + interval '1 s')
"""
