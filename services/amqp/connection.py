"""The connection to the broker: one, supervised, made again whenever it is lost.

`aio_pika.connect_robust` is not used: it knows one node, loses consumers quietly, and spins while
it restores.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError
from aiormq.exceptions import AMQPException
from pamqp.common import FieldTable
from yarl import URL

from services import metrics
from services.backoff import Backoff
from services.tasks import background_task

CONNECT_SECONDS = 5.0
"""For a host that accepts the connection but does not speak."""
CLOSE_SECONDS = 2.0
"""For a farewell: what is being closed may not answer any more."""
HEARTBEAT_SECONDS = 10
"""A silent peer is noticed within 3 times this plus 3 s; the broker allows two missed ones."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 1.0
"""Seconds between attempts to connect: a broker that is back is used within a second or so."""
BLOCKED_LOOK_SECONDS = 0.05
"""Between two looks at whether the broker has blocked the connection."""
BLOCKED = "the broker takes nothing in: its memory or disk is at its limit"

BROKER_ERRORS = (AMQPError, AMQPException, ChannelInvalidStateError, OSError, RuntimeError)
"""What a lost or refused channel or connection raises, in aio-pika's and aiormq's spelling."""

log = structlog.get_logger()


class BrokerConnection:
    """A connection to the first of the nodes that answers, made again whenever it is lost."""

    def __init__(self, urls: str, name: str) -> None:
        """`urls`: one AMQP URL a node, comma separated; `name` is shown by the broker."""
        self.name = name
        self._urls = [_with_heartbeat(url.strip()) for url in urls.split(",") if url.strip()]
        self._connection: AbstractConnection | None = None
        self._changed = asyncio.Event()
        self._lost = asyncio.Event()
        self._open = asyncio.Event()
        """Set while we may publish as far as we know: also without a connection."""
        self._open.set()
        self._in_flight: set[asyncio.Timeout] = set()
        self.task: asyncio.Task[None]

    @property
    def connected(self) -> bool:
        return self._connection is not None

    @property
    def blocked(self) -> bool:
        """An alarm of the broker keeps it from reading what we publish."""
        return not self._open.is_set()

    @property
    def can_publish(self) -> bool:
        """Something can be published now, as far as we know."""
        return self._connection is not None and self._open.is_set()

    def obstacles(self) -> list[str]:
        """Why nothing can be published now, a sentence each."""
        if not self.connected:
            return ["the broker does not answer"]
        return [BLOCKED] if self.blocked else []

    @contextmanager
    def cancel_when_blocked(self, bound: asyncio.Timeout) -> Iterator[None]:
        """Let `bound` end at once when the connection becomes blocked."""
        self._in_flight.add(bound)
        try:
            yield
        finally:
            self._in_flight.discard(bound)

    async def unblocked(self, seconds: float) -> None:
        """Wait until the connection is not blocked, but no longer than `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._open.wait()

    async def connection(self) -> AbstractConnection:
        """The live connection; waits for one, so bound it in time."""
        while self._connection is None:
            self._changed.clear()
            await self._changed.wait()
        return self._connection

    def reconnect(self) -> None:
        """Give this connection up: publishes on it time out though it looks alive."""
        self._lost.set()

    async def run(self) -> None:
        backoff = Backoff(FIRST_WAIT, LONGEST_WAIT, random.random)
        for url in itertools.cycle(self._urls):
            try:
                await self._hold(url)
                backoff.reset()
            except BROKER_ERRORS as error:
                log.warning("broker.unreachable", what=self.name, host=url.host, exc_info=error)
            await asyncio.sleep(backoff.next_delay())

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
            async with background_task(self._watch(connection)):
                if connection.connected.is_set():
                    await self._lost.wait()
            log.warning("broker.lost", what=self.name, host=url.host)
        finally:
            self._connection = None
            self._may_publish(True)
            await close(connection)

    async def _watch(self, connection: AbstractConnection) -> None:
        """aiormq keeps to itself that a connection was blocked; its `ready()` alone shows it: it
        waits while the connection is blocked, and does not otherwise."""
        while (transport := connection.transport) is not None:
            await asyncio.sleep(BLOCKED_LOOK_SECONDS)
            if _waits(transport.connection.ready()):
                self._may_publish(False)
                await transport.connection.ready()
                self._may_publish(True)

    def _may_publish(self, may: bool) -> None:
        if may == self._open.is_set():
            return
        metrics.broker_blocked.labels(link=self.name).set(not may)
        if may:
            log.warning("broker.unblocked", what=self.name)
            self._open.set()
            return
        log.warning("broker.blocked", what=self.name, reason=BLOCKED)
        self._open.clear()
        now = asyncio.get_running_loop().time()
        for bound in self._in_flight:
            if not bound.expired():
                bound.reschedule(now)


def _waits(ready: Coroutine[Any, Any, object]) -> bool:
    """Whether this would have to wait, asked without waiting."""
    try:
        ready.send(None)
    except StopIteration:
        return False
    finally:
        ready.close()
    return True


def _with_heartbeat(url: str) -> URL:
    parsed = URL(url)
    return (
        parsed if "heartbeat" in parsed.query else parsed.update_query(heartbeat=HEARTBEAT_SECONDS)
    )


async def close(thing: AbstractChannel | AbstractConnection) -> None:
    with suppress(TimeoutError, *BROKER_ERRORS):
        async with asyncio.timeout(CLOSE_SECONDS):
            await thing.close()


@asynccontextmanager
async def broker_connection(urls: str, name: str) -> AsyncIterator[BrokerConnection]:
    """A running `Link`; does not wait until it is connected."""
    link = BrokerConnection(urls, name)
    async with background_task(link.run()) as link.task:
        yield link
