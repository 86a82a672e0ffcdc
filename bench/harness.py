"""A stage: a private broker and database, with queues to fill, watch and drain."""

import asyncio
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from aio_pika.abc import AbstractChannel

from bench.servers import ROOT, migrate, note_comparison, process_environment, read_keys
from bench.usage import cpu_seconds
from deploy.local.plan import REAL, ROUTER_OPS
from deploy.local.postgresql import Database
from deploy.local.process import Program
from deploy.local.rabbitmq import Broker
from deploy.local.servers import definitions
from deploy.local.state import token
from router.handlers.batch import split_by_size
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import Publisher
from services.amqp.sealed_batch import open_batch
from services.config import loader
from services.contract import ArchiveBatch, Batch, Delivery, DeliveryBatch, Receipt, Record
from tests.support.installation import EXAMPLE, NEIGHBOUR

PUBLISH_SECONDS = 30.0
EMPTY_SECONDS = 120.0
EVENTS_PER_BATCH = 4
"""Events in a batch message at an even rate."""


class Stage:
    """Two municipalities in two partitions."""

    def __init__(
        self, folder: Path, broker: Broker, database: Database, passwords: Mapping[str, str]
    ) -> None:
        self.folder, self.broker, self.database = folder, broker, database
        self._passwords = passwords
        self.config = loader.load(_config(folder)).config
        settings = process_environment(folder, _config(folder), broker.url, database.url)
        tokens = f"sandbox@{self.config.tenants[0].id}/**:{token()}"
        self.settings = settings | {"POSTKAMER_API_TOKENS": tokens}

    @property
    def config_file(self) -> Path:
        return _config(self.folder)

    @property
    def metrics(self) -> str:
        """URL of the metrics of the measured process."""
        return f"http://127.0.0.1:{self.settings[ROUTER_OPS.variable]}/metrics"

    def gateway(self) -> Program:
        password = self._passwords["gateway"]
        settings = {
            "POSTKAMER_DATABASE_URL": self.database.url_for("postkamer_gateway", password),
            "POSTKAMER_AMQP_URL": self.broker.url_for("gateway", password),
        }
        return self._program("gateway", ("cli.main", "gateway"), settings)

    def router(self) -> Program:
        """Return the shipped command, with the rights that it has in production."""
        password = self._passwords["router"]
        settings = {
            "POSTKAMER_DATABASE_URL": self.database.url_for("postkamer_router", password),
            "POSTKAMER_AMQP_URL": self.broker.url_for("router", password),
        }
        return self._program("router", ("cli.main", "router"), settings)

    def deliverer(self, port: int) -> Program:
        """Return the shipped command; `port` is that of the Graph API."""
        password = self._passwords["deliverer"]
        settings = {
            "POSTKAMER_DATABASE_URL": self.database.url_for("postkamer_deliverer", password),
            "POSTKAMER_AMQP_URL": self.broker.url_for("deliverer", password),
            "POSTKAMER_META_GRAPH_URL": f"http://127.0.0.1:{port}/graph",
        }
        return self._program("deliverer", ("cli.main", "deliverer"), settings)

    def archiver(self) -> Program:
        password = self._passwords["archiver"]
        settings = {
            "POSTKAMER_DATABASE_URL": self.database.url_for("postkamer_archiver", password),
            "POSTKAMER_AMQP_URL": self.broker.url_for("archiver", password),
        }
        return self._program("archiver", ("cli.main", "archiver"), settings)

    def publish_events(self, destination: str, events: Iterable[Delivery]) -> None:
        """Publish events to a destination's queue, as the router does."""

        async def publish() -> None:
            async with broker_connection(self.broker.url, "bench") as link:
                publisher = Publisher(link, topology.DESTINATIONS)
                queue = topology.destination_queue(destination)
                for chunk in split_by_size(list(events), lambda event: len(event.data) + 200):
                    batch = DeliveryBatch(destination=destination, deliveries=chunk)
                    await publisher.publish(queue, batch, PUBLISH_SECONDS)

        asyncio.run(publish())

    def publish_at_rate(
        self, destination: str, events: Iterable[Delivery], per_second: float
    ) -> None:
        """Publish events at an even rate in small batches, like a router with little to do."""

        async def publish() -> None:
            loop, queue = asyncio.get_running_loop(), topology.destination_queue(destination)
            async with broker_connection(self.broker.url, "bench") as link:
                publisher, due = Publisher(link, topology.DESTINATIONS), loop.time()
                remaining = iter(events)
                while chunk := list(itertools.islice(remaining, EVENTS_PER_BATCH)):
                    batch = DeliveryBatch(destination=destination, deliveries=chunk)
                    await publisher.publish(queue, batch, PUBLISH_SECONDS)
                    due += len(chunk) / per_second
                    await asyncio.sleep(max(0.0, due - loop.time()))

        asyncio.run(publish())

    def purge(self, destinations: Iterable[str]) -> None:
        """Purge the queues of these destinations, and that of the archive."""
        queues = [topology.ARCHIVE_QUEUE, *map(topology.destination_queue, destinations)]
        for queue in queues:
            self.broker.control("purge_queue", "-p", topology.VHOST, queue)

    def bare_router(self) -> Program:
        arguments = str(self.config.partitions), self.settings[ROUTER_OPS.variable]
        return self._program("bare", ("bench.baselines.router", *arguments), {})

    def module(self, name: str, arguments: tuple[str, ...]) -> Program:
        """Return a module of ours as a program, in the environment of the services."""
        return self._program(name, arguments, {})

    def _program(self, name: str, module: tuple[str, ...], settings: Mapping[str, str]) -> Program:
        return Program(
            name=name,
            arguments=(sys.executable, "-m", *module),
            environment=self.settings | dict(settings),
            folder=self.folder,
            cwd=ROOT,
        )

    def cpu_seconds(self, pid: int) -> dict[str, float]:
        """Return the CPU seconds so far of the process, the broker and the database."""
        assert self.database.process
        roots = {"process": pid, "rabbitmq": self.broker.process.pid}
        roots["postgresql"] = self.database.process.pid
        return {name: cpu_seconds(root) for name, root in roots.items()}

    async def publish_receipts(self, batches: Iterator[tuple[int, list[Receipt]]]) -> int:
        """Publish batches of receipts to their partitions; return how many batches."""
        count = 0
        async with broker_connection(self.broker.url, "bench") as link:
            partitions = PartitionPublisher(link, clock.new_id(), self.config.partitions)
            for partition, receipts in batches:
                await partitions.publish(partition, list(receipts), PUBLISH_SECONDS)
                count += 1
        return count

    async def publish_records(self, batches: Iterable[list[Record]]) -> int:
        """Publish batches of records to the archive; return how many batches."""
        count = 0
        async with broker_connection(self.broker.url, "bench") as link:
            publisher = Publisher(link, topology.ARCHIVE)
            for records in batches:
                batch = ArchiveBatch(records=records)
                await publisher.publish(topology.ARCHIVE_QUEUE, batch, PUBLISH_SECONDS)
                count += 1
        return count

    async def count_archive_queue(self, channel: AbstractChannel) -> int:
        """Return how many batch messages wait for the archiver."""
        return await _count_messages(channel, topology.ARCHIVE_QUEUE)

    async def count_partition_queues(self, channel: AbstractChannel) -> int:
        """Return how many batch messages wait for the router."""
        names = map(topology.partition_queue, range(self.config.partitions))
        return sum([await _count_messages(channel, name) for name in names])

    async def drain_output(self, channel: AbstractChannel) -> Counter[str]:
        """Drain the output queues; count each kind of record and type of event."""
        destinations = map(topology.destination_queue, (d.id for d in self.config.destinations))
        counts: Counter[str] = Counter()
        for name in (topology.ARCHIVE_QUEUE, *destinations):
            for batch in await _drain(channel, name):
                counts.update(_kinds(batch))
        return counts


