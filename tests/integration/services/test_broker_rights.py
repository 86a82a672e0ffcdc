"""What each service may do at the broker, and what it may not, from the first day."""

import aiormq
import pytest

from deploy.local.rabbitmq import Broker
from services.amqp import topology
from tests.integration.conftest import PASSWORDS

KEY = topology.partition_queue(0)


@pytest.mark.parametrize(
    ("user", "exchange", "key"),
    [
        ("gateway", topology.ARCHIVE, topology.ARCHIVE_QUEUE),
        ("gateway", topology.DESTINATIONS, topology.destination_queue("crm")),
        ("gateway", "", topology.ARCHIVE_QUEUE),
        ("archiver", topology.ARCHIVE, topology.ARCHIVE_QUEUE),
        ("archiver", topology.DESTINATIONS, topology.destination_queue("crm")),
        ("deliverer", topology.DESTINATIONS, topology.destination_queue("crm")),
    ],
)
async def test_a_service_cannot_write_where_it_has_no_business(
    broker: Broker, user: str, exchange: str, key: str
) -> None:
    url = broker.url_for(user, PASSWORDS[user])
    connection = await aiormq.connect(url)
    try:
        channel = await connection.channel()
        with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
            await channel.basic_publish(b"x", exchange=exchange, routing_key=key)
    finally:
        await connection.close()


async def test_the_gateway_cannot_read_what_it_wrote(broker: Broker) -> None:
    connection = await aiormq.connect(broker.url_for("gateway", PASSWORDS["gateway"]))
    try:
        channel = await connection.channel()
        with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
            await channel.basic_get(KEY)
    finally:
        await connection.close()


async def test_there_is_no_guest(broker: Broker) -> None:
    with pytest.raises(aiormq.exceptions.AMQPError):
        await aiormq.connect(f"amqp://guest:guest@127.0.0.1:{broker.ports.amqp}/")
