"""The six outboxes on a real PostgreSQL, and the relay between it and a real RabbitMQ."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest
from structlog.testing import capture_logs

from archiver.media import store as media_store
from archiver.media.store import MediaStore
from archiver.operator_actions import operation_outbox
from deliverer.crm import replays
from deliverer.crm.replays import Replays
from deliverer.destinations.openklant.desk import desk_store
from deliverer.destinations.openklant.desk.desk_store import command_outbox
from deliverer.destinations.openklant.store import seal_action
from deliverer.meta import send_outcomes
from deliverer.meta.send_outcomes import enqueue_outcome, outcome_outbox, send_outcome
from deploy.local.rabbitmq import Broker
from router.store import store as router_store
from router.store.store import Store
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import Inbox, run_consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.sealed_batch import open_batch
from services.contract import PartitionBatch, ReopenConversation, SendOutcome
from services.ids import uuid7
from services.postgres.database import Pool, connection_pool
from services.postgres.lookout import run_lookout
from services.postgres.outbox import LIMIT, Outbox, Relay
from services.tasks import background_task
from tests.integration.conftest import PASSWORDS
from tests.support.decrypted_record import keys_of
from tests.support.observer import until

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
COUNT = 2
"""Partitions that the broker has queues of; a third one is missing."""
FIRST, SECOND = "10000001", "10000002"
UNPUBLISHED = "select count(*) from deliverer.outcome where published_at is null"
LONG = 10.0


async def no_key(proof: object) -> bool:
    """Without identity providers no key is known."""
    return False


class Case(NamedTuple):
    """`insert` takes $1 id, $2 key to suspend by, $3 time; `query` is checked for its index. It
    takes a limit, keys that are suspended, and `more`."""

    role: str
    outbox: Callable[[Pool, Any], Outbox[Any]]
    insert: str
    key_of: str = "number"
    id_of: str = "id"
    query: str = ""
    index: str = ""
    more: tuple[object, ...] = ()


def timer_outbox(pool: Pool, _: Any) -> Outbox[Any]:
    store = Store(pool)
    return Outbox("test", partial(store.due_timers, NOON), store.mark_timers_published)


CASES = {
    "outcomes": Case(
        "deliverer",
        lambda pool, _: outcome_outbox(pool),
        "",
        query=send_outcomes._UNPUBLISHED,
        index="outcome_waiting",
        more=([UUID(int=1)],),
    ),
    "found commands": Case(
        "deliverer",
        lambda pool, _: command_outbox(pool),
        "insert into deliverer.found_command (id, destination, conversation, department, action,"
        " found_at) values ($1, 'crm', $2 || '-x', 'afval', 'null', $3)",
        query=desk_store._UNPUBLISHED,
        index="found_command_position",
        more=([UUID(int=1)],),
    ),
    "settlements": Case(
        "deliverer",
        lambda pool, _: Replays(pool).outbox,
        "insert into deliverer.delivery (destination, event, tenant, conversation, state, attempts,"
        " status, at, told) values ($2, $1, '', '', 'dropped', 1, 0, $3, false)",
        key_of="destination",
        id_of="event",
        query=replays._UNPUBLISHED,
        index="delivery_untold",
    ),
    "media": Case(
        "archiver",
        lambda pool, keys: MediaStore(pool, keys).outbox,
        "insert into archiver.media (id, tenant, number, conversation, department, announced,"
        " sealed, sent_at, state, ended_at, told) values ($1, 'almelo', $2, '', '',"
        " '{\"mimeType\": \"image/jpeg\"}', '', $3, 'lost', $3, false)",
        id_of="message",
        query=media_store._UNPUBLISHED,
        index="media_untold",
    ),
    "timers": Case(
        "router",
        timer_outbox,
        "insert into router.timer (id, conversation, number, kind, due_at)"
        " values ($1, $1::uuid::text, $2, 'quiet', $3)",
        query=router_store.SELECT_DUE,
        index="timer_due",
        more=(NOON, NOON),
    ),
    "operations": Case(
        "archiver",
        lambda pool, _: operation_outbox(pool, (), no_key),
        "insert into access.operation (id, by, what, about, at) values ($1, 'x', 'x', $2, $3)",
        key_of="id",
    ),
}


SEAL_ACTION = "update deliverer.found_command set action = $2 where id = $1"


def outcome(number: str = FIRST) -> SendOutcome:
    place = {"number": number, "conversation": f"{number}-x", "traceparent": ""}
    return send_outcome({"id": clock.new_id()} | place, "sent", NOON)


async def insert_row(pool: Pool, case: Case, number: str, n: int) -> UUID:
    at = NOON - timedelta(hours=1, seconds=-n)
    one = msgspec.structs.replace(outcome(number), id=uuid7(at, os.urandom(16)))
    async with pool.acquire() as connection, connection.transaction():  # seen only when sealed
        if case.insert:
            await connection.execute(case.insert, one.id, number, at)
            action = seal_action(ReopenConversation(), one.id, "crm", f"{number}-x")
            await connection.execute(SEAL_ACTION, one.id, action)
        else:
            await enqueue_outcome(connection, one)
    return one.id


@asynccontextmanager
async def outbox_of(case: Case, empty: str, pool: Pool) -> AsyncIterator[Outbox[Any]]:
    """The outbox of a service, with the rights of its role and no more."""
    keys = await keys_of(pool)
    async with connection_pool(f"{empty}?role=postkamer_{case.role}", "test", 2) as own:
        yield case.outbox(own, keys)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_outbox_returns_oldest_unmarked_entries_except_suspended(
    case: Case, empty: str, pool: Pool
) -> None:
    numbers = (FIRST, SECOND, FIRST, SECOND)
    ids = [await insert_row(pool, case, number, n) for n, number in enumerate(numbers)]
    async with outbox_of(case, empty, pool) as outbox:

        async def fetch_ids(limit: int, *suspended: str) -> list[UUID]:
            entries = await outbox.fetch_unpublished(limit, suspended)
            return [getattr(each, case.id_of) for each in entries]

        assert await fetch_ids(10) == ids
        first_time, again = [await outbox.fetch_unpublished(LIMIT, []) for _ in range(2)]
        assert first_time == again, "published twice, an entry has the same id and contents"
        assert await fetch_ids(3) == ids[:3]
        [first] = await outbox.fetch_unpublished(1, [])
        assert outbox.suspend_by(first) == str(getattr(first, case.key_of))
        is_alone = case.key_of == "id"
        left = ids[1:] if is_alone else ids[1::2]
        assert await fetch_ids(10, outbox.suspend_by(first)) == left
        if not is_alone:  # an action is deleted only once it is on the record
            await outbox.mark_published([first])
            assert await fetch_ids(10) == ids[1:]


WITH_INDEX = {name: case for name, case in CASES.items() if case.index}


@pytest.mark.parametrize("case", WITH_INDEX.values(), ids=WITH_INDEX)
async def test_outbox_query_reads_the_index_of_its_table(case: Case, pool: Pool) -> None:
    for n in range(3):
        await insert_row(pool, case, FIRST, n)
    async with pool.acquire() as connection, connection.transaction():
        for scan in ("seqscan", "bitmapscan"):  # which few rows would make cheaper
            await connection.execute(f"set local enable_{scan} = off")
        plan = await connection.fetch(f"explain {case.query}", LIMIT, [SECOND], *case.more)
        assert any(f"using {case.index} on" in row[0] for row in plan)
        if waits := case.outbox(pool, None).waits:
            plan = await connection.fetch(f"explain {waits}")
            assert any(f"using {case.index} on" in row[0] for row in plan)


WITH_WAITS = {name: CASES[name] for name in ("outcomes", "found commands", "settlements", "media")}


@pytest.mark.parametrize("case", WITH_WAITS.values(), ids=WITH_WAITS)
async def test_lookout_wakes_a_relay_once_its_rows_are_committed(
    case: Case, empty: str, pool: Pool
) -> None:
    found, is_published = list[UUID](), asyncio.Event()
    async with outbox_of(case, empty, pool) as outbox, run_lookout(pool) as lookout:

        async def publish(entries: list[Any]) -> list[Any]:
            found.extend(getattr(each, case.id_of) for each in entries)
            is_published.set()
            return entries

        relay = Relay(outbox._replace(poll_seconds=0.0), publish)
        async with background_task(relay.run(lookout)):
            assert not await is_waiting(pool, outbox.waits)
            ids = [await insert_row(pool, case, FIRST, n) for n in range(2)]
            await asyncio.wait_for(is_published.wait(), LONG)
            await until(partial(is_waiting, pool, outbox.waits), lambda waits: not waits, LONG)
    assert found == ids


async def is_waiting(pool: Pool, condition: str) -> bool:
    return bool(await pool.fetchval(f"select exists (select from ({condition}) row)"))


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """The deliverer's, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 4) as own:
        yield own


