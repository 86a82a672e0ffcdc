"""One process at a time makes the deliveries that wait in tables, whatever it thinks is its own."""

import asyncio
from datetime import timedelta

import pytest

from deliverer.crm.lanes import Job
from deliverer.crm.replays import ReplayJob
from deliverer.crm.table_lease import LEASE_SECONDS, LONGEST_ATTEMPT_SECONDS
from tests.support.deliverer.delivery_harness import SINCE, Crm, Harness, now, of, until

REPLAYS = range(100, 104)


async def waiting(crm: Crm, count: int = 1) -> Harness:
    """A destination with so many sidelined deliveries of one citizen, and some replays of
    another."""
    harness = Harness(crm)
    await harness.tables.insert("crm", [Job(of(n, "a"), None) for n in range(count)], 0.0)
    harness.tables.replays = [ReplayJob(of(n, "b"), 1) for n in REPLAYS]
    return harness


@pytest.mark.parametrize("whose", ["share", "lease"])
async def test_tables_of_another_process_are_left_to_it(whose: str) -> None:
    harness = await waiting(Crm())
    if whose == "share":
        harness.is_ours = False
    else:
        harness.tables.lease = None
    task = asyncio.create_task(harness.run_until(lambda: len(harness.settled()) == 5))
    await asyncio.sleep(60)
    assert harness.crm.asked == []
    harness.is_ours, harness.tables.lease = True, SINCE
    await task
    assert sorted(harness.crm.numbers) == [0, *REPLAYS]


async def test_lease_is_released_once_what_is_in_flight_is_stored() -> None:
    harness = await waiting(Crm(seconds=5), 4)
    session = asyncio.create_task(harness.run_for(60))
    await until(lambda: len(harness.crm.asked) == 1)
    harness.is_ours = False
    await asyncio.sleep(4)
    assert harness.tables.releases == 0
    await until(lambda: harness.tables.releases == 1)
    assert len(harness.settled()) == 1
    await session
    assert len(harness.crm.asked) == 1


async def test_session_that_stops_releases_the_lease() -> None:
    harness = await waiting(Crm(), 4)
    await harness.run_until(lambda: bool(harness.crm.asked))
    assert harness.tables.releases == 1


async def test_delivery_does_not_start_so_late_that_another_process_may_have_the_lease() -> None:
    harness = await waiting(Crm(seconds=4), 16)
    harness.tables.replays, began = [], now()
    session = asyncio.create_task(harness.run_for(2 * LEASE_SECONDS))
    await until(lambda: len(harness.crm.asked) == 1)
    harness.tables.answers.clear()
    await asyncio.sleep(LEASE_SECONDS)
    assert 3 < len(harness.crm.asked) < 16
    assert harness.crm.asked[-1][0] - began < LEASE_SECONDS - LONGEST_ATTEMPT_SECONDS + 1
    await session


async def test_delivery_that_another_process_made_meanwhile_is_not_made_again() -> None:
    harness = await waiting(Crm(seconds=4), 16)
    harness.tables.replays = []
    session = asyncio.create_task(harness.run_for(2 * LEASE_SECONDS))
    await until(lambda: len(harness.crm.asked) == 1)
    harness.tables.answers.clear()
    await asyncio.sleep(LEASE_SECONDS)
    asked = len(harness.crm.asked)
    harness.tables.aside.clear()
    await harness.tables.insert("crm", [Job(of(50, "c"), None)], 3600.0)
    harness.tables.lease = SINCE + timedelta(minutes=1)
    harness.tables.answers.set()
    await session
    assert len(harness.crm.asked) == asked


async def test_message_waits_behind_what_another_process_sidelined_before_it_came() -> None:
    """The process that was killed held the queue for as long as this one stood by."""
    harness = Harness()
    harness.is_ours = False
    session = asyncio.create_task(harness.run_for(60))
    await asyncio.sleep(10)
    await harness.tables.insert("crm", [Job(of(1, "a"), None)], 3600.0)
    harness.receive(of(2, "a"), of(3, "b"))
    await session
    assert harness.crm.numbers == [3]
    assert [place for _, place, _ in harness.tables.aside.values()] == [1, 2]
