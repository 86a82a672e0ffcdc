"""Declaration of exchanges, queues and bindings; deletion of queues."""

from collections.abc import Iterable, Sequence

import aio_pika

from services.amqp import topology
from services.amqp.connection import CONNECT_SECONDS
from services.amqp.queue_lengths import asking_connection


async def delete_queues(urls: str, names: Iterable[str]) -> None:
    """Delete queues. One that does not exist is none."""
    async with asking_connection(urls, CONNECT_SECONDS) as connection:
        channel = await connection.channel()
        for name in names:
            await channel.queue_delete(name)


async def unbind_queues(urls: str, table: Iterable[topology.Queue]) -> None:
    """Take the bindings of queues away: a publish returns to its sender from now on."""
    async with asking_connection(urls, CONNECT_SECONDS) as connection:
        channel = await connection.channel()
        for queue in table:
            existing = await channel.get_queue(queue.name, ensure=False)
            await existing.unbind(queue.exchange, routing_key=queue.name)


async def declare(urls: str, table: Sequence[topology.Queue]) -> None:
    """Declare the exchanges, queues and bindings of `table`; existing ones must be identical."""
    async with asking_connection(urls, CONNECT_SECONDS) as connection:
        channel = await connection.channel()
        for name in topology.EXCHANGES:
            await channel.declare_exchange(name, aio_pika.ExchangeType.DIRECT, durable=True)
        for queue in table:
            declared = await channel.declare_queue(
                queue.name, durable=True, arguments=queue.arguments
            )
            await declared.bind(queue.exchange, routing_key=queue.name)