async def enqueue(pool: Pool, *outcomes: SendOutcome) -> None:
    async with pool.acquire() as connection, connection.transaction():
        for each in outcomes:
            await enqueue_outcome(connection, each)


@asynccontextmanager
async def publisher(broker: Broker, count: int = COUNT) -> AsyncIterator[PartitionPublisher]:
    url = broker.url_for("deliverer", PASSWORDS["deliverer"])
    async with broker_connection(url, "test relay") as link:
        yield PartitionPublisher(link, clock.new_id(), count)


async def received(broker: Broker, count: int) -> list[SendOutcome]:
    """Entries in the partitions' queues, once there are so many; they are taken out."""
    entries: list[Any] = []

    async def work(inbox: Inbox) -> None:
        while messages := await inbox.take(64):
            for message in messages:
                batch = open_batch(message.type, message.body)
                assert isinstance(batch, PartitionBatch)
                entries.extend(batch.entries)
            await inbox.ack_all(messages)

    async def length() -> int:
        return len(entries)

    one, other = topology.queues(COUNT, ["crm"])[:2]
    url = broker.url_for("router", PASSWORDS["router"])
    async with (
        broker_connection(url, "test router") as link,
        run_consumer(link, one, 64, work),
        run_consumer(link, other, 64, work),
    ):
        await until(length, lambda n: n >= count, LONG)
    return entries


