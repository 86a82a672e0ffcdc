"""A destination at work replays events as fast as was asked, however many wait."""

import asyncio
import json
import time

import msgspec
from aiohttp import web

from cli.deliveries.parked import MAX_PER_SECOND
from cli.deliveries.parked_store import ParkedFilter, replay
from deliverer.crm import replays
from deliverer.crm.replays import IN_HAND, Replays
from deliverer.crm.settlements import make_settlement, park_settlement
from deploy.local.rabbitmq import Broker
from services import clock
from services.postgres.database import Pool
from tests.support.integration.destination_harness import Crm, Post, delivery, serving

MANY = 3 * MAX_PER_SECOND
WAITING = 20_000
BLOCKS = 100
"""Blocks of 8 KiB that a look may touch: the levels of two indexes. Both have more in all."""


async def park(pool: Pool, count: int) -> None:
    """So many, that the CRM refused at noon."""
    columns = "destination, event, conversation, tenant, state, attempts, status, at, body"
    rows = []
    for n in range(count):
        one = msgspec.structs.replace(delivery(n), conversation=f"10000001-{n}")
        done = park_settlement(make_settlement(one, "crm", 1, 422, one.time), one, "refused", b"no")
        rows.append([getattr(done, name) for name in columns.split(", ")])
    places = ", ".join(f"${n}" for n in range(1, 10))
    sql = f"insert into deliverer.delivery ({columns}) values ({places})"
    await asyncio.gather(*(pool.execute(sql, *row) for row in rows))


async def test_replay_goes_as_fast_as_was_asked(broker: Broker, pool: Pool) -> None:
    crm, post = Crm(), Post(broker, pool)
    at: list[float] = []

    async def taken(request: web.Request) -> web.Response:
        at.append(time.monotonic())
        return await crm.handle(request)

    await park(pool, MANY)
    async with serving(taken) as url, post.works({"url": url, "secret": "x"}):
        assert await replay(pool, ParkedFilter(destination="crm"), MAX_PER_SECOND, ["crm"]) == MANY
        while (await post.states()).get("settled") != MANY:
            await asyncio.sleep(0.05)
    assert set(crm.taken.values()) == {1} and len(crm.taken) == MANY
    assert MANY / (at[-1] - at[0]) > 0.75 * MAX_PER_SECOND


async def test_a_look_takes_no_longer_where_much_waits_to_be_tried_again(pool: Pool) -> None:
    await pool.execute(
        "insert into deliverer.delivery (destination, event, conversation, tenant, state, attempts,"
        " status, at, replays, due_at) select 'crm', gen_random_uuid(), 'c' || n, 'almelo',"
        " 'replay', 1, 422, now(), 1, now() + n * interval '1 second' + interval '1 hour'"
        " from generate_series(1, $1::int) n",
        WAITING,
    )
    await pool.execute("vacuum analyze deliverer.delivery")
    given = ("crm", IN_HAND, [clock.new_id()])
    explain = f"explain (analyze, buffers, format json) {replays._DUE}"
    plan = json.loads(await pool.fetchval(explain, *given))[0]["Plan"]
    assert plan["Actual Rows"] == 0
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < BLOCKS


async def test_orders_tell_of_a_pause_and_of_replays_of_their_destination_alone(pool: Pool) -> None:
    store = Replays(pool)
    await park(pool, 2)
    await pool.execute("insert into deliverer.pause values ('other', now(), 'upgrade')")
    assert await store.orders("crm") == (False, False)
    assert await store.orders("other") == (True, False)
    await replay(pool, ParkedFilter(destination="crm"), MAX_PER_SECOND, ["crm"])
    assert await store.orders("crm") == (False, True)
    await store.due_replays("crm", (), is_paused=False)
    assert await store.orders("crm") == (False, True), "those in hand count"
    await pool.execute("update deliverer.delivery set state = 'settled'")
    assert await store.orders("crm") == (False, False)
