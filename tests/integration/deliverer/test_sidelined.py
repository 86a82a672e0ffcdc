"""A message that always fails, on a real broker and database: it holds up its own citizen alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from deliverer.crm.lanes import Job
from deliverer.crm.sidelined import PER_CONVERSATION
from deliverer.crm.sidelined_store import SidelinedStore
from deploy.local.rabbitmq import Broker
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.publisher import Publisher
from services.contract import Delivery, DeliveryBatch
from services.postgres.database import Pool
from tests.integration.conftest import PASSWORDS
from tests.support.integration.destination_harness import Post, delivery, serving
from tests.support.observer import until

POISON = 1000
AFTER = range(POISON + 1, POISON + 41)
"""In more envelopes than are in hand at once."""
OTHERS = range(100, 150)


class Failing:
    """Takes everything but one, until that is mended."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.tries = 0
        self.mended = False

    async def handle(self, request: web.Request) -> web.Response:
        number = int(msgspec.json.decode(await request.read())["sequence"])
        if number == POISON and not self.mended:
            self.tries += 1
            return web.Response(status=500)
        self.taken.append(number)
        return web.Response(status=204)

    async def has(self, numbers: Sequence[int]) -> None:
        async def look() -> set[int]:
            return set(numbers) - set(self.taken)

        await until(look, lambda missing: not missing, 30)


def of(n: int, conversation: str) -> Delivery:
    return msgspec.structs.replace(delivery(n), conversation=conversation)


@asynccontextmanager
async def router(broker: Broker) -> AsyncIterator[Publisher]:
    async with broker_connection(
        broker.url_for("router", PASSWORDS["router"]), "test router"
    ) as link:
        yield Publisher(link, topology.DESTINATIONS)


async def comes(publisher: Publisher, *deliveries: Delivery) -> None:
    """Each in an envelope of its own."""
    for each in deliveries:
        batch = DeliveryBatch(destination="crm", deliveries=[each])
        await publisher.publish(topology.destination_queue("crm"), batch, 10)


async def test_whatever_its_citizen_writes_others_go_on_and_then_so_do_they(
    broker: Broker, pool: Pool
) -> None:
    crm, post = Failing(), Post(broker, pool)
    async with serving(crm.handle) as at, router(broker) as publisher:
        given = {"url": f"{at}events", "secret": "x"}
        await comes(publisher, *(of(n, "chatty") for n in (POISON, *AFTER)))
        await comes(publisher, *(of(n, f"other {n}") for n in OTHERS))
        async with post.works(given):
            await crm.has(OTHERS)
            assert sorted(crm.taken) == [*OTHERS] and crm.tries < 10
            waits = "select count(*) from deliverer.delivery where state = 'aside'"
            await until(lambda: pool.fetchval(waits), lambda rows: rows == 1 + len(AFTER), 10)
        # A deliverer that starts anew knows of it, also of what comes meanwhile.
        crm.mended = True
        await comes(publisher, of(AFTER[-1] + 1, "chatty"))
        await pool.execute("update deliverer.delivery set due_at = now() where state = 'aside'")
        async with post.works(given):
            await crm.has([*AFTER, AFTER[-1] + 1])
            assert crm.taken[len(OTHERS) :] == [POISON, *AFTER, AFTER[-1] + 1]
            done = {"settled": 2 + len(OTHERS) + len(AFTER)}
            await until(post.states, lambda states: states == done, 10)
        # The archive is told again by whoever is left: the envelopes are gone.
        untold = "select count(*) from deliverer.delivery where place > 999 and not told"
        assert await pool.fetchval(untold) == 1 + len(AFTER) + 1
        left = "select count(*) from deliverer.delivery where body is not null"
        assert await pool.fetchval(left) == 0


async def test_the_table_gives_the_first_of_each_conversation_that_is_due_and_those_behind_it(
    pool: Pool,
) -> None:
    table = SidelinedStore(pool)
    jobs = [Job(of(n, "a"), None, failures=n == 0, attempts=2) for n in range(PER_CONVERSATION + 5)]
    await table.insert("crm", jobs, 0.0)
    await table.insert("crm", [Job(of(50, "b"), None)], 3600.0)
    await table.insert("other", [Job(of(51, "a"), None)], 0.0)
    assert await table.conversations("crm") == {"a", "b"}
    found = await table.due("crm", ["a", "b", "c"], 10)
    assert [each.delivery.sequence for each in found] == [*range(PER_CONVERSATION)]
    assert [each.failures for each in found] == [1] + [0] * (PER_CONVERSATION - 1)
    first = jobs[0]
    first.failures = 2
    await table.insert("crm", jobs[:PER_CONVERSATION], 3600.0)
    assert await table.due("crm", ["a"], 10) == []
    row = await pool.fetchrow(
        "select failed, attempts from deliverer.delivery where event = $1", first.delivery.id
    )
    assert tuple(row) == (2, 4)
    settled = "update deliverer.delivery set state = 'settled' where event = $1"
    await pool.execute(settled, first.delivery.id)
    await table.insert("crm", [first], 0.0)
    state = await pool.fetchval(
        "select state from deliverer.delivery where event = $1", first.delivery.id
    )
    assert state == "settled", "what was settled meanwhile stays that"


async def test_of_many_conversations_some_are_taken_at_a_time(pool: Pool) -> None:
    table = SidelinedStore(pool)
    many = [Job(of(n, f"citizen {n % 50}"), None) for n in range(5000)]
    await table.insert("crm", many, 0.0)
    found = await table.due("crm", [f"citizen {n}" for n in range(50)], 10)
    assert len({each.delivery.conversation for each in found}) == 10
