"""Consuming from the broker: one queue, one channel, one inbox, and a watchdog.

`work(inbox)` is called for each new channel. It loops: take messages, process them, acknowledge
them. When the channel is lost, the inbox reports it, `work` is cancelled, and it is called again
with a new channel. The broker redelivers unacknowledged messages in order. A consumer stops by
finishing the batch in hand and closing the channel; cancelling it with work in hand would activate
the next consumer at once.
"""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import accumulate
from typing import Any

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from services import clock, metrics
from services.amqp.connection import BROKER_ERRORS, FIRST_WAIT, LONGEST_WAIT, BrokerConnection
from services.amqp.incoming_message import IncomingMessage
from services.amqp.queue_status import ConsumerStatus
from services.amqp.topology import Queue
from services.backoff import Backoff
from services.tasks import background_task, cancel_and_wait

CHECK_SECONDS = 5.0
"""Interval between checks of our queue at the broker."""
IDLE_SECONDS = 30.0
"""Idle time after which a consumer that holds no message, while messages wait, is taken for
dead."""

log = structlog.get_logger()


class ChannelLost(Exception):
    """The channel is lost; the broker redelivers every message in hand."""


class ConsumerStopping(Exception):
    """The consumer takes no more messages; those in hand are finished."""


def _count_within(waiting: Sequence[IncomingMessage], max_bytes: int | None) -> int:
    """Return how many of the first messages fit `max_bytes` together, and at least 1. Pure."""
    if max_bytes is None:
        return len(waiting)
    sizes = accumulate(len(one.body) for one in waiting)
    return max(1, sum(size <= max_bytes for size in sizes))


class DrainWatch:
    """Finds out until when a queue was surely drained: every message that was in it by then is
    acknowledged, however many came since.

    At a check nothing is ready in the queue, so all of it was delivered. A check and a delivery
    come by different channels, and one may overtake the other: what came by the next check is
    counted in. Once all of that is acknowledged, the queue was drained at the first check.
    """

    def __init__(self) -> None:
        self.drained_at: float | None = None
        """On the clock of `services.clock.monotonic`."""
        self._empty_at: float | None = None
        self._last_tag: int | None = None

    def check(self, at: float, inbox: "Inbox", *, is_empty: bool) -> None:
        """Note a check that began at `at`."""
        if self._empty_at is not None:
            if self._last_tag is None:
                self._last_tag = inbox.last_tag
            if inbox.oldest_unacked > self._last_tag:
                self.drained_at, self._empty_at = self._empty_at, None
        if self._empty_at is None and is_empty:
            self._empty_at, self._last_tag = at, None

    def restart(self) -> None:
        """Forget the checks of a channel that is lost: its tags mean nothing on the next one."""
        self._empty_at = self._last_tag = None


