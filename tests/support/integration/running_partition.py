"""A partition's router without its process, on a real broker and database, and a way into it."""

from contextlib import AsyncExitStack

from deploy.local.rabbitmq import Broker
from router.model.hashes import Hashes
from router.model.work import RoutingContext
from router.partition.worker import FRAMES, Partition
from router.rules.engine import compile_rule_tables
from router.store.store import Store
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import run_consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import Publisher
from services.config import loader
from services.contract import Entry, PartitionBatch, Receipt
from services.postgres.database import Pool
from tests.integration.conftest import PASSWORDS
from tests.support.installation import EXAMPLE

CONFIG = loader.load(EXAMPLE).config
GROUND = RoutingContext(CONFIG, compile_rule_tables(CONFIG), Hashes(b"k" * 32))
QUEUE = topology.queues(2, ["crm"])[0]


def receipt(body: bytes) -> Receipt:
    return Receipt(
        id=clock.new_id(),
        received_at=clock.now(),
        door="/webhooks/whatsapp",
        proof="meta-sha256",
        signature="sha256=" + "0" * 64,
        body=body,
    )


class Standing:
    """A partition with a consumer, and a way to publish into it."""

    def __init__(self, broker: Broker, pool: Pool, ground: RoutingContext = GROUND) -> None:
        self._broker, self._pool, self._ground = broker, pool, ground
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Standing":
        enter = self._stack.enter_async_context
        url = self._broker.url_for("router", PASSWORDS["router"])
        link = await enter(broker_connection(url, "test router"))
        door = await enter(
            broker_connection(self._broker.url_for("gateway", PASSWORDS["gateway"]), "test gateway")
        )
        self.door = Publisher(door, topology.PARTITIONS)
        self.partition = Partition(
            0,
            self._current,
            Store(self._pool),
            Publisher(link, topology.ARCHIVE),
            Publisher(link, topology.DESTINATIONS),
            PartitionPublisher(link, clock.new_id(), 2),
        )
        await enter(run_consumer(link, QUEUE, FRAMES, self.partition.work))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def put(self, *entries: Entry) -> None:
        batch = PartitionBatch(source=clock.new_id(), number=0, entries=list(entries))
        await self.door.publish(QUEUE.name, batch, 10)

    async def _current(self) -> RoutingContext:
        return self._ground
