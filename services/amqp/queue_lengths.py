"""Lengths of queues, asked of the broker by passive declarations.

A passive declaration tells the messages that are ready and the consumers. It tells neither the
messages in hand nor the bytes: the broker's metrics have those.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity
from yarl import URL

from services.amqp.connection import BROKER_ERRORS, close, open_connection
from services.amqp.queue_status import QueueLength

LIBRARY_LOGS = ("aiormq.connection", "aio_pika.robust_connection", "aiormq.channel")
NO_QUEUE = "there is no such queue"


@asynccontextmanager
async def asking_connection(urls: str, seconds: float) -> AsyncIterator[AbstractConnection]:
    """Connect to the first node that answers. BROKER_ERRORS or TimeoutError if none does. `urls`
    has one AMQP URL per node, comma separated."""
    for name in LIBRARY_LOGS:  # the library also logs each error that it raises
        logging.getLogger(name).setLevel(logging.CRITICAL)
    async with asyncio.timeout(seconds):
        connection = await _connect(urls.split(","), seconds)
    try:
        yield connection
    finally:
        await close(connection)


async def _connect(urls: Sequence[str], seconds: float) -> AbstractConnection:
    *others, last = urls
    for url in others:
        try:
            return await open_connection(URL(url.strip()), seconds / len(urls))
        except (*BROKER_ERRORS, TimeoutError):
            continue
    return await open_connection(URL(last.strip()), seconds)


async def read_queue_lengths(
    connection: AbstractConnection, names: Sequence[str]
) -> list[QueueLength]:
    """Return the length of each queue, in this order."""
    lengths: list[QueueLength] = []
    channel: AbstractChannel | None = None
    for name in names:
        channel = channel or await connection.channel(publisher_confirms=False)
        try:
            declared = (await channel.declare_queue(name, passive=True)).declaration_result
        except ChannelNotFoundEntity:
            lengths.append(QueueLength(name, fault=NO_QUEUE))
            channel = None  # the broker has closed it
            continue
        ready, consumers = declared.message_count or 0, declared.consumer_count or 0
        lengths.append(QueueLength(name, ready, consumers))
    if channel:
        await channel.close()
    return lengths
