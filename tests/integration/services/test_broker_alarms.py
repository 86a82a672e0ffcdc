"""Publishing to a real RabbitMQ at the limit of its memory or disk, and after."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from deploy.local.rabbitmq import SETTINGS, Broker
from services import clock
from services.amqp import topology
from services.amqp.connection import BLOCKED, BrokerConnection, broker_connection
from services.amqp.publisher import Publisher, PublishUnconfirmed, publish_until_confirmed
from services.contract import PartitionBatch
from tests.integration.conftest import PASSWORDS
from tests.support.observer import until_true

KEY = topology.partition_queue(0)
ALARMS = {
    "memory": (
        'vm_memory_monitor:set_vm_memory_high_watermark({{absolute, "{}"}}).',
        "1MB",
        SETTINGS["vm_memory_high_watermark.absolute"],
    ),
    "disk": (
        'rabbit_disk_monitor:set_disk_free_limit("{}").',
        "1000000GB",
        SETTINGS["disk_free_limit.absolute"],
    ),
}
"""Kind -> the expression of Erlang that sets its limit, one that raises it, and the usual one."""
BACK_SECONDS = 10.0
PUBLISH_SECONDS = 30.0
"""Timeout of a publish that the alarm must end: longer than the wait for that end."""


@asynccontextmanager
async def alarm(broker: Broker, kind: str) -> AsyncIterator[None]:
    """Entering raises it, and leaving clears it."""
    change, raised, cleared = ALARMS[kind]
    assert broker.evaluate(change.format(raised)) == "ok"
    try:
        yield
    finally:
        assert broker.evaluate(change.format(cleared)) == "ok"


@asynccontextmanager
async def publishing(
    broker: Broker, query: str = ""
) -> AsyncIterator[tuple[BrokerConnection, Publisher]]:
    """A link on which something was published, and its publisher."""
    url = broker.url_for("gateway", PASSWORDS["gateway"]) + query
    async with broker_connection(url, "alarm") as link:
        publisher = Publisher(link, topology.PARTITIONS)
        await publisher.publish(KEY, batch(), 10)
        yield link, publisher


def batch() -> PartitionBatch:
    return PartitionBatch(source=clock.new_id(), number=0, entries=[])


async def block(publisher: Publisher) -> None:
    """Publish until the broker tells of its alarm: it may take one more, and tells it only to a
    connection that publishes. The outcome of the last one is unknown."""
    async with asyncio.timeout(BACK_SECONDS):
        with pytest.raises(PublishUnconfirmed) as raised:
            while True:
                await publisher.publish(KEY, batch(), PUBLISH_SECONDS)
    assert (raised.value.reason, raised.value.rejected) == (BLOCKED, False)


@pytest.mark.parametrize("kind", ALARMS)
async def test_publish_during_an_alarm_is_rejected_at_once_and_confirmed_after_it(
    broker: Broker, kind: str
) -> None:
    loop = asyncio.get_running_loop()
    async with publishing(broker) as (link, publisher):
        async with alarm(broker, kind):
            await block(publisher)
            assert link.obstacles() == [BLOCKED]
            started = loop.time()
            for _ in range(100):
                with pytest.raises(PublishUnconfirmed) as raised:
                    await publisher.publish(KEY, batch(), 10)
                assert (raised.value.reason, raised.value.rejected) == (BLOCKED, True)
            assert loop.time() - started < 1
            assert link.is_connected, "a connection that is only blocked is kept"
        await until_true(lambda: not link.is_blocked, BACK_SECONDS)
        assert link.obstacles() == []
        # The same channel goes on: a late confirm of the publish in flight does no harm.
        for _ in range(3):
            await publisher.publish(KEY, batch(), BACK_SECONDS)


async def test_publish_until_confirmed_waits_for_the_end_of_an_alarm(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with publishing(broker) as (link, publisher):
        tried, stop = 0, False
        publish = publisher.publish

        async def counted(key: str, given: PartitionBatch, seconds: float) -> None:
            nonlocal tried
            tried += 1
            await publish(key, given, seconds)

        async with alarm(broker, "memory"):
            await block(publisher)
            monkeypatch.setattr(publisher, "publish", counted)
            patient = [
                asyncio.create_task(
                    publish_until_confirmed(publisher, KEY, batch(), may_stop=lambda: stop)
                )
                for _ in range(3)
            ]
            done, _ = await asyncio.wait(patient, timeout=2)
            assert not done and link.is_blocked
            assert tried <= 3 * 4
        async with asyncio.timeout(BACK_SECONDS):
            await asyncio.gather(*patient)
        monkeypatch.undo()
        async with alarm(broker, "memory"):
            await block(publisher)
            stop = True
            with pytest.raises(PublishUnconfirmed):
                await publish_until_confirmed(publisher, KEY, batch(), may_stop=lambda: stop)


async def test_blocked_connection_without_heartbeats_is_given_up(broker: Broker) -> None:
    async with publishing(broker, "?heartbeat=3") as (link, publisher):
        before = await link.connection()
        async with alarm(broker, "memory"):
            await block(publisher)
            broker.pause()
            try:
                await until_true(lambda: not link.is_blocked, 30)
                assert not link.is_connected
            finally:
                broker.resume()
        async with asyncio.timeout(30):
            assert await link.connection() is not before
        await publisher.publish(KEY, batch(), 10)
