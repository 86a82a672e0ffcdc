"""What the router is measured against: the least that could be done with its envelopes.

Take and decode them, write a row for each message, pass them on to the archive with a confirm,
acknowledge. On what the router stands on, as much of it together, and nothing is decided.
"""

import asyncio
import os
import sys

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from router.partition.worker import FRAMES
from services import contract, metrics
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
    """One partition, for as long as the process lives."""
    arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    await channel.set_qos(prefetch_count=FRAMES)
    archive = await channel.get_exchange(ARCHIVE, ensure=False)
    queue = await channel.get_queue(partition_queue(partition), ensure=False)
    await queue.consume(arrived.put)
    while True:
        frames = [await arrived.get()]
        while not arrived.empty() and len(frames) < FRAMES:
            frames.append(arrived.get_nowait())
        receipts = [receipt for frame in frames for receipt in _receipts(frame)]
        ids, bodies = [r.id for r in receipts], [r.body for r in receipts]
        await pool.execute(ROWS, ids, bodies)
        for frame in frames:
            message = aio_pika.Message(
                frame.body, type=frame.type, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
            )
            await archive.publish(message, routing_key=ARCHIVE_QUEUE)
        await frames[-1].ack(multiple=True)
        metrics.decisions.labels(department="", rule="").inc(len(receipts))


def _receipts(frame: AbstractIncomingMessage) -> list[Receipt]:
    batch = contract.decode(frame.type or "", frame.body)
    assert isinstance(batch, PartitionBatch)
    return [entry for entry in batch.entries if isinstance(entry, Receipt)]


async def main(partitions: int, port: int) -> None:
    connection = await aio_pika.connect(os.environ["POSTKAMER_AMQP_URL"])
    async with connection_pool(os.environ["POSTKAMER_DATABASE_URL"], "bare", POOL_SIZE) as pool:
        await pool.execute(TABLE)

        async def hindered() -> list[str]:
            return []

        async with (
            serve(operations_app(hindered), "127.0.0.1", port),
            asyncio.TaskGroup() as group,
        ):
            freeze_gc()
            for partition in range(partitions):
                group.create_task(work(partition, await connection.channel(), pool))


if __name__ == "__main__":
    run_event_loop(main(int(sys.argv[1]), int(sys.argv[2])))