@contextmanager
def start_stage(folder: Path, change: Callable[[str], str] = lambda text: text) -> Iterator[Stage]:
    """Run both servers until the context is left, with the configuration that `change` makes."""
    folder.mkdir(parents=True)
    _config(folder).write_text(change(EXAMPLE.read_text() + NEIGHBOUR))
    passwords = {name: token() for name in REAL}
    broker = Broker(folder / "rabbitmq", definitions(_config(folder), passwords))
    database = Database(folder / "postgresql", durable=False)
    with broker, database:
        stage = Stage(folder, broker, database, passwords)
        migrate(stage.settings)
        for name in REAL:
            database.execute(f"alter role postkamer_{name} login password '{passwords[name]}'")
        asyncio.run(read_keys(stage.settings))
        note_comparison(database)
        yield stage


def _config(folder: Path) -> Path:
    return folder / "postkamer.toml"


async def _count_messages(channel: AbstractChannel, name: str) -> int:
    queue = await channel.declare_queue(name, passive=True)
    return queue.declaration_result.message_count or 0


async def _drain(channel: AbstractChannel, name: str) -> list[Batch]:
    queue, batches = await channel.get_queue(name, ensure=False), list[Batch]()
    if not (count := await _count_messages(channel, name)):
        return batches
    async with asyncio.timeout(EMPTY_SECONDS), queue.iterator(no_ack=True) as messages:
        async for message in messages:
            batches.append(open_batch(message.type or "", message.body))
            if len(batches) == count:
                break
    return batches


def _kinds(batch: Batch) -> Sequence[str]:
    match batch:
        case ArchiveBatch():
            return [record.kind for record in batch.records]
        case DeliveryBatch():
            return [event.type for event in batch.deliveries]
        case _:
            return []  # receipts, which the baseline passes on
