"""Rights of the services at the broker."""

import aiormq
import pytest

from deploy.local.rabbitmq import Broker
from services.amqp import topology
from tests.integration.conftest import PASSWORDS

CRM = topology.destination_queue("crm")


@pytest.mark.parametrize(
    ("user", "exchange", "key"),
    [
        ("gateway", topology.ARCHIVE, topology.ARCHIVE_QUEUE),
        ("gateway", topology.DESTINATIONS, CRM),
        ("gateway", "", topology.ARCHIVE_QUEUE),
        ("archiver", topology.ARCHIVE, topology.ARCHIVE_QUEUE),
        ("archiver", topology.DESTINATIONS, CRM),
        ("deliverer", topology.DESTINATIONS, CRM),
        ("operator", topology.DESTINATIONS, CRM),
    ],
)
async def test_service_cannot_publish_beyond_its_rights(
    broker: Broker, user: str, exchange: str, key: str
) -> None:
    async with await aiormq.connect(broker.url_for(user, PASSWORDS[user])) as connection:
        channel = await connection.channel()
        with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
            await channel.basic_publish(b"x", exchange=exchange, routing_key=key)


async def test_gateway_cannot_read_a_partition(broker: Broker) -> None:
    async with await aiormq.connect(broker.url_for("gateway", PASSWORDS["gateway"])) as connection:
        channel = await connection.channel()
        with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
            await channel.basic_get(topology.partition_queue(0))


async def test_broker_has_no_guest(broker: Broker) -> None:
    with pytest.raises(aiormq.exceptions.AMQPError):
        await aiormq.connect(f"amqp://guest:guest@127.0.0.1:{broker.ports.amqp}/")
