"""One supervised connection to the broker, which reconnects whenever it is lost.

`aio_pika.connect_robust` is not used: it knows only one node, loses consumers silently, and spins
while it reconnects.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
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
from services.egress.server_certificate import describe_refusal
from services.tasks import background_task

CONNECT_SECONDS = 5.0
"""Timeout of connecting, for a host that accepts the connection but never answers."""
CLOSE_SECONDS = 2.0
"""Timeout of closing: the peer may not answer any more."""
HEARTBEAT_SECONDS = 10
"""Interval of heartbeats. A silent peer is noticed within 3 times this plus 3 s; the broker allows
two missed ones."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 1.0
"""Seconds between attempts to connect: a recovered broker is used within about a second."""
BLOCKED_POLL_SECONDS = 0.05
"""Interval between checks of whether the broker has blocked the connection, during a publish."""
IDLE_POLL_SECONDS = 1.0
"""The same without a publish: a broker tells it only to a connection that publishes."""
BLOCKED = "the broker takes nothing in: its memory or disk is at its limit"

BROKER_ERRORS = (AMQPError, AMQPException, ChannelInvalidStateError, OSError, RuntimeError)
"""Errors that aio-pika and aiormq raise for a lost or refused channel or connection."""

log = structlog.get_logger()


class BrokerConnection:
    """Connection to the first node that answers; it reconnects whenever it is lost."""

    def __init__(self, urls: str | Callable[[], str], name: str) -> None:
        """`urls` has one AMQP URL per node, comma separated; a function returns those of now. The
        broker shows `name`."""
        self.name, self._given = name, urls
        self._connection: AbstractConnection | None = None
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._open = asyncio.Event()
        """Set unless the broker is known to block the connection; also set without a connection."""
        self._open.set()
        self._in_flight: set[asyncio.Timeout] = set()
        self._is_publishing = asyncio.Event()
        """Set while `_in_flight` has any."""
        self.task: asyncio.Task[None]

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    @property
    def is_blocked(self) -> bool:
        """True while an alarm keeps the broker from reading what we publish."""
        return not self._open.is_set()

    @property
    def can_publish(self) -> bool:
        """True while there is a connection that is not known to be blocked."""
        return self._connection is not None and self._open.is_set()

    def obstacles(self) -> list[str]:
        """Return why nothing can be published now, a sentence for each reason."""
        if not self.is_connected:
            return ["the broker does not answer"]
        return [BLOCKED] if self.is_blocked else []

    @contextmanager
    def cancel_when_blocked(self, timeout: asyncio.Timeout) -> Iterator[None]:
        """Expire `timeout` at once when the connection becomes blocked."""
        self._in_flight.add(timeout)
        self._is_publishing.set()
        try:
            yield
        finally:
            self._in_flight.discard(timeout)
            if not self._in_flight:
                self._is_publishing.clear()

    async def wait_until_unblocked(self, seconds: float) -> None:
        """Wait until the connection is not blocked, but no longer than `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._open.wait()

    async def connection(self) -> AbstractConnection:
        """Return the live connection. This waits for one without a limit: use a timeout."""
        while self._connection is None:
            self._connected.clear()
            await self._connected.wait()
        return self._connection

    def reconnect(self) -> None:
        """Drop this connection and make a new one: it looks alive, but publishes on it time out."""
        self._lost.set()

    async def run(self) -> None:
        backoff = Backoff(FIRST_WAIT, LONGEST_WAIT, random.random)
        for attempt in itertools.count():
            urls = self._urls()
            url = urls[attempt % len(urls)]
            try:
                await self._connect_until_lost(url)
                backoff.reset()
            except BROKER_ERRORS as error:
                refused = describe_refusal(error)
                more = {"reason": refused} if refused else {}
                log.warning(
                    "broker.unreachable", what=self.name, host=url.host, exc_info=error, **more
                )
            await asyncio.sleep(backoff.next_delay())

    def _urls(self) -> list[URL]:
        urls = self._given() if callable(self._given) else self._given
        return [_with_heartbeat(url.strip()) for url in urls.split(",") if url.strip()]

    async def _connect_until_lost(self, url: URL) -> None:
        properties: FieldTable = {"connection_name": self.name}
        # aio-pika's own timeout uses `asyncio.wait_for`, which before Python 3.12 swallows a
        # cancellation that comes while the connection opens: the process would never end.
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await open_connection(url, client_properties=properties)
        # `connection.closed()` reports only our own closing; a loss reaches the callbacks.
        self._lost.clear()
        connection.close_callbacks.add(lambda *_: self._lost.set())
        try:
            log.info("broker.connected", what=self.name, host=url.host)
            self._connection = connection
            self._connected.set()
            async with background_task(self._watch(connection)):
                if connection.connected.is_set():
                    await self._lost.wait()
            log.warning("broker.lost", what=self.name, host=url.host)
        finally:
            self._connection = None
            self._set_may_publish(True)
            await close(connection)

    async def _watch(self, connection: AbstractConnection) -> None:
        """Follow whether the broker blocks the connection.

        aiormq does not report this. Only its `ready()` shows it, by waiting while the connection is
        blocked.
        """
        while (transport := connection.transport) is not None:
            await self._pause()
            if _would_wait(transport.connection.ready()):
                self._set_may_publish(False)
                await transport.connection.ready()
                self._set_may_publish(True)

    async def _pause(self) -> None:
        """Pause between two looks: a short one during a publish, which ends if it is blocked, and
        none before the first of those."""
        if self._is_publishing.is_set():
            await asyncio.sleep(BLOCKED_POLL_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_POLL_SECONDS):
                await self._is_publishing.wait()

    def _set_may_publish(self, may: bool) -> None:
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


def _would_wait(ready: Coroutine[Any, Any, object]) -> bool:
    """Return True if `ready` would wait, without waiting."""
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


async def open_connection(
    url: URL, seconds: float | None = None, **options: Any
) -> AbstractConnection:
    """Connect within `seconds`. A connection that fails is closed here: the library would close it
    when it is collected as garbage, amid other work, and warns where there is no event loop."""
    connection = aio_pika.Connection(url, **options)
    try:
        await connection.connect(seconds)
    except BaseException:
        await close(connection)
        raise
    return connection


async def close(resource: AbstractChannel | AbstractConnection) -> None:
    with suppress(TimeoutError, *BROKER_ERRORS):
        async with asyncio.timeout(CLOSE_SECONDS):
            await resource.close()


@asynccontextmanager
async def broker_connection(
    urls: str | Callable[[], str], name: str
) -> AsyncIterator[BrokerConnection]:
    """Run a `BrokerConnection`; entering does not wait until it is connected."""
    connection = BrokerConnection(urls, name)
    async with background_task(connection.run()) as connection.task:
        yield connection
