"""Publishing and consuming on a real RabbitMQ: what is confirmed, refused, returned or unknown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import pytest
from aio_pika.exceptions import PublishError

from deploy.local.rabbitmq import Broker
from services import clock
from services.amqp import topology
from services.amqp.connection import BrokerConnection, broker_connection
from services.amqp.consumer import Consumer, Inbox, run_consumer
from services.amqp.incoming_message import IncomingMessage
from services.amqp.publisher import Publisher, PublishUnconfirmed
from services.contract import ArchiveBatch, Batch, PartitionBatch, Record
from tests.integration.conftest import PASSWORDS
from tests.support.observer import until

QUEUE = topology.queues(2, ["crm"])[0]
KEY = QUEUE.name


def _batch(number: int) -> PartitionBatch:
    return PartitionBatch(source=clock.new_id(), number=number, entries=[])


def _number(incoming: IncomingMessage) -> int:
    from services.contract import decode

    batch: Batch = decode(incoming.type, incoming.body)
    assert isinstance(batch, PartitionBatch)
    return batch.number


@asynccontextmanager
async def _connected(broker: Broker, user: str) -> AsyncIterator[BrokerConnection]:
    async with broker_connection(broker.url_for(user, PASSWORDS[user]), "test") as link:
        async with asyncio.timeout(10):
            await link.connection()
        yield link


async def test_a_publish_returns_once_it_is_confirmed_and_arrives_as_it_was(broker: Broker) -> None:
    async with _connected(broker, "gateway") as link, _connected(broker, "router") as reader:
        publisher = Publisher(link, topology.PARTITIONS)
        for n in range(3):
            await publisher.publish(KEY, _batch(n), 5)
        seen = await _take(reader, 3)
        assert [_number(incoming) for incoming in seen] == [0, 1, 2]


async def _take(reader: BrokerConnection, count: int) -> list[IncomingMessage]:
    """The next messages of the queue, acknowledged."""
    seen: list[IncomingMessage] = []
    enough = asyncio.Event()

    async def work(inbox: Inbox) -> None:
        while True:
            frames = await inbox.take(16)
            seen.extend(frames)
            await inbox.ack_all(frames)
            if len(seen) >= count:
                enough.set()

    async with run_consumer(reader, QUEUE, 16, work), asyncio.timeout(15):
        await enough.wait()
    return seen


async def test_a_publish_that_no_queue_takes_is_an_error_and_not_a_success(broker: Broker) -> None:
    async with _connected(broker, "gateway") as link:
        publisher = Publisher(link, topology.PARTITIONS)
        with pytest.raises(PublishUnconfirmed) as raised:
            await publisher.publish("router.partition.99", _batch(0), 5)
        assert (raised.value.reason, raised.value.rejected) == ("no such queue", True)
        await publisher.publish(KEY, _batch(1), 5)


async def test_a_full_queue_refuses_and_takes_again_when_there_is_room(broker: Broker) -> None:
    limit = '{"max-length-bytes":2000,"overflow":"reject-publish"}'
    where = ("-p", topology.VHOST, "--priority", "50", "--apply-to", "queues")
    broker.control("set_policy", *where, "small", f"^{KEY}$", limit)
    try:
        async with _connected(broker, "gateway") as link:
            publisher = Publisher(link, topology.PARTITIONS)
            with pytest.raises(PublishUnconfirmed) as raised:
                for n in range(500):
                    await publisher.publish(KEY, _batch(n), 5)
            assert (raised.value.reason, raised.value.rejected) == ("the queue is full", True)
            broker.control("clear_policy", "-p", topology.VHOST, "small")

            async def publish() -> bool:
                try:
                    await publisher.publish(KEY, _batch(0), 5)
                except PublishUnconfirmed:
                    return False
                return True

            await until(publish, bool, 15)
    finally:
        broker.control("set_policy", *where, "small", "^nothing$", limit)
        broker.control("clear_policy", "-p", topology.VHOST, "small")


async def test_a_frozen_broker_is_unknown_within_the_bound_and_works_again(broker: Broker) -> None:
    async with _connected(broker, "gateway") as link:
        publisher = Publisher(link, topology.PARTITIONS)
        await publisher.publish(KEY, _batch(0), 5)
        loop = asyncio.get_running_loop()
        broker.pause()
        try:
            started = loop.time()
            with pytest.raises(PublishUnconfirmed) as raised:
                await publisher.publish(KEY, _batch(1), 1)
            assert not raised.value.rejected
            assert loop.time() - started < 2
        finally:
            broker.resume()

        async def publish() -> bool:
            try:
                await publisher.publish(KEY, _batch(2), 1)
            except PublishUnconfirmed:
                return False
            return True

        await until(publish, bool, 15)


async def test_what_was_not_acknowledged_comes_back_in_order_when_the_work_fails(
    broker: Broker,
) -> None:
    failures = 0
    seen: list[int] = []
    done = asyncio.Event()

    async def work(inbox: Inbox) -> None:
        nonlocal failures
        while True:
            frames = await inbox.take(4)
            if failures < 2:
                failures += 1
                raise ValueError("a fault of ours")
            seen.extend(_number(frame) for frame in frames)
            await inbox.ack_all(frames)
            if len(seen) >= 10:
                done.set()

    async with _connected(broker, "gateway") as link, _connected(broker, "router") as reader:
        publisher = Publisher(link, topology.PARTITIONS)
        for n in range(10):
            await publisher.publish(KEY, _batch(n), 5)
        async with run_consumer(reader, QUEUE, 16, work), asyncio.timeout(30):
            await done.wait()
    assert seen == list(range(10))


async def test_only_one_consumer_is_active_and_the_next_takes_over_what_is_left(
    broker: Broker,
) -> None:
    first_got, second_got = asyncio.Event(), asyncio.Event()

    async def hold(inbox: Inbox) -> None:
        await inbox.take(16)
        first_got.set()
        await asyncio.Event().wait()

    numbers: list[int] = []

    async def take(inbox: Inbox) -> None:
        while True:
            frames = await inbox.take(16)
            numbers.extend(_number(frame) for frame in frames)
            await inbox.ack_all(frames)
            if len(numbers) == 3:
                second_got.set()

    async with _connected(broker, "gateway") as link, _connected(broker, "router") as two:
        publisher = Publisher(link, topology.PARTITIONS)
        async with _connected(broker, "router") as one:
            first = Consumer(one, QUEUE, 16, hold)
            holding = asyncio.create_task(first.run())
            async with asyncio.timeout(10):
                while not first.confirmed_by_broker:
                    await asyncio.sleep(0.01)
            async with run_consumer(two, QUEUE, 16, take):
                for n in range(3):
                    await publisher.publish(KEY, _batch(n), 5)
                await asyncio.wait_for(first_got.wait(), 10)
                assert not numbers
                holding.cancel()
                await asyncio.wait([holding])
                await asyncio.wait_for(second_got.wait(), 15)
    assert numbers == [0, 1, 2]


async def test_a_consumer_that_the_broker_cancels_is_there_again(broker: Broker) -> None:
    got = asyncio.Event()

    async def work(inbox: Inbox) -> None:
        while True:
            frames = await inbox.take(16)
            await inbox.ack_all(frames)
            got.set()

    queue = topology.Queue(
        name="router.partition.7",
        exchange=topology.PARTITIONS,
        kind="partition",
        single_active_consumer=True,
        max_bytes=1,
    )
    async with (
        _connected(broker, "router") as reader,
        run_consumer(reader, queue, 16, work) as held,
    ):
        async with asyncio.timeout(10):
            while not held.confirmed_by_broker:
                await asyncio.sleep(0.01)
        # Deleting the queue cancels its consumers; the consumer declares it again and holds on.
        broker.control("delete_queue", "-p", topology.VHOST, queue.name)
        admin = await aio_pika.connect(broker.url)
        channel = await admin.channel(on_return_raises=True)

        async def queued() -> bool:
            """One message only: the queue has no room for a second."""
            message = aio_pika.Message(b"x", type="x", message_id="1")
            try:
                await channel.default_exchange.publish(message, routing_key=queue.name)
            except PublishError:
                return False
            return True

        await until(queued, bool, 20)
        await asyncio.wait_for(got.wait(), 20)
        await admin.close()
    broker.control("delete_queue", "-p", topology.VHOST, queue.name)


async def test_a_queue_that_was_declared_otherwise_is_refused_not_used(broker: Broker) -> None:
    other = topology.Queue(
        name=topology.ARCHIVE_QUEUE,
        exchange=topology.ARCHIVE,
        kind="archive",
        single_active_consumer=True,
        max_bytes=1,
    )

    async def work(inbox: Inbox) -> None:
        raise AssertionError("there must be no inbox")

    async with _connected(broker, "archiver") as link:
        consumer = Consumer(link, other, 16, work)
        task = asyncio.create_task(consumer.run())
        done, _ = await asyncio.wait([task], timeout=1)
        assert not done
        assert not consumer.confirmed_by_broker
        task.cancel()
        await asyncio.wait([task])


async def test_a_large_message_goes_through(broker: Broker) -> None:
    record = Record(
        id=clock.new_id(), kind="receipt", at=clock.now(), data=b"{}", raw=b"x" * 8_000_000
    )
    async with _connected(broker, "router") as link:
        publisher = Publisher(link, topology.ARCHIVE)
        await publisher.publish(topology.ARCHIVE_QUEUE, ArchiveBatch(records=[record]), 10)