class Target:
    """Confirms what it is given, once it may."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.entries: list[SendOutcome] = []
        self.has_begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def publish(self, entries: Sequence[SendOutcome]) -> Sequence[SendOutcome]:
        self.sizes.append(len(entries))
        self.entries += entries
        self.has_begun.set()
        await self.may_end.wait()
        return entries


async def test_relay_publishes_only_committed_rows(broker: Broker, own: Pool, pool: Pool) -> None:
    one = outcome()
    async with publisher(broker) as to:
        relay = Relay(outcome_outbox(own), to.publish_by_number)
        async with pool.acquire() as connection, connection.transaction():
            await enqueue_outcome(connection, one)
            assert await relay.publish_batch() == 0
        assert await relay.publish_batch() == 1
        assert await relay.publish_batch() == 0
    assert await received(broker, 1) == [one]


async def test_relay_cut_off_before_marking_publishes_the_same_again(own: Pool) -> None:
    one, target = outcome(), Target()
    await enqueue(own, one)
    relay = Relay(outcome_outbox(own), target.publish)
    async with background_task(relay.publish_batch()):
        await target.has_begun.wait()
        assert await own.fetchval(UNPUBLISHED) == 1, "not marked before it is confirmed"
    target.may_end.set()
    assert await relay.publish_batch() == 1
    assert target.entries == [one, one]
    assert await own.fetchval(UNPUBLISHED) == 0


async def test_relay_publishes_full_batches_without_a_pause(own: Pool) -> None:
    target = Target()
    target.may_end.set()
    await enqueue(own, *(outcome() for _ in range(2 * LIMIT + 1)))
    outbox = outcome_outbox(own)._replace(poll_seconds=3600)
    async with background_task(Relay(outbox, target.publish).run()):
        await until(partial(own.fetchval, UNPUBLISHED), lambda n: n == 0, LONG)
    assert target.sizes == [LIMIT, LIMIT, 1]


async def test_relay_suspends_only_numbers_of_the_missing_partition(
    broker: Broker, own: Pool
) -> None:
    stuck, free = (
        next(n for n in map(str, range(10**7, 2 * 10**7)) if topology.partition_of(n, 3) == p)
        for p in (2, 0)
    )
    await enqueue(own, *(outcome(stuck) for _ in range(LIMIT)))
    newest = outcome(free)
    await enqueue(own, newest)
    async with publisher(broker, count=3) as to:
        relay = Relay(outcome_outbox(own), to.publish_by_number)
        assert await relay.publish_batch() == 0, "the oldest are all of that partition"
        assert await relay.publish_batch() == 1
        assert await relay.publish_batch() == 0
        assert await received(broker, 1) == [newest]
        impatient = Relay(outcome_outbox(own), to.publish_by_number, 0)
        await enqueue(own, outcome(free))
        assert await impatient.publish_batch() == await impatient.publish_batch() == 0
    assert await own.fetchval(UNPUBLISHED) == LIMIT + 1


async def test_relay_without_a_broker_marks_nothing_and_goes_on_with_one(
    broker: Broker, own: Pool
) -> None:
    one = outcome()
    await enqueue(own, one)
    async with broker_connection("amqp://127.0.0.1:1/postkamer", "nobody") as link:
        nowhere = PartitionPublisher(link, clock.new_id(), COUNT)
        relay = Relay(outcome_outbox(own), partial(nowhere.publish_by_number, seconds=0.2))
        assert await relay.publish_batch() == 0
    assert await own.fetchval(UNPUBLISHED) == 1
    async with publisher(broker) as to:
        await until(Relay(outcome_outbox(own), to.publish_by_number).publish_batch, bool, LONG)
    assert await received(broker, 1) == [one]


async def test_relay_marks_without_publishing_again_when_the_database_was_away(
    empty: str, pool: Pool
) -> None:
    one, target = outcome(), Target()
    target.may_end.set()
    await enqueue(pool, one)

    async def is_away() -> bool:
        return any(line["event"] == "database.away" for line in lines)

    async with (
        connection_pool(f"{empty}?lock_timeout=50", "relay", 1) as own,
        pool.acquire() as connection,
    ):
        with capture_logs() as lines:
            async with background_task(Relay(outcome_outbox(own), target.publish).run()):
                async with connection.transaction():
                    await connection.fetch("select from deliverer.outcome for update")
                    await until(is_away, bool, LONG)
                await until(partial(pool.fetchval, UNPUBLISHED), lambda n: n == 0, LONG)
    assert target.entries == [one]
    assert all(one.conversation not in str(line) for line in lines)
