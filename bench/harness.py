"""Broker and database of their own, with nobody at work: queues to fill, to watch and to empty."""

import asyncio
import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from aio_pika.abc import AbstractChannel

from bench.servers import ROOT, surroundings
from bench.usage import processor
from deploy.local.plan import REAL, ROUTER_OPS
from deploy.local.postgresql import Database
from deploy.local.process import Program
from deploy.local.rabbitmq import Broker
from deploy.local.servers import definitions
from deploy.local.state import token
from router.handlers.batch import split_by_size
from services import clock, contract
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import Publisher
from services.config import loader
from services.contract import ArchiveBatch, Batch, Delivery, DeliveryBatch, Receipt, Record
from tests.support.installation import EXAMPLE, NEIGHBOUR

PUBLISH_SECONDS = 30.0
EMPTY_SECONDS = 120.0
TOGETHER = 4
"""In one envelope, of what is offered at an even rate."""


class Stage:
    """Two municipalities in two partitions."""

    def __init__(
        self, folder: Path, broker: Broker, database: Database, passwords: Mapping[str, str]
    ) -> None:
        self.folder, self.broker, self.database = folder, broker, database
        self._passwords = passwords
        self.config = loader.load(_config(folder)).config
        self.settings = surroundings(folder, _config(folder), broker.url, database.url)

    @property
    def config_file(self) -> Path:
        return _config(self.folder)

    @property
    def metrics(self) -> str:
        """Where the process that is measured says what it has done."""
        return f"http://127.0.0.1:{self.settings[ROUTER_OPS.variable]}/metrics"

    def router(self) -> Program:
        """The command as it is shipped, with the rights that it has in a town hall."""
        password = self._passwords["router"]
        role = self.database.url_for("postkamer_router", password)
        amqp = self.broker.url_for("router", password)
        own = {"POSTKAMER_DATABASE_URL": role, "POSTKAMER_AMQP_URL": amqp}
        return self._program("router", ("cli.main", "router"), own)

    def deliverer(self, port: int) -> Program:
        """The same; `port` is where Meta stands."""
        password = self._passwords["deliverer"]
        own = {
            "POSTKAMER_DATABASE_URL": self.database.url_for("postkamer_deliverer", password),
            "POSTKAMER_AMQP_URL": self.broker.url_for("deliverer", password),
            "POSTKAMER_META_GRAPH_URL": f"http://127.0.0.1:{port}/graph",
        }
        return self._program("deliverer", ("cli.main", "deliverer"), own)

    def archiver(self) -> Program:
        """The same."""
        password = self._passwords["archiver"]
        own = {
            "POSTKAMER_DATABASE_URL": self.database.url_for("postkamer_archiver", password),
            "POSTKAMER_AMQP_URL": self.broker.url_for("archiver", password),
            "POSTKAMER_API_TOKENS": f"sandbox@{self.config.tenants[0].id}:{token()}",
        }
        return self._program("archiver", ("cli.main", "archiver"), own)

    def hand_over(self, destination: str, events: Iterable[Delivery]) -> None:
        """Put events into a destination's queue, as the router does."""

        async def publish() -> None:
            async with broker_connection(self.broker.url, "bench") as link:
                publisher = Publisher(link, topology.DESTINATIONS)
                queue = topology.destination_queue(destination)
                for chunk in split_by_size(list(events), lambda event: len(event.data) + 200):
                    batch = DeliveryBatch(destination=destination, deliveries=chunk)
                    await publisher.publish(queue, batch, PUBLISH_SECONDS)

        asyncio.run(publish())

    def offer(self, destination: str, events: Iterable[Delivery], per_second: float) -> None:
        """The same at an even rate, in small envelopes, as of a router with little to do."""

        async def publish() -> None:
            loop, queue = asyncio.get_running_loop(), topology.destination_queue(destination)
            async with broker_connection(self.broker.url, "bench") as link:
                publisher, due = Publisher(link, topology.DESTINATIONS), loop.time()
                each = iter(events)
                while chunk := list(itertools.islice(each, TOGETHER)):
                    batch = DeliveryBatch(destination=destination, deliveries=chunk)
                    await publisher.publish(queue, batch, PUBLISH_SECONDS)
                    due += len(chunk) / per_second
                    await asyncio.sleep(max(0.0, due - loop.time()))

        asyncio.run(publish())

    def purge(self, destinations: Iterable[str]) -> None:
        """Throw away what is left of them, and what the archive was told."""
        queues = [topology.ARCHIVE_QUEUE, *map(topology.destination_queue, destinations)]
        for queue in queues:
            self.broker.control("purge_queue", "-p", topology.VHOST, queue)

    def bare(self) -> Program:
        arguments = str(self.config.partitions), self.settings[ROUTER_OPS.variable]
        return self._program("bare", ("bench.baseline_router", *arguments), {})

    def _program(self, name: str, module: tuple[str, ...], own: Mapping[str, str]) -> Program:
        return Program(
            name=name,
            arguments=(sys.executable, "-m", *module),
            environment=self.settings | dict(own),
            folder=self.folder,
            cwd=ROOT,
        )

    def spent(self, pid: int) -> dict[str, float]:
        """Seconds of processor time so far."""
        assert self.database.process
        roots = {"process": pid, "rabbitmq": self.broker.process.pid}
        roots["postgresql"] = self.database.process.pid
        return {name: processor(root) for name, root in roots.items()}

    async def fill(self, envelopes: Iterator[tuple[int, list[Receipt]]]) -> int:
        """Put envelopes into the partitions' queues; how many there were."""
        count = 0
        async with broker_connection(self.broker.url, "bench") as link:
            partitions = PartitionPublisher(link, clock.new_id(), self.config.partitions)
            for partition, receipts in envelopes:
                await partitions.publish(partition, list(receipts), PUBLISH_SECONDS)
                count += 1
        return count

    async def tell(self, envelopes: Iterable[list[Record]]) -> int:
        """Put records into the archive's queue, as router and deliverer do; how many envelopes."""
        count = 0
        async with broker_connection(self.broker.url, "bench") as link:
            publisher = Publisher(link, topology.ARCHIVE)
            for records in envelopes:
                batch = ArchiveBatch(records=records)
                await publisher.publish(topology.ARCHIVE_QUEUE, batch, PUBLISH_SECONDS)
                count += 1
        return count

    async def untold(self, channel: AbstractChannel) -> int:
        """Envelopes for the archive that nobody has taken."""
        return await _count(channel, topology.ARCHIVE_QUEUE)

    async def waiting(self, channel: AbstractChannel) -> int:
        """Envelopes that nobody has taken."""
        names = map(topology.partition_queue, range(self.config.partitions))
        return sum([await _count(channel, name) for name in names])

    async def empty(self, channel: AbstractChannel) -> Counter[str]:
        """Take what came out: how many there were of each kind of record and type of event."""
        destinations = map(topology.destination_queue, (d.id for d in self.config.destinations))
        found: Counter[str] = Counter()
        for name in (topology.ARCHIVE_QUEUE, *destinations):
            for batch in await _taken(channel, name):
                found.update(_kinds(batch))
        return found


