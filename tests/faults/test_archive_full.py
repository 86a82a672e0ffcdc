"""The archive stands still: nobody waits for it, until its queue is full. From then on no CRM is
told what is not on its way into the record, and in the end the door says so.
"""

import asyncio
from collections import defaultdict
from typing import Any

import aiohttp

from services.amqp.connection import broker_connection
from tests.faults.test_alarm import Citizens
from tests.support.citizens import write
from tests.support.faults.archiver_pair import waiting
from tests.support.installation import Installation
from tests.support.observer import Watch, until
from tests.support.small_queues import small_queues

CITIZENS, EACH = 30, 8
SETTLE_SECONDS = 60.0
SMALL = {"archive": 150_000, "partition": 60_000}
"""Bytes: some hundred messages each."""
FULL = "the queue is full"


async def test_messages_reach_the_crm_while_the_archiver_stands_still(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    run = "still"
    await asyncio.to_thread(town.kill, "archiver")

    async def one(citizen: int) -> None:
        async for _ in write(session, town.gateway, citizen, EACH, run):
            pass

    async with broker_connection(town.broker.url, "test") as link:
        sizes = [await waiting(link)]
        for citizens in (range(CITIZENS // 2), range(CITIZENS // 2, CITIZENS)):
            await asyncio.gather(*(one(citizen) for citizen in citizens))
            count = (citizens[-1] + 1) * EACH
            await until(lambda: watch.events(run), lambda e, n=count: len(e) >= n, SETTLE_SECONDS)  # type: ignore[misc]
            sizes.append(await waiting(link))
    assert sizes[0] < sizes[1] < sizes[2]
    assert await watch.archived(run) == []
    await asyncio.to_thread(town.restart, "archiver")
    await until(
        lambda: watch.archived(run), lambda rows: len(rows) == CITIZENS * EACH, SETTLE_SECONDS
    )


async def test_full_archive_queue_stops_the_events_and_closes_the_gateway(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    await asyncio.to_thread(town.kill, "archiver")
    with (
        small_queues(town.broker, "archive", SMALL["archive"]),
        small_queues(town.broker, "partition", SMALL["partition"]),
    ):
        citizens = Citizens(session, town, "full")
        await until(lambda: refused(citizens), bool, SETTLE_SECONDS)
        full = f'postkamer_unconfirmed_publishes_total{{reason="{FULL}"}}'
        await until(lambda: watch.metric("router", full), bool, SETTLE_SECONDS)
        assert not await watch.metric("gateway", "postkamer_door_refused_total")
        await asyncio.to_thread(town.kill, "router")
    told = {event["event"]["data"]["text"] for event in await watch.events("full ")}
    await asyncio.to_thread(town.restart, "archiver")
    async with broker_connection(town.broker.url, "test") as link:
        await until(lambda: waiting(link), lambda n: n == 0, SETTLE_SECONDS)
    kept = await until(lambda: texts(watch), told.issubset, SETTLE_SECONDS)
    assert told and len(kept) < len(citizens.taken), "the router went on"
    await asyncio.to_thread(town.restart, "router")
    before = await citizens.count()
    await until(citizens.count, lambda n: n > before + 50, SETTLE_SECONDS)
    citizens.stopped = True
    await citizens.task
    await drained(watch, set(citizens.taken))


async def refused(citizens: Citizens) -> bool:
    return any(status == 503 for status, _ in citizens.answers)


async def texts(watch: Watch) -> set[str]:
    return {said for _, said in await watch.archived("full ")}


async def drained(watch: Watch, taken: set[str]) -> None:
    """All of it is at the CRM and in the archive, once and in order."""
    rows = await until(
        lambda: watch.archived("full "), lambda rows: len(rows) >= len(taken), SETTLE_SECONDS
    )
    events = await until(
        lambda: watch.events("full "),
        lambda seen: len({event["id"] for event in seen}) >= len(taken),
        SETTLE_SECONDS,
    )
    first: dict[str, Any] = {}
    for event in events:
        first.setdefault(event["id"], event["event"]["data"]["text"])
    for said in ([said for _, said in rows], list(first.values())):
        assert len(said) == len(set(said)) and set(said) >= taken
        assert all(numbers == sorted(numbers) for numbers in by_citizen(said))


def by_citizen(said: list[str]) -> list[list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for one in said:
        citizen, _, n = one.rpartition(" ")
        found[citizen].append(int(n))
    return list(found.values())
