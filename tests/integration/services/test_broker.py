"""Publishing and consuming on a real RabbitMQ: confirmed, refused, returned or unknown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import aiormq
import pytest
from aio_pika.exceptions import DeliveryError
from structlog.testing import capture_logs

from deploy.local.rabbitmq import Broker
from services import clock, contract
from services.amqp import consumer as amqp_consumer
from services.amqp import topology
from services.amqp.connection import BrokerConnection, broker_connection
from services.amqp.consumer import Consumer, Inbox, run_consumer
from services.amqp.publisher import Publisher, PublishUnconfirmed
from services.amqp.queue_lengths import NO_QUEUE, asking_connection, read_queue_lengths
from services.amqp.queue_status import QueueLength
from services.amqp.sealed_batch import SEALED, open_batch
from services.contract import ArchiveBatch, PartitionBatch, Record
from services.tasks import background_task, cancel_and_wait
from tests.integration.conftest import PASSWORDS
from tests.support.observer import until, until_true
from tests.support.small_queues import policy_of

QUEUE = topology.queues(2, ["crm"])[0]
KEY = QUEUE.name


def batch(number: int) -> PartitionBatch:
    return PartitionBatch(source=clock.new_id(), number=number, entries=[])


@asynccontextmanager
async def connected(broker: Broker, user: str) -> AsyncIterator[BrokerConnection]:
    async with broker_connection(broker.url_for(user, PASSWORDS[user]), "test") as link:
        async with asyncio.timeout(10):
            await link.connection()
        yield link


@pytest.fixture
async def publisher(broker: Broker) -> AsyncIterator[Publisher]:
    """Publisher of the gateway."""
    async with connected(broker, "gateway") as link:
        yield Publisher(link, topology.PARTITIONS)


@pytest.fixture
async def router(broker: Broker) -> AsyncIterator[BrokerConnection]:
    async with connected(broker, "router") as link:
        yield link


@pytest.mark.parametrize("turns", range(6))
async def test_connection_ends_when_it_is_cancelled_while_it_opens(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """`turns` of the event loop pass between the broker's last answer and the cancellation."""
    loop, connect = asyncio.get_running_loop(), aiormq.connect
    cancelled = asyncio.Event()

    def cancel_after(turns: int) -> None:
        if turns:
            loop.call_soon(cancel_after, turns - 1)
        else:
            running.cancel()
            cancelled.set()

    async def then_cancelled(*arguments: object, **options: object) -> object:
        connection = await connect(*arguments, **options)
        cancel_after(turns)
        return connection

    monkeypatch.setattr(aiormq, "connect", then_cancelled)
    link = BrokerConnection(broker.url_for("gateway", PASSWORDS["gateway"]), "test")
    running = asyncio.create_task(link.run())
    await asyncio.wait_for(cancelled.wait(), 10)
    done, _ = await asyncio.wait([running], timeout=5)
    assert done


async def is_published(publisher: Publisher) -> bool:
    try:
        await publisher.publish(KEY, batch(0), 1)
    except PublishUnconfirmed:
        return False
    return True


class Acknowledger:
    """Work that takes messages, acknowledges them and remembers their numbers."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.took = 0

    async def work(self, inbox: Inbox) -> None:
        while True:
            incoming = await inbox.take(16)
            for one in incoming:
                if one.type.removesuffix(SEALED) in contract.KINDS:
                    found = open_batch(one.type, one.body)
                    assert isinstance(found, PartitionBatch)
                    self.numbers.append(found.number)
            await inbox.ack_all(incoming)
            self.took += len(incoming)

    async def until_took(self, count: int, seconds: float = 15) -> None:
        await until_true(lambda: self.took >= count, seconds)


async def test_publish_returns_once_confirmed_and_the_message_arrives(
    publisher: Publisher, router: BrokerConnection
) -> None:
    for n in range(3):
        await publisher.publish(KEY, batch(n), 5)
    consumer = Acknowledger()
    async with run_consumer(router, QUEUE, 16, consumer.work):
        await consumer.until_took(3)
    assert consumer.numbers == [0, 1, 2]


async def test_consumer_that_the_broker_has_forgotten_starts_again(
    publisher: Publisher, router: BrokerConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channel lives and nothing is told: only asking the broker shows it."""
    monkeypatch.setattr(amqp_consumer, "CHECK_SECONDS", 0.2)
    acknowledger = Acknowledger()
    inboxes: list[Inbox] = []

    async def work(inbox: Inbox) -> None:
        inboxes.append(inbox)
        await acknowledger.work(inbox)

    with capture_logs() as lines:
        async with run_consumer(router, QUEUE, 16, work) as consumer:
            await until_true(lambda: consumer.confirmed_by_broker)
            channel = await inboxes[0]._channel.get_underlay_channel()
            [tag] = channel.consumers
            await channel.basic_cancel(tag)
            await until_true(lambda: len(inboxes) == 2 and consumer.confirmed_by_broker)
            await publisher.publish(KEY, batch(1), 5)
            await acknowledger.until_took(1)
    [doubt] = [line for line in lines if line["event"] == "consumer.doubted"]
    assert doubt["reason"] == "the broker knows no consumer of this queue"


async def test_publish_to_an_unknown_queue_is_rejected(publisher: Publisher) -> None:
    with pytest.raises(PublishUnconfirmed) as raised:
        await publisher.publish("router.partition.99", batch(0), 5)
    assert (raised.value.reason, raised.value.rejected) == ("no such queue", True)
    await publisher.publish(KEY, batch(1), 5)


