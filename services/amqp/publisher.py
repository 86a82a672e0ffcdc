"""Publishing to the broker with a known outcome.

A publish ends in one of three ways. It returns: a quorum holds the message. It raises
`PublishUnconfirmed` with `rejected`: the broker does not have the message. Or it raises without
`rejected`: the outcome is unknown, so publish it again with the same ids. It never hangs: a confirm
may not come at all, so each publish has a timeout.

A broker whose memory or disk is at its limit stops reading from publishers and says so. On such a
connection nothing is published, and publishes in flight are given up at once. The broker reads them
when the alarm is over, and their senders publish them again with the same ids.
"""

import asyncio
import random
import secrets
from collections.abc import Callable

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractExchange, DeliveryMode
from aio_pika.exceptions import DeliveryError, PublishError
from pamqp.commands import Basic

from services import contract, metrics
from services.amqp.connection import (
    BLOCKED,
    BROKER_ERRORS,
    FIRST_WAIT,
    LONGEST_WAIT,
    BrokerConnection,
    close,
)
from services.amqp.sealed_batch import seal_batch
from services.backoff import Backoff
from services.sealing.key_ring import NoWorkingKey

TIMEOUTS_BEFORE_NEXT_NODE = 3
"""Publishes in a row without a confirm after which the connection itself is taken for dead."""


log = structlog.get_logger()


class PublishUnconfirmed(Exception):
    """A publish without a confirm; with `rejected`, the broker certainly does not have the
    message."""

    def __init__(self, reason: str, *, rejected: bool) -> None:
        super().__init__(reason)
        self.reason, self.rejected = reason, rejected


_closing: set["asyncio.Task[None]"] = set()


def _close_later(channel: AbstractChannel) -> None:
    """Close without waiting: the peer may not answer any more."""
    task = asyncio.create_task(close(channel))
    _closing.add(task)
    task.add_done_callback(_closing.discard)


class Publisher:
    """Publishes to one exchange.

    Each key has its own channel and one publish at a time on it. Messages of one key therefore
    arrive in order, and a queue that blocks its channel blocks no other.
    """

    def __init__(self, broker: BrokerConnection, exchange: str) -> None:
        self._broker, self._exchange = broker, exchange
        self._channels: dict[str, tuple[AbstractChannel, AbstractExchange]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._timeouts = 0

    async def publish(self, key: str, batch: contract.Batch, seconds: float) -> None:
        """Return once a quorum holds `batch`; raises PublishUnconfirmed within `seconds`."""
        if self._broker.is_blocked:
            raise _blocked_error(rejected=True)
        try:
            async with asyncio.timeout(seconds) as bound:
                with self._broker.cancel_when_blocked(bound):
                    async with self._locks.setdefault(key, asyncio.Lock()):
                        await self._publish(key, batch)
        except TimeoutError:
            if self._broker.is_blocked:
                # The channel is sound and stays: its confirm comes later. If the connection is dead
                # too, its heartbeat notices.
                raise _blocked_error(rejected=False) from None
            raise self._unconfirmed(key, "no confirm in time") from None
        self._timeouts = 0

    async def wait_until_unblocked(self, seconds: float) -> None:
        """Wait until the connection is not blocked, but no longer than `seconds`."""
        await self._broker.wait_until_unblocked(seconds)

    async def _publish(self, key: str, batch: contract.Batch) -> None:
        try:
            message = _message(batch)
        except NoWorkingKey:
            raise self._unconfirmed(key, "no working key", rejected=True) from None
        try:
            exchange = await self._channel_for(key)
            confirm = await exchange.publish(message, routing_key=key, mandatory=True)
        except DeliveryError as error:
            # PublishError, the unroutable one, is a DeliveryError too.
            reason = "no such queue" if isinstance(error, PublishError) else "the queue is full"
            raise self._unconfirmed(key, reason, rejected=True) from error
        except asyncio.CancelledError:
            # The library cancels a publish whose connection it declares stuck.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise self._unconfirmed(key, "the connection was lost") from None
        except BROKER_ERRORS as error:
            raise self._unconfirmed(key, "the channel was lost") from error
        if not isinstance(confirm, Basic.Ack):
            raise self._unconfirmed(key, "the queue is full", rejected=True)

    async def _channel_for(self, key: str) -> AbstractExchange:
        opened = self._channels.get(key)
        if opened is None or opened[0].is_closed:
            connection = await self._broker.connection()
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            opened = channel, await channel.get_exchange(self._exchange, ensure=False)
            self._channels[key] = opened
        return opened[1]

    def _unconfirmed(self, key: str, reason: str, *, rejected: bool = False) -> PublishUnconfirmed:
        metrics.unconfirmed.labels(reason=reason).inc()
        if not rejected:
            # A channel on which one confirm went missing may never confirm again.
            if opened := self._channels.pop(key, None):
                _close_later(opened[0])
            self._timeouts += 1
            if self._timeouts >= TIMEOUTS_BEFORE_NEXT_NODE:
                self._timeouts = 0
                self._broker.reconnect()
        return PublishUnconfirmed(reason, rejected=rejected)


def _message(batch: contract.Batch) -> aio_pika.Message:
    """Return the message of a batch. Nothing else refers to its body, which may be large."""
    name, body = seal_batch(batch)
    return aio_pika.Message(
        bytes(body),
        type=name,
        content_type="application/msgpack",
        delivery_mode=DeliveryMode.PERSISTENT,
        # Returns are matched to publishes by this id: a duplicate in flight hides a return.
        message_id=secrets.token_hex(8),
    )


def _blocked_error(*, rejected: bool) -> PublishUnconfirmed:
    metrics.unconfirmed.labels(reason=BLOCKED).inc()
    return PublishUnconfirmed(BLOCKED, rejected=rejected)


async def publish_until_confirmed(
    publisher: Publisher,
    key: str,
    batch: contract.Batch,
    *,
    may_stop: Callable[[], bool],
    attempts: int | None = None,
) -> None:
    """Publish repeatedly, with the same ids, until the broker confirms.

    This is for output that must be safe before its input is acknowledged. It gives up when
    `may_stop` returns True, and then raises the last PublishUnconfirmed. With `attempts` it also
    gives up at a rejection, and after so many publishes without a confirm; a broker that is blocked
    is waited for all the same.
    """
    backoff = Backoff(FIRST_WAIT, LONGEST_WAIT, random.random)
    unconfirmed = 0
    while True:
        try:
            return await publisher.publish(key, batch, UNATTENDED_SECONDS)
        except PublishUnconfirmed as error:
            if may_stop():
                raise
            if error.reason == BLOCKED:  # the connection has logged it
                await publisher.wait_until_unblocked(LONGEST_WAIT)
                backoff.reset()
            else:
                unconfirmed += 1
                if attempts and (error.rejected or unconfirmed >= attempts):
                    raise
                log.warning("publish.unconfirmed", queue=key, reason=error.reason)
        await asyncio.sleep(backoff.next_delay())


UNATTENDED_SECONDS = 10.0
"""Timeout of one confirm when no caller waits: longer than the election of a new leader (6 s)."""
