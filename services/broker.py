"""The way to the broker: one supervised connection, and publishing that says what became of it.

A publish ends in one of three ways: it returns (a quorum holds the message), it raises
`Unconfirmed` with `certain` (the broker refused it), or without (nobody knows; publish it again
with the same ids). It never hangs: a confirm may not come at all, so each has a bound in seconds.

`aio_pika.connect_robust` is not used: it knows one node, loses consumers quietly, and spins while
it restores.
"""

import asyncio
import itertools
import random
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, DeliveryMode
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, DeliveryError, PublishError
from aiormq.exceptions import AMQPException
from pamqp.commands import Basic
from pamqp.common import FieldTable
from yarl import URL

from services import contract, observe, topology
from services.tasks import beside

CONNECT_SECONDS = 5.0
"""For a host that accepts the connection but does not speak."""
CLOSE_SECONDS = 2.0
"""For a farewell: what is being closed may not answer any more."""
HEARTBEAT_SECONDS = 10
"""A silent peer is noticed within 3 times this plus 3 s; the broker allows two missed ones."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 1.0
"""Seconds between attempts to connect: a broker that is back is used within a second or so."""
TIMEOUTS_BEFORE_NEXT_NODE = 3
"""Publishes in a row without a confirm, then the connection itself is taken for dead."""

BROKER_ERRORS = (AMQPError, AMQPException, ChannelInvalidStateError, OSError, RuntimeError)
"""What a lost or refused channel or connection raises, in aio-pika's and aiormq's spelling."""

log = structlog.get_logger()


class Unconfirmed(Exception):
    """A publish that is not known to be safe; `certain` when the broker said that it is not."""

    def __init__(self, reason: str, *, certain: bool) -> None:
        super().__init__(reason)
        self.reason, self.certain = reason, certain


class Link:
    """A connection to the first of the nodes that answers, made again whenever it is lost."""

    def __init__(self, urls: str, name: str) -> None:
        """`urls`: one AMQP URL a node, comma separated; `name` is shown by the broker."""
        self.name = name
        self._urls = [_with_heartbeat(url.strip()) for url in urls.split(",") if url.strip()]
        self._connection: AbstractConnection | None = None
        self._changed = asyncio.Event()
        self._lost = asyncio.Event()
        self.task: asyncio.Task[None]

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def connection(self) -> AbstractConnection:
        """The live connection; waits for one, so bound it in time."""
        while self._connection is None:
            self._changed.clear()
            await self._changed.wait()
        return self._connection

    def doubt(self) -> None:
        """Give this connection up: publishes on it time out though it looks alive."""
        self._lost.set()

    async def run(self) -> None:
        wait = FIRST_WAIT
        for url in itertools.cycle(self._urls):
            try:
                await self._hold(url)
                wait = FIRST_WAIT
            except BROKER_ERRORS as error:
                log.warning("broker.unreachable", what=self.name, host=url.host, exc_info=error)
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(wait * 2, LONGEST_WAIT)

    async def _hold(self, url: URL) -> None:
        properties: FieldTable = {"connection_name": self.name}
        connection = await aio_pika.connect(
            url, timeout=CONNECT_SECONDS, client_properties=properties
        )
        # `connection.closed()` speaks of our own closing only; a loss is told to the callbacks.
        self._lost.clear()
        connection.close_callbacks.add(lambda *_: self._lost.set())
        try:
            log.info("broker.connected", what=self.name, host=url.host)
            self._connection = connection
            self._changed.set()
            if connection.connected.is_set():
                await self._lost.wait()
            log.warning("broker.lost", what=self.name, host=url.host)
        finally:
            self._connection = None
            await _close(connection)


def _with_heartbeat(url: str) -> URL:
    parsed = URL(url)
    return (
        parsed if "heartbeat" in parsed.query else parsed.update_query(heartbeat=HEARTBEAT_SECONDS)
    )


_closing: set["asyncio.Task[None]"] = set()


def _close_later(thing: AbstractChannel) -> None:
    """Close without waiting: what is being closed may not answer any more."""

    task = asyncio.create_task(_close(thing))
    _closing.add(task)
    task.add_done_callback(_closing.discard)


async def _close(thing: AbstractChannel | AbstractConnection) -> None:
    with suppress(TimeoutError, *BROKER_ERRORS):
        async with asyncio.timeout(CLOSE_SECONDS):
            await thing.close()


@asynccontextmanager
async def linked(urls: str, name: str) -> AsyncIterator[Link]:
    """A running `Link`; does not wait until it is connected."""
    link = Link(urls, name)
    async with beside(link.run()) as link.task:
        yield link


class Publisher:
    """Publishes into one exchange. A key has a channel of its own and one publish at a time on it,
    so what is published under one key arrives in order, and a queue that blocks its channel blocks
    no other."""

    def __init__(self, link: Link, exchange: str) -> None:
        self._link, self._exchange = link, exchange
        self._lanes: dict[str, tuple[AbstractChannel, AbstractExchange]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._timeouts = 0

    async def publish(self, key: str, batch: contract.Batch, seconds: float) -> None:
        """Return once a quorum holds `batch`; Unconfirmed otherwise, within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                async with self._locks.setdefault(key, asyncio.Lock()):
                    await self._publish(key, batch)
        except TimeoutError:
            raise self._failed(key, "no confirm in time") from None
        self._timeouts = 0

    async def _publish(self, key: str, batch: contract.Batch) -> None:
        message = aio_pika.Message(
            contract.encode(batch),
            type=contract.NAMES[type(batch)],
            content_type="application/msgpack",
            delivery_mode=DeliveryMode.PERSISTENT,
            # Returns are matched to publishes by this id: one twice in flight hides a return.
            message_id=secrets.token_hex(8),
        )
        try:
            exchange = await self._lane(key)
            confirm = await exchange.publish(message, routing_key=key, mandatory=True)
        except DeliveryError as error:
            # PublishError, the unroutable one, is a DeliveryError too.
            what = "no such queue" if isinstance(error, PublishError) else "the queue is full"
            raise self._failed(key, what, certain=True) from error
        except asyncio.CancelledError:
            # The library cancels a publish whose connection it declares stuck.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise self._failed(key, "the connection was lost") from None
        except BROKER_ERRORS as error:
            raise self._failed(key, "the channel was lost") from error
        if not isinstance(confirm, Basic.Ack):
            raise self._failed(key, "the queue is full", certain=True)

    async def _lane(self, key: str) -> AbstractExchange:
        lane = self._lanes.get(key)
        if lane is None or lane[0].is_closed:
            connection = await self._link.connection()
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            lane = channel, await channel.get_exchange(self._exchange, ensure=False)
            self._lanes[key] = lane
        return lane[1]

    def _failed(self, key: str, reason: str, *, certain: bool = False) -> Unconfirmed:
        observe.unconfirmed.labels(reason=reason).inc()
        if not certain:
            # A channel on which one confirm went missing may never confirm again.
            if lane := self._lanes.pop(key, None):
                _close_later(lane[0])
            self._timeouts += 1
            if self._timeouts >= TIMEOUTS_BEFORE_NEXT_NODE:
                self._timeouts = 0
                self._link.doubt()
        return Unconfirmed(reason, certain=certain)


