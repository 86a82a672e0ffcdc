"""A command for the router is published once the broker takes it, and applied once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec
import pytest

from deliverer.destinations.openklant.desk.desk_store import DeskStore, command_outbox
from deploy.local.rabbitmq import Broker
from router.handlers.dispatch import crm_events
from router.store.store import Store
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import Inbox, run_consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.sealed_batch import open_batch
from services.contract import Command, PartitionBatch
from services.event_types import CLOSED
from services.postgres.database import Pool, connection_pool
from services.postgres.outbox import LIMIT, Relay
from services.tasks import background_task
from tests.integration.conftest import PASSWORDS
from tests.support.citizens import text, webhook
from tests.support.observer import until
from tests.support.openklant.fitting_rows import fit_rows
from tests.support.router.batch_office import NUMBER, Office

COUNT = 2
"""Partitions with a queue."""
TASK = UUID(int=1)
WAITING = "select count(*) from deliverer.found_command"


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """Connections of the deliverer's role, with its grants."""
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 4) as own:
        yield own


@pytest.fixture
async def office(empty: str, pool: Pool) -> AsyncIterator[Office]:
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        store = Store(own)
        yield Office(store, await store.take_epoch(0))


async def add_closing(own: Pool, conversation: str, department: str, seen: int) -> None:
    """Store the closing of a conversation with one task, which an employee has done."""
    await own.execute(
        "insert into deliverer.internetaak (destination, event, conversation, contact, internetaak,"
        " department, covers) values ('crm', $1, $2, $1, $1, $3, $4)",
        TASK, conversation, department, seen,
    )  # fmt: skip
    await fit_rows(own)
    store = DeskStore(own, "crm")
    started = await store.claim_round(60)
    assert started
    [task] = await store.known_tasks([], started)
    assert (task.internetaak, task.conversation) == (TASK, conversation)
    assert await store.mark_done(task, clock.new_id(), "handled", started)
    assert not await store.mark_done(task, clock.new_id(), "handled", started)


@asynccontextmanager
async def partitions(broker: Broker) -> AsyncIterator[PartitionPublisher]:
    async with broker_connection(
        broker.url_for("deliverer", PASSWORDS["deliverer"]), "test relay"
    ) as link:
        yield PartitionPublisher(link, clock.new_id(), COUNT)


async def read_commands(broker: Broker, count: int) -> list[Command]:
    """Return the commands in the number's partition, once there are so many."""
    found: list[Command] = []

    async def work(inbox: Inbox) -> None:
        while frames := await inbox.take(64):
            for frame in frames:
                batch = open_batch(frame.type, frame.body)
                assert isinstance(batch, PartitionBatch)
                found.extend(each for each in batch.entries if isinstance(each, Command))
            await inbox.ack_all(frames)

    async def seen() -> int:
        return len(found)

    queue = topology.queues(COUNT, [])[topology.partition_of(NUMBER, COUNT)]
    url = broker.url_for("router", PASSWORDS["router"])
    async with broker_connection(url, "test router") as link, run_consumer(link, queue, 64, work):
        await until(seen, lambda n: n >= count, 10)
    return found


async def test_a_closing_published_twice_closes_once_with_its_reason_and_author(
    broker: Broker, own: Pool, pool: Pool, office: Office
) -> None:
    [(_, first, _)] = await office.takes(office.came(webhook(text("container", "wamid.1", 1))))
    await add_closing(own, first.conversation, first.department, first.sequence)
    await pool.execute("create table before as select * from deliverer.found_command")
    async with (
        partitions(broker) as to,
        background_task(Relay(command_outbox(own), to.publish_by_number).run()),
    ):
        await until(lambda: pool.fetchval(WAITING), lambda n: n == 0, 10)
        # The table as a process leaves it that ended before it noted the broker's confirmation.
        await pool.execute(
            "insert into deliverer.found_command overriding system value select * from before"
        )
        await until(lambda: pool.fetchval(WAITING), lambda n: n == 0, 10)
    one, again = await read_commands(broker, 2)
    assert one == again
    said = [decided for command in (one, again) for decided in await office.takes(command)]
    closed = [
        event for unit, decision, _ in said for _, event in crm_events(unit, decision.decision)
    ]
    assert [event.type for event in closed] == [CLOSED] * 2 and closed[0] == closed[1]
    data = msgspec.json.decode(closed[0].data)
    assert (data["reason"], data["outcome"]) == ("Afgehandeld in Open Klant", "handled")
    assert data["by"] == {"token": "openklant:crm", "author": {"kind": "system", "id": "openklant"}}
    row = await pool.fetchrow("select closed_at, sequence from router.conversation")
    assert row and row["closed_at"] and row["sequence"] == first.sequence + 1


async def test_a_conversation_with_a_newer_message_stays_open(
    own: Pool, pool: Pool, office: Office
) -> None:
    [(_, first, _)] = await office.takes(office.came(webhook(text("container", "wamid.1", 1))))
    await add_closing(own, first.conversation, first.department, first.sequence)
    await office.takes(office.came(webhook(text("En hij stinkt", "wamid.2", 1))))
    [closing] = await command_outbox(own).fetch_unpublished(LIMIT, [])
    [(_, decision, _)] = await office.takes(closing)
    assert (decision.kind, decision.reason.partition(":")[0]) == ("refused", "asked_meanwhile")
    assert await pool.fetchval("select count(*) from router.conversation where closed_at is null")
