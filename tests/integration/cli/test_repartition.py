"""Queues of partitions that are closed before they are deleted, on a real broker."""

import pytest

from cli.repartition import close_queues
from cli.support.output import CommandRefused
from deploy.local.rabbitmq import Broker
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.declare import declare
from services.amqp.publisher import Publisher, PublishUnconfirmed
from services.contract import PartitionBatch
from tests.integration.conftest import QUEUES

FORMER = QUEUES[1:2]


async def publish(broker: Broker) -> None:
    async with broker_connection(broker.url, "test") as link:
        batch = PartitionBatch(source=clock.new_id(), number=1, entries=[])
        await Publisher(link, topology.PARTITIONS).publish(FORMER[0].name, batch, 10)


async def test_message_that_came_meanwhile_keeps_its_queue_open(broker: Broker) -> None:
    await publish(broker)
    with pytest.raises(CommandRefused, match="1 message waits"):
        await close_queues(broker.url, FORMER)
    await publish(broker)
    with pytest.raises(CommandRefused, match="2 messages wait"):
        await close_queues(broker.url, FORMER)


async def test_message_for_a_closed_queue_returns_to_its_sender(broker: Broker) -> None:
    try:
        await close_queues(broker.url, FORMER)
        with pytest.raises(PublishUnconfirmed):
            await publish(broker)
    finally:
        await declare(broker.url, FORMER)
    await publish(broker)