async def publish_until_confirmed(
    publisher: Publisher, key: str, batch: contract.Batch, *, may_stop: Callable[[], bool]
) -> None:
    """Publish, again and again with the same ids, until it is confirmed: for what must go on before
    its input is acknowledged. Gives up only, with the last Unconfirmed, once `may_stop` says so."""
    wait = FIRST_WAIT
    while True:
        try:
            return await publisher.publish(key, batch, PATIENT_SECONDS)
        except Unconfirmed as error:
            log.warning("publish.unconfirmed", queue=key, reason=error.reason)
            if may_stop():
                raise
        await asyncio.sleep(wait * random.uniform(0.5, 1.0))
        wait = min(wait * 2, LONGEST_WAIT)


PATIENT_SECONDS = 10.0
"""For one confirm where nobody is waiting: longer than the choice of a new leader (6 s)."""


async def declare(urls: str, table: Sequence[topology.Queue]) -> None:
    """Make the exchanges, queues and bindings of `table`; what exists must be equal."""
    async with await aio_pika.connect(urls.split(",")[0], timeout=CONNECT_SECONDS) as connection:
        channel = await connection.channel()
        for name in topology.EXCHANGES:
            await channel.declare_exchange(name, aio_pika.ExchangeType.DIRECT, durable=True)
        for queue in table:
            made = await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)
            await made.bind(queue.exchange, routing_key=queue.name)
