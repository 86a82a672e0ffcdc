"""Deliverers at one destination, on a real broker and database: one has the lease on the tables."""

import asyncio
from collections import Counter

import msgspec
from aiohttp import web

from cli.deliveries.parked import MAX_PER_SECOND
from cli.deliveries.parked_store import ParkedFilter, replay
from deliverer.crm.lanes import Job
from deliverer.crm.sidelined_store import SidelinedStore
from deliverer.crm.table_lease import TableLeases
from deploy.local.rabbitmq import Broker
from services import clock
from services.postgres.database import Pool
from tests.integration.deliverer.test_replays import park
from tests.support.integration.destination_harness import Post, delivery, serving

REPLAYS, SIDELINED = 40, range(100, 120)
PROCESSES = 8


async def test_one_of_several_that_ask_at_once_has_the_lease_until_it_ends(pool: Pool) -> None:
    processes = [TableLeases(pool, clock.new_id()) for _ in range(PROCESSES)]
    taken = await asyncio.gather(*(each.take("crm") for each in processes))
    [holder] = [n for n, since in enumerate(taken) if since]
    one, two = processes[holder], processes[holder - 1]
    assert await one.take("crm") == taken[holder]
    assert await two.take("other")
    await two.release("crm")
    assert await two.take("crm") is None
    # The holder was killed, and it was not.
    await pool.execute("update deliverer.table_lease set ends_at = now() - interval '1 second'")
    assert await two.take("crm")
    assert await one.take("crm") is None
    await two.release("crm")
    since = await one.take("crm")
    assert since and since != taken[holder]


async def test_two_that_take_the_destination_for_theirs_deliver_nothing_twice(
    broker: Broker, pool: Pool
) -> None:
    post, asked = Post(broker, pool), Counter[str]()

    async def handle(request: web.Request) -> web.Response:
        event = msgspec.json.decode(await request.read())
        asked[event["id"]] += 1
        await asyncio.sleep(0.02)
        return web.Response(status=204)

    await park(pool, REPLAYS)
    await replay(pool, ParkedFilter(destination="crm"), MAX_PER_SECOND, ["crm"])
    jobs = [Job(msgspec.structs.replace(delivery(n), conversation="a"), None) for n in SIDELINED]
    await SidelinedStore(pool).insert("crm", jobs, 0.0)
    async with serving(handle) as url:
        given = {"url": url, "secret": "x"}
        async with post.works(given), post.works(given):
            await post.until_states(settled=REPLAYS + len(SIDELINED))
    assert set(asked.values()) == {1}
    assert not await pool.fetchval("select count(*) from deliverer.table_lease")
