"""Time-outs are told when they are due, by one router at a time, and nobody waits for it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from deploy.local.rabbitmq import Broker
from router.store.store import REPUBLISH_AFTER, Store
from router.timer_relay import TimerRelay
from services import clock, metrics
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import Inbox, Work, run_consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.sealed_batch import open_batch
from services.contract import PartitionBatch, Timeout
from services.ids import uuid7
from services.postgres.database import Pool, connection_pool
from services.postgres.outbox import LIMIT
from services.tasks import background_task
from tests.integration.conftest import PASSWORDS
from tests.support.integration.stops import start, stop
from tests.support.observer import until

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LONG = 10.0
"""Seconds after which a test fails that waits for what nothing holds up."""
NUMBER, OTHER = "10000001", "10000002"
QUEUES = topology.queues(2, ["crm"])[:2]
UNTOLD = "select count(*) from router.timer where told_at is null"
COUNT = 2
"""Partitions that the broker has queues of."""
LAST = Timeout(id=UUID(int=0), number="", conversation="", kind="last", at=NOON, told_at=NOON)


class Relays:
    """Routers that tell, the partitions that hear it, and the time that all go by."""

    def __init__(self, broker: Broker, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
        self._url = broker.url_for("router", PASSWORDS["router"])
        self.store, self.now = Store(pool), NOON
        monkeypatch.setattr(clock, "now", lambda: self.now)

    @asynccontextmanager
    async def one(self, partitions: int = COUNT) -> AsyncIterator[TimerRelay]:
        async with broker_connection(self._url, "test relay") as link:
            yield TimerRelay(self.store, PartitionPublisher(link, clock.new_id(), partitions))

    async def told(self) -> list[Timeout]:
        """Take the time-outs out of the partitions' queues, in their order."""
        heard: list[list[Timeout]] = [[] for _ in range(COUNT)]
        async with AsyncExitStack() as stack:
            link = await stack.enter_async_context(broker_connection(self._url, "test partitions"))
            for n, queue in enumerate(QUEUES):
                await stack.enter_async_context(run_consumer(link, queue, 64, _hears(heard[n])))
                await PartitionPublisher(link, clock.new_id(), COUNT).publish(n, [LAST], 10)

            async def ends() -> list[list[Timeout]]:
                return [each[-1:] for each in heard]

            await until(ends, lambda last: last == [[LAST]] * COUNT, 10)
        for n, entries in enumerate(heard):
            entries.pop()
            assert {topology.partition_of(e.number, COUNT) for e in entries} <= {n}
        return [entry for entries in heard for entry in entries]


