"""The queue of the CRM's deliverer, where no deliverer runs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from deploy.local.rabbitmq import Broker
from router.partition.worker import FRAMES
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import Inbox, run_consumer
from services.amqp.sealed_batch import open_batch
from services.contract import Delivery, DeliveryBatch
from tests.integration.conftest import PASSWORDS


@asynccontextmanager
async def crm_queue(broker: Broker) -> AsyncIterator[Callable[[], Awaitable[list[Delivery]]]]:
    """Events that the CRM's deliverer has been told so far."""
    told: list[Delivery] = []

    async def so_far() -> list[Delivery]:
        return told

    async def work(inbox: Inbox) -> None:
        while True:
            frames = await inbox.take(FRAMES)
            for frame in frames:
                batch = open_batch(frame.type, frame.body)
                assert isinstance(batch, DeliveryBatch)
                told.extend(batch.deliveries)
            await inbox.ack_all(frames)

    url = broker.url_for("deliverer", PASSWORDS["deliverer"])
    name = topology.destination_queue("crm")
    queue = next(q for q in topology.queues(2, ["crm"]) if q.name == name)
    async with (
        broker_connection(url, "test deliverer") as link,
        run_consumer(link, queue, FRAMES, work),
    ):
        yield so_far