async def test_full_queue_rejects_until_there_is_room(broker: Broker, publisher: Publisher) -> None:
    limit = {"max-length-bytes": 2000, "overflow": "reject-publish"}
    with policy_of(broker, "small", f"^{KEY}$", limit):
        with pytest.raises(PublishUnconfirmed) as raised:
            for n in range(500):
                await publisher.publish(KEY, batch(n), 5)
        assert (raised.value.reason, raised.value.rejected) == ("the queue is full", True)
    await until(lambda: is_published(publisher), bool, 15)


async def test_publish_to_a_frozen_broker_is_unknown_in_time(
    broker: Broker, publisher: Publisher
) -> None:
    await publisher.publish(KEY, batch(0), 5)
    loop = asyncio.get_running_loop()
    broker.pause()
    try:
        started = loop.time()
        with pytest.raises(PublishUnconfirmed) as raised:
            await publisher.publish(KEY, batch(1), 1)
        assert not raised.value.rejected
        assert loop.time() - started < 2
    finally:
        broker.resume()
    await until(lambda: is_published(publisher), bool, 15)


async def test_unacknowledged_messages_come_back_in_order_when_the_work_fails(
    publisher: Publisher, router: BrokerConnection
) -> None:
    consumer, failures = Acknowledger(), 0

    async def work(inbox: Inbox) -> None:
        nonlocal failures
        if failures < 2:
            await inbox.take(4)
            failures += 1
            raise ValueError("a fault of the work")
        await consumer.work(inbox)

    for n in range(10):
        await publisher.publish(KEY, batch(n), 5)
    async with run_consumer(router, QUEUE, 16, work):
        await consumer.until_took(10, 30)
    assert consumer.numbers == list(range(10))


async def test_one_consumer_is_active_and_the_next_takes_over_its_messages(
    broker: Broker, publisher: Publisher, router: BrokerConnection
) -> None:
    first_got = asyncio.Event()

    async def hold(inbox: Inbox) -> None:
        await inbox.take(16)
        first_got.set()
        await asyncio.Event().wait()

    second = Acknowledger()
    async with connected(broker, "router") as link:
        first = Consumer(link, QUEUE, 16, hold)
        holding = asyncio.create_task(first.run())
        await until_true(lambda: first.confirmed_by_broker)
        async with run_consumer(router, QUEUE, 16, second.work) as stand_by:
            await until_true(lambda: stand_by.confirmed_by_broker)
            for n in range(3):
                await publisher.publish(KEY, batch(n), 5)
            await asyncio.wait_for(first_got.wait(), 10)
            assert not second.numbers
            assert (first.status.active, stand_by.status.active) == (True, False)
            assert first.status.confirmed and stand_by.status.confirmed
            async with asking_connection(broker.url, 5) as connection:
                lengths = await read_queue_lengths(connection, [KEY])
            assert lengths == [QueueLength(KEY, 0, 1)]
            await cancel_and_wait(holding)
            await second.until_took(3)
    assert second.numbers == [0, 1, 2]


async def test_broker_tells_the_lengths_of_queues_and_why_not(
    broker: Broker, publisher: Publisher
) -> None:
    await publisher.publish(KEY, batch(0), 5)
    asked = ["router.partition.77", KEY, topology.ARCHIVE_QUEUE]
    urls = f"amqp://127.0.0.1:1/,{broker.url_for('router', PASSWORDS['router'])}"
    async with asking_connection(urls, 5) as connection:
        absent, known, unread = await read_queue_lengths(connection, asked)
    assert (absent.name, absent.fault) == (asked[0], NO_QUEUE)
    assert known == QueueLength(KEY, ready=1)
    assert unread == QueueLength(topology.ARCHIVE_QUEUE)


def queue(name: str, exchange: str, kind: str) -> topology.Queue:
    return topology.Queue(
        name=name, exchange=exchange, kind=kind, single_active_consumer=True, max_bytes=1
    )


async def test_consumer_cancelled_by_the_broker_declares_its_queue_and_goes_on(
    broker: Broker, router: BrokerConnection
) -> None:
    own, consumer = queue("router.partition.7", topology.PARTITIONS, "partition"), Acknowledger()
    async with run_consumer(router, own, 16, consumer.work) as held:
        await until_true(lambda: held.confirmed_by_broker)
        admin = await aio_pika.connect(broker.url)
        channel = await admin.channel(on_return_raises=True)
        await channel.queue_delete(own.name)

        async def queued() -> bool:
            """One message only: the queue has no room for a second."""
            message = aio_pika.Message(b"x", type="x", message_id="1")
            try:
                await channel.default_exchange.publish(message, routing_key=own.name)
            except DeliveryError:  # not routed, or refused while the queue is made
                return False
            return True

        await until(queued, bool, 20)
        await consumer.until_took(1, 20)
    await channel.queue_delete(own.name)
    await admin.close()


async def test_queue_that_was_declared_otherwise_is_not_consumed(broker: Broker) -> None:
    async def work(inbox: Inbox) -> None:
        raise AssertionError("there must be no inbox")

    other = queue(topology.ARCHIVE_QUEUE, topology.ARCHIVE, "archive")
    async with connected(broker, "archiver") as link:
        consumer = Consumer(link, other, 16, work)
        async with background_task(consumer.run()) as task:
            done, _ = await asyncio.wait([task], timeout=1)
            assert not done
            assert not consumer.confirmed_by_broker


async def test_large_message_is_published(router: BrokerConnection) -> None:
    at = clock.now()
    record = Record(id=clock.new_id(), kind="receipt", at=at, data=b"{}", raw=b"x" * 8_000_000)
    publisher = Publisher(router, topology.ARCHIVE)
    await publisher.publish(topology.ARCHIVE_QUEUE, ArchiveBatch(records=[record]), 10)