def _hears(heard: list[Timeout]) -> Work:
    async def work(inbox: Inbox) -> None:
        while True:
            frames = await inbox.take(64)
            for frame in frames:
                batch = open_batch(frame.type, frame.body)
                assert isinstance(batch, PartitionBatch)
                heard.extend(each for each in batch.entries if isinstance(each, Timeout))
            await inbox.ack_all(frames)

    return work


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """The router's, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        yield own


@pytest.fixture
def relays(broker: Broker, own: Pool, monkeypatch: pytest.MonkeyPatch) -> Relays:
    return Relays(broker, own, monkeypatch)


@pytest.fixture
async def relay(relays: Relays) -> AsyncIterator[TimerRelay]:
    async with relays.one() as relay:
        yield relay


async def waits(pool: Pool, due: datetime, number: str = NUMBER, kind: str = "quiet") -> UUID:
    """A conversation that waits until then."""
    id = clock.new_id()
    await pool.execute(
        "insert into router.timer (id, conversation, number, kind, due_at)"
        " values ($1, $2, $3, $4, $5)",
        id, f"{number}-{id}", number, kind, due,
    )  # fmt: skip
    return id


async def told_at(pool: Pool, id: UUID) -> datetime | None:
    at: datetime | None = await pool.fetchval("select told_at from router.timer where id = $1", id)
    return at


async def test_due_timer_is_told_to_its_partition_and_a_later_one_waits(
    relays: Relays, relay: TimerRelay, pool: Pool
) -> None:
    late = await waits(pool, NOON - 90 * SECOND, kind="care")
    now = await waits(pool, NOON, OTHER, "idle")
    later = await waits(pool, NOON + SECOND)
    assert await relay.publish_due() == 2
    told = {each.id: each for each in await relays.told()}
    assert told == {
        late: Timeout(
            id=late,
            number=NUMBER,
            conversation=f"{NUMBER}-{late}",
            kind="care",
            at=NOON - 90 * SECOND,
            told_at=NOON,
        ),
        now: Timeout(
            id=now,
            number=OTHER,
            conversation=f"{OTHER}-{now}",
            kind="idle",
            at=NOON,
            told_at=NOON,
        ),
    }
    assert await told_at(pool, late) == await told_at(pool, now) == NOON
    assert await told_at(pool, later) is None
    assert metrics.REGISTRY.get_sample_value("postkamer_timeouts_late_seconds") == 90
    relays.now += SECOND
    assert await relay.publish_due() == 1
    assert [each.id for each in await relays.told()] == [later]


async def test_timer_is_told_again_after_ten_minutes_when_it_is_still_there(
    relays: Relays, relay: TimerRelay, pool: Pool
) -> None:
    id = await waits(pool, NOON)
    assert await relay.publish_due() == 1
    relays.now = NOON + REPUBLISH_AFTER - timedelta(microseconds=1)
    assert await relay.publish_due() == 0
    relays.now = NOON + REPUBLISH_AFTER
    assert await relay.publish_due() == 1
    first, again = await relays.told()
    assert (first.id, first.at, first.told_at) == (id, NOON, NOON)
    assert (again.id, again.at, again.told_at) == (id, NOON, relays.now)
    assert await told_at(pool, id) == relays.now
    await pool.execute("delete from router.timer")
    relays.now += REPUBLISH_AFTER
    assert await relay.publish_due() == 0
    assert metrics.REGISTRY.get_sample_value("postkamer_timeouts_late_seconds") == 0


async def test_metric_tells_how_long_the_oldest_event_is_held(
    relay: TimerRelay, pool: Pool
) -> None:
    held = "postkamer_held_seconds"
    for hours in (1, 30, 2):
        await pool.execute(
            "insert into router.held (id, conversation, destination, delivery)"
            " values ($1, 'x', 'crm', '')",
            uuid7(NOON - timedelta(hours=hours), bytes(10)),
        )
    await relay.publish_due()
    assert metrics.REGISTRY.get_sample_value(held) == 30 * 3600
    await pool.execute("delete from router.held")
    await relay.publish_due()
    assert metrics.REGISTRY.get_sample_value(held) == 0


async def test_two_routers_at_once_tell_each_time_out_once(relays: Relays, pool: Pool) -> None:
    many = 3 * LIMIT
    ids = {await waits(pool, NOON, (NUMBER, OTHER)[n % 2]) for n in range(many)}

    async def telling() -> None:
        async with relays.one() as relay:
            while await pool.fetchval(UNTOLD):
                assert await relay.publish_due() <= LIMIT

    await asyncio.gather(telling(), telling())
    told = Counter(each.id for each in await relays.told())
    assert told.keys() == ids and set(told.values()) == {1}


class Saying:
    """Tells, but only when it is let go on."""

    count = COUNT

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def publish_by_number(self, due: list[Timeout], seconds: float) -> list[Timeout]:
        self.begun.set()
        await self.may_end.wait()
        return due


async def test_a_partition_takes_away_and_sets_anew_what_is_just_being_told(
    relays: Relays, pool: Pool
) -> None:
    taken, anew, held = [await waits(pool, NOON) for _ in range(3)]
    saying: Any = Saying()
    telling = asyncio.create_task(TimerRelay(relays.store, saying).publish_due())
    await saying.begun.wait()
    new = clock.new_id()
    async with pool.acquire() as connection, asyncio.timeout(LONG):
        await connection.execute("delete from router.timer where id = $1", taken)
        await connection.execute("update router.timer set id = $2 where id = $1", anew, new)
        assert await TimerRelay(relays.store, saying).publish_due() == 0  # another router
        async with connection.transaction():
            await connection.execute("delete from router.timer where id = $1", held)
            saying.may_end.set()
            assert await telling == 3  # it did not wait for what is being taken away
    assert await pool.fetch("select id, told_at from router.timer") == [(new, None)]


async def test_a_relay_that_is_cut_off_leaves_what_it_told_to_another_router(
    relays: Relays, pool: Pool
) -> None:
    id = await waits(pool, NOON)
    saying: Any = Saying()
    async with background_task(TimerRelay(relays.store, saying).publish_due()):
        await saying.begun.wait()
    assert await told_at(pool, id) is None
    saying.may_end.set()
    assert await TimerRelay(relays.store, saying).publish_due() == 1


async def test_timer_is_told_only_when_there_is_a_broker(
    relays: Relays, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.timer_relay.CONFIRM_SECONDS", 0.2)
    id = await waits(pool, NOON)
    async with broker_connection("amqp://127.0.0.1:1/postkamer", "nobody") as link:
        partitions = PartitionPublisher(link, clock.new_id(), COUNT)
        with capture_logs() as lines:
            assert await TimerRelay(relays.store, partitions).publish_due() == 0
    untold = {"event": "timeouts.untold", "partition": topology.partition_of(NUMBER, COUNT)}
    assert untold | {"log_level": "warning"} in lines
    assert await told_at(pool, id) is None
    async with relays.one() as relay, background_task(relay.run()):
        await until(lambda: told_at(pool, id), lambda at: at == NOON, 10)


async def test_timers_of_a_stopped_number_rest_and_are_not_late(
    relays: Relays, relay: TimerRelay, pool: Pool
) -> None:
    rests = await waits(pool, NOON - 900 * SECOND)
    goes = await waits(pool, NOON - SECOND, OTHER)
    await stop(pool, NUMBER)
    assert await relay.publish_due() == 1
    assert [each.id for each in await relays.told()] == [goes]
    assert metrics.REGISTRY.get_sample_value("postkamer_timeouts_late_seconds") == 1
    await start(pool)
    assert await relay.publish_due() == 1
    assert [each.id for each in await relays.told()] == [rests]