class Inbox:
    """Messages that one channel delivered and `take` has not returned yet; at most the prefetch."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel
        self._waiting: list[IncomingMessage] = []
        self._changed = asyncio.Event()
        self.lost = asyncio.Event()
        self.stopping = False
        self.last_tag = 0
        """Delivery tag of the last message that came."""
        self._last_redelivered = 0
        """Delivery tag of the last message that another consumer had in hand before."""
        self._unacked: dict[int, float] = {}
        """Delivery tag of each message that is not acknowledged, oldest first -> when it came."""
        self.opened = clock.monotonic()
        self.first_delivery: float | None = None
        self.last_delivery: float | None = None

    @property
    def unacked(self) -> int:
        return len(self._unacked)

    @property
    def oldest_unacked(self) -> float:
        """Delivery tag of the oldest message that is not acknowledged; infinite without one."""
        return next(iter(self._unacked), math.inf)

    @property
    def has_redelivered(self) -> bool:
        """True while a message is not acknowledged that another consumer had in hand before."""
        return self.oldest_unacked <= self._last_redelivered

    @property
    def seconds_in_hand(self) -> float | None:
        """Seconds for which the oldest message is not acknowledged; None without one."""
        oldest = next(iter(self._unacked.values()), None)
        return None if oldest is None else clock.monotonic() - oldest

    async def take(self, limit: int, max_bytes: int | None = None) -> list[IncomingMessage]:
        """Wait for messages and return at most `limit`, oldest first, of at most `max_bytes`.

        A first message that is larger is returned alone. Raises ChannelLost or ConsumerStopping.
        """
        while not self._waiting or self.stopping or self.lost.is_set():
            if self.lost.is_set():
                raise ChannelLost
            if self.stopping:
                raise ConsumerStopping
            self._changed.clear()
            await self._changed.wait()
        count = _count_within(self._waiting[:limit], max_bytes)
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def ack_all(self, taken: Sequence[IncomingMessage]) -> None:
        """Acknowledge every message up to the last of `taken`; raises ChannelLost."""
        last = taken[-1].delivery_tag
        await self._ack(last, multiple=True)
        self._unacked = {tag: came for tag, came in self._unacked.items() if tag > last}

    async def ack(self, incoming: IncomingMessage) -> None:
        """Acknowledge one message; raises ChannelLost."""
        await self._ack(incoming.delivery_tag, multiple=False)
        self._unacked.pop(incoming.delivery_tag, None)

    async def _ack(self, tag: int, *, multiple: bool) -> None:
        try:
            channel = await self._channel.get_underlay_channel()
            await channel.basic_ack(tag, multiple=multiple)
        except BROKER_ERRORS as error:
            self.mark_lost()
            raise ChannelLost from error

    def put(self, message: AbstractIncomingMessage) -> None:
        count = message.headers.get("x-delivery-count", 0)
        self._waiting.append(
            IncomingMessage(
                type=message.type or "",
                body=message.body,
                delivery_tag=message.delivery_tag or 0,
                delivery_count=count if isinstance(count, int) else 0,
            )
        )
        self.last_tag = message.delivery_tag or 0
        if count:
            self._last_redelivered = self.last_tag
        self.last_delivery = self._unacked[self.last_tag] = clock.monotonic()
        self.first_delivery = self.first_delivery or self.last_delivery
        self._changed.set()

    def mark_lost(self) -> None:
        self.lost.set()
        self._changed.set()

    def drain(self) -> None:
        self.stopping = True
        self._changed.set()


Work = Callable[[Inbox], Coroutine[Any, Any, None]]


class Consumer:
    """Keeps one consumer on one queue while it runs."""

    def __init__(self, broker: BrokerConnection, queue: Queue, prefetch: int, work: Work) -> None:
        self.queue = queue
        self._broker, self._prefetch, self._work = broker, prefetch, work
        self._inbox: Inbox | None = None
        self._stopping = False
        self.task: asyncio.Task[None]
        self.confirmed_by_broker = False
        """True while the broker confirms that this consumer exists."""
        self.is_held_elsewhere = False
        """True while another instance gets the messages, as `services.amqp.shared_queues` finds."""
        self.is_shared = False
        """True if other instances read the queue too (`services.amqp.shared_queues`)."""
        self.is_ours = True
        """False while the queue, with what belongs to it in tables, is the work of another, and
        until it is known whose it is."""
        self.drain = DrainWatch()

    @property
    def holds(self) -> bool:
        """True once this consumer gets the messages. A single active consumer is told nothing: its
        first message shows it."""
        has_had = self._inbox is not None and self._inbox.last_delivery is not None
        return self.confirmed_by_broker and (has_had or not self.queue.single_active_consumer)

    def may_let_go(self, patience: float) -> bool:
        """Return False while the queue is being let go, or for `patience` seconds while messages
        are in hand that another consumer had before: given back, they would come a third time, as
        those do that crash their readers."""
        inbox = self._inbox
        if inbox is None or inbox.first_delivery is None or inbox.stopping:
            return False
        return not inbox.has_redelivered or clock.monotonic() - inbox.first_delivery > patience

    @property
    def stands_by(self) -> bool:
        """True while another instance gets the messages, and this one gets none, rightly."""
        return self.is_held_elsewhere and not self.holds

    @property
    def status(self) -> ConsumerStatus:
        inbox = self._inbox
        return ConsumerStatus(
            self.queue.name,
            self.confirmed_by_broker,
            self.holds,
            inbox.unacked if inbox else 0,
            inbox.seconds_in_hand if inbox else None,
        )

    async def run(self) -> None:
        backoff = Backoff(FIRST_WAIT, LONGEST_WAIT, random.random)
        while not self._stopping:
            try:
                await self._session()
                backoff.reset()
            except (ChannelLost, ConsumerStopping):
                backoff.reset()
            except asyncio.CancelledError:
                # The library cancels a call whose channel it closes; that must not end this task.
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                log.warning("consumer.cut_off", queue=self.queue.name)
            except BROKER_ERRORS as error:
                log.warning("consumer.refused", queue=self.queue.name, exc_info=error)
            except Exception as error:
                # A fault in `work`: the messages in hand are redelivered, with a higher count.
                log.error("consumer.failed", queue=self.queue.name, exc_info=error)
            self.confirmed_by_broker = False
            await asyncio.sleep(backoff.next_delay())

    def stop(self) -> None:
        self._stopping = True
        if self._inbox:
            self._inbox.drain()

    def let_go(self) -> None:
        """Leave the queue to the next in line: finish the batch in hand, close the channel, and
        subscribe again at the end of the line."""
        log.info("consumer.lets_go", queue=self.queue.name)
        metrics.queues_let_go.labels(queue=self.queue.name).inc()
        self.is_ours = False
        if self._inbox:
            self._inbox.drain()

    async def _session(self) -> None:
        connection = await self._broker.connection()
        channel = await connection.channel(publisher_confirms=False)
        inbox = self._inbox = Inbox(channel)
        self.is_ours = not self.is_shared
        self.drain.restart()
        inbox.stopping = self._stopping  # `stop` may have been called while we connected
        try:
            channel.close_callbacks.add(lambda *_: inbox.mark_lost())
            await channel.set_qos(prefetch_count=self._prefetch)
            queue = await channel.declare_queue(
                self.queue.name, durable=True, arguments=self.queue.arguments
            )
            await queue.consume(_receive(inbox))
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(lambda *_: inbox.mark_lost())
            self.confirmed_by_broker = True
            log.info("consumer.holds", queue=self.queue.name)
            await self._work_until_lost(inbox, queue)
        finally:
            inbox.mark_lost()
            with suppress(*BROKER_ERRORS):
                await channel.close()

    async def _work_until_lost(self, inbox: Inbox, queue: AbstractQueue) -> None:
        work = asyncio.create_task(self._work(inbox))
        lost = asyncio.create_task(inbox.lost.wait())
        watch = asyncio.create_task(self._watch(inbox, queue))
        try:
            await asyncio.wait([work, lost], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ChannelLost
            work.result()
        finally:
            await cancel_and_wait(work, lost, watch)

    async def _watch(self, inbox: Inbox, queue: AbstractQueue) -> None:
        """Compare our state with the broker's while the channel lives."""
        try:
            await self._compare(inbox, queue)
        except BROKER_ERRORS:
            inbox.mark_lost()

    async def _compare(self, inbox: Inbox, queue: AbstractQueue) -> None:
        connection = await self._broker.connection()
        async with connection.channel(publisher_confirms=False) as channel:
            while True:
                await asyncio.sleep(CHECK_SECONDS)
                began = clock.monotonic()
                declared = await channel.declare_queue(queue.name, passive=True)
                ready = declared.declaration_result.message_count or 0
                consumers = declared.declaration_result.consumer_count or 0
                metrics.consumers.labels(queue=queue.name).set(consumers)
                self.drain.check(began, inbox, is_empty=not ready and not self.stands_by)
                # What waits for another says nothing of this one.
                waiting = 0 if self.stands_by else ready
                if why := _suspicion(inbox, waiting, consumers, clock.monotonic()):
                    log.error("consumer.doubted", queue=queue.name, reason=why, ready=ready)
                    self.confirmed_by_broker = False
                    inbox.mark_lost()


def _suspicion(inbox: Inbox, ready: int, consumers: int, now: float) -> str:
    """Return why this consumer seems dead, or '' if it seems alive."""
    if consumers == 0:
        return "the broker knows no consumer of this queue"
    idle = now - (inbox.last_delivery or inbox.opened) > IDLE_SECONDS
    if ready and idle and not inbox.unacked:
        return "messages wait and none comes"
    return ""


def _receive(inbox: Inbox) -> Callable[[AbstractIncomingMessage], Coroutine[Any, Any, None]]:
    async def receive(message: AbstractIncomingMessage) -> None:
        inbox.put(message)

    return receive


@asynccontextmanager
async def run_consumer(
    broker: BrokerConnection, queue: Queue, prefetch: int, work: Work
) -> AsyncIterator[Consumer]:
    """Run a consumer; leaving the context finishes the messages in hand."""
    consumer = Consumer(broker, queue, prefetch, work)
    async with background_task(consumer.run()) as consumer.task:
        try:
            yield consumer
        finally:
            consumer.stop()
            # Without a connection there is no batch in hand to wait for.
            if broker.is_connected:
                await asyncio.wait([consumer.task])
