"""The archive's queue, where no archiver runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.local.rabbitmq import Broker
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import Inbox, run_consumer
from services.amqp.sealed_batch import open_batch
from services.contract import ArchiveBatch, Record
from tests.integration.conftest import PASSWORDS

QUEUE = topology.queues(0, [])[0]


class Heard:
    """Records that came into the archive's queue."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def work(self, inbox: Inbox) -> None:
        while True:
            frames = await inbox.take(64)
            for frame in frames:
                batch = open_batch(frame.type, frame.body)
                assert isinstance(batch, ArchiveBatch)
                self.records += batch.records
            await inbox.ack_all(frames)

    async def count(self) -> int:
        return len(self.records)


@asynccontextmanager
async def hearing(broker: Broker) -> AsyncIterator[Heard]:
    heard = Heard()
    url = broker.url_for("archiver", PASSWORDS["archiver"])
    async with (
        broker_connection(url, "test archive") as link,
        run_consumer(link, QUEUE, 64, heard.work),
    ):
        yield heard