@contextmanager
def staged(folder: Path, change: Callable[[str], str] = lambda text: text) -> Iterator[Stage]:
    """Both servers, until the context is left; with the configuration as `change` makes it."""
    folder.mkdir(parents=True)
    _config(folder).write_text(change(EXAMPLE.read_text() + NEIGHBOUR))
    passwords = {name: token() for name in REAL}
    broker = Broker(folder / "rabbitmq", definitions(_config(folder), passwords))
    database = Database(folder / "postgresql", durable=False)
    with broker, database:
        stage = Stage(folder, broker, database, passwords)
        migrate = [sys.executable, "-m", "cli.main", "migrate"]
        subprocess.run(migrate, env=stage.settings, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        for name in ("router", "deliverer", "archiver"):
            database.execute(f"alter role postkamer_{name} login password '{passwords[name]}'")
        yield stage


def _config(folder: Path) -> Path:
    return folder / "postkamer.toml"


async def _count(channel: AbstractChannel, name: str) -> int:
    queue = await channel.declare_queue(name, passive=True)
    return queue.declaration_result.message_count or 0


async def _taken(channel: AbstractChannel, name: str) -> list[Batch]:
    queue, taken = await channel.get_queue(name, ensure=False), list[Batch]()
    if not (count := await _count(channel, name)):
        return taken
    async with asyncio.timeout(EMPTY_SECONDS), queue.iterator(no_ack=True) as messages:
        async for message in messages:
            taken.append(contract.decode(message.type or "", message.body))
            if len(taken) == count:
                break
    return taken


def _kinds(batch: Batch) -> Sequence[str]:
    match batch:
        case ArchiveBatch():
            return [record.kind for record in batch.records]
        case DeliveryBatch():
            return [event.type for event in batch.deliveries]
        case _:
            return []  # as the bare one passes them on
