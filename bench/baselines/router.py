"""Baseline for the router: the least work possible with its batch messages.

Receive and decode them, write a row for each message, pass them on to the archive with a confirm,
acknowledge. It uses what the router uses, with the same batch sizes, and decides nothing.
"""

import asyncio
import os
import sys

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from bench.servers import read_keys
from router.partition.worker import FRAMES
from services import metrics
from services.amqp.sealed_batch import open_batch
from services.amqp.topology import ARCHIVE, ARCHIVE_QUEUE, partition_queue
from services.contract import PartitionBatch, Receipt
from services.http.application import operations_app
from services.http.server import serve
from services.lifecycle import freeze_gc, run_event_loop
from services.postgres.database import Pool, connection_pool

TABLE = "create table if not exists bare (id uuid primary key, body bytea not null)"
ROWS = "insert into bare select * from unnest($1::uuid[], $2::bytea[])"
POOL_SIZE = 8


async def work(partition: int, channel: AbstractChannel, pool: Pool) -> None:
    """Handle one partition for as long as the process lives."""
    arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    await channel.set_qos(prefetch_count=FRAMES)
    archive = await channel.get_exchange(ARCHIVE, ensure=False)
    queue = await channel.get_queue(partition_queue(partition), ensure=False)
    await queue.consume(arrived.put)
    while True:
        messages = [await arrived.get()]
        while not arrived.empty() and len(messages) < FRAMES:
            messages.append(arrived.get_nowait())
        receipts = [receipt for delivery in messages for receipt in _receipts(delivery)]
        ids, bodies = [r.id for r in receipts], [r.body for r in receipts]
        await pool.execute(ROWS, ids, bodies)
        for delivery in messages:
            message = aio_pika.Message(
                delivery.body, type=delivery.type, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
            )
            await archive.publish(message, routing_key=ARCHIVE_QUEUE)
        await messages[-1].ack(multiple=True)
        metrics.decisions.labels(department="", rule="").inc(len(receipts))


def _receipts(delivery: AbstractIncomingMessage) -> list[Receipt]:
    batch = open_batch(delivery.type or "", delivery.body)
    assert isinstance(batch, PartitionBatch)
    return [entry for entry in batch.entries if isinstance(entry, Receipt)]


async def main(partitions: int, port: int) -> None:
    await read_keys(os.environ)
    connection = await aio_pika.connect(os.environ["POSTKAMER_AMQP_URL"])
    async with connection_pool(os.environ["POSTKAMER_DATABASE_URL"], "bare", POOL_SIZE) as pool:
        await pool.execute(TABLE)

        async def problems() -> list[str]:
            return []

        async with (
            serve(operations_app(problems), "127.0.0.1", port),
            asyncio.TaskGroup() as group,
        ):
            freeze_gc()
            for partition in range(partitions):
                group.create_task(work(partition, await connection.channel(), pool))


if __name__ == "__main__":
    run_event_loop(main(int(sys.argv[1]), int(sys.argv[2])))
