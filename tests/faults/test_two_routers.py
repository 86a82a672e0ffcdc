"""Two routers on the same partitions: one works, one stands by, and nobody notices a change."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.support.faults.batch_crash_points import locked, waiting
from tests.support.faults.crowd import Crowd
from tests.support.faults.event_recorder import Witness, listening
from tests.support.faults.flaky_link import Road, road_to
from tests.support.faults.message_evidence import Seen, arriving, seen
from tests.support.faults.partition_holders import (
    PARTITIONS,
    holders,
    last_step,
    longest_pause,
    named,
    turns,
    watched,
)
from tests.support.installation import Installation, installed
from tests.support.observer import Watch, until
from tests.support.small_queues import small_queues

pytestmark = pytest.mark.alone

CONVERSATIONS = 200
MESSAGES = int(os.environ.get("POSTKAMER_TEST_ROUTER_MESSAGES", "4000"))
"""Past routers that are killed; a quarter of a minute on two cores."""
KILLING_SECONDS = 12.0
"""Shortest time for all messages: twice a router is killed, noticed and started again."""
ROLLING_EACH, ROLLING_SECONDS = 20, 10.0
FULL, FULL_BYTES = (60, 20, 6.0), 50_000
"""Citizens, messages of each and seconds that they take, while a destination's queue is full; the
queue's limit: some 50 messages."""
WAITING = "select count(*) from router.waiting"
PAUSE_SECONDS = 5.0
"""Longest pause of all conversations of a number while its partition changes hands: a second or
less on an idle machine."""
CUT = 40, 5, 0.0
"""Citizens, messages of each, and seconds that they take, when a router is cut off."""
DRAIN_SECONDS = 120.0
HOLDS_SECONDS = 15.0
"""Longest wait until another router holds a partition. It hears at once that the other one's
connection is gone, and takes the epoch with the first message."""
FIRST, SECOND = "router", "router-2"
BROKER = "POSTKAMER_AMQP_URL"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with two routers whose every turn and every write is recorded."""
    with installed(tmp_path_factory.mktemp("two-routers")) as town:
        town.services[FIRST].stop()
        watched(town)
        for name in (FIRST, town.add_second(FIRST)):
            named(town, name)
            town.restart(name)
            town.wait_until_ready(name)
        yield town


@pytest.fixture
async def witness(town: Installation) -> AsyncIterator[Witness]:
    async with listening(town) as witness:
        yield witness


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session that opens as many connections as there are citizens."""
    timeout, connector = aiohttp.ClientTimeout(total=10), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        yield session


async def held_by(town: Installation, name: str) -> None:
    """Once a router holds all partitions."""

    async def now() -> list[str]:
        return await asyncio.to_thread(holders, town)

    await until(now, lambda names: names == [name] * PARTITIONS, HOLDS_SECONDS)


async def check(found: Seen, witness: Witness, crowd: Crowd) -> None:
    """Nothing is lost, nothing is there twice or in two ways, and each conversation is in order."""
    await witness.catch_up([decision for _, decision in found.decided])
    said = {texts[0]: texts for texts in crowd.texts}
    for place in (found.texts_at_the_crm(), found.texts_in_the_archive()):
        assert {texts[0]: texts for texts in place.values()} == said
        assert len(place) == len(said), "a conversation for each citizen"
    assert found.changed() == []
    assert witness.contradictions() == []
    assert [wamid for wamid, d in found.decided if witness.told_before_kept(d)] == []
    assert list(found.disagreements()) == []


def check_turns(town: Installation) -> None:
    """Only its holder wrote in each turn."""
    found = turns(town)
    assert [turn for turn in found if set(turn.writers) - {turn.process}] == []
    for partition in {turn.partition for turn in found}:
        epochs = [turn.epoch for turn in found if turn.partition == partition]
        assert epochs == list(range(1, len(epochs) + 1))


async def test_routers_killed_in_turn_lose_double_and_reorder_nothing(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, witness: Witness
) -> None:
    run = "killed"
    arrivals, crowd = await arriving(watch, run), Crowd(session, town, run)
    crowd.write(CONVERSATIONS, MESSAGES // CONVERSATIONS, KILLING_SECONDS)
    for part, (victim, successor) in enumerate([(FIRST, SECOND), (SECOND, FIRST)], 1):
        await crowd.reach(crowd.total * part // 4)
        await held_by(town, victim)
        await asyncio.to_thread(town.kill, victim)
        await held_by(town, successor)
        await asyncio.to_thread(town.restart, victim)
        await asyncio.to_thread(town.wait_until_ready, victim)
        await arrivals.read()
    await crowd.task
    found = await seen(watch, arrivals, run, crowd.total, DRAIN_SECONDS)
    await check(found, witness, crowd)
    check_turns(town)
    print(f"\nof {crowd.total} messages {witness.repeats()} records and events were said again")


async def test_routers_killed_while_a_destination_is_full_lose_double_and_reorder_nothing(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, witness: Witness
) -> None:
    run = "full"
    arrivals, crowd = await arriving(watch, run), Crowd(session, town, run)
    await asyncio.to_thread(town.kill, "deliverer")
    with small_queues(town.broker, "destination", FULL_BYTES):
        crowd.write(*FULL)
        for part, (victim, successor) in enumerate([(FIRST, SECOND), (SECOND, FIRST)], 1):
            await crowd.reach(crowd.total * part // 4)
            await held_by(town, victim)
            assert await watch.count(WAITING)
            await asyncio.to_thread(town.kill, victim)
            await held_by(town, successor)
            await asyncio.to_thread(town.restart, victim)
            await asyncio.to_thread(town.wait_until_ready, victim)
        await asyncio.to_thread(town.restart, "deliverer")
        await crowd.task
        found = await seen(watch, arrivals, run, crowd.total, DRAIN_SECONDS)
        await until(lambda: watch.count(WAITING), lambda n: n == 0, DRAIN_SECONDS)
    await check(found, witness, crowd)
    check_turns(town)


async def test_rolling_restart_repeats_nothing_and_refuses_nobody(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, witness: Witness
) -> None:
    run = "rolling"
    arrivals, crowd = await arriving(watch, run), Crowd(session, town, run)
    before = last_step(town)
    crowd.write(CONVERSATIONS, ROLLING_EACH, ROLLING_SECONDS)
    for part, (old, new) in enumerate([(FIRST, SECOND), (SECOND, FIRST)], 1):
        await crowd.reach(crowd.total * part // 4)
        await held_by(town, old)
        assert await asyncio.to_thread(town.services[old].stop)
        assert town.services[old].exit_code == 0
        await held_by(town, new)
        await asyncio.to_thread(town.restart, old)
        await asyncio.to_thread(town.wait_until_ready, old)
    await crowd.task
    pause = await asyncio.to_thread(longest_pause, town, before)
    found = await seen(watch, arrivals, run, crowd.total, DRAIN_SECONDS)
    await check(found, witness, crowd)
    check_turns(town)
    assert set(crowd.answers) == {200}
    assert witness.repeats() == 0, "what is in hand is finished before a partition is let go"
    print(f"\nthe longest that no conversation of a number went on: {pause:.2f} s")
    assert pause < PAUSE_SECONDS


@pytest.fixture
async def road(town: Installation) -> AsyncIterator[Road]:
    """The way of the first router to the broker; it holds all partitions, the second stands by."""
    first, second = town.services[FIRST], town.services[SECOND]
    url = first.program.environment[BROKER]
    await asyncio.to_thread(second.stop)
    await asyncio.to_thread(first.stop)
    async with road_to(town.broker.ports.amqp) as (road, port):
        named(town, FIRST, **{BROKER: url.replace(f":{town.broker.ports.amqp}/", f":{port}/")})
        for name in (FIRST, SECOND):
            await asyncio.to_thread(town.restart, name)
            await asyncio.to_thread(town.wait_until_ready, name)
        yield road
    await asyncio.to_thread(first.stop)
    named(town, FIRST, **{BROKER: url})
    await asyncio.to_thread(town.restart, FIRST)


async def test_router_cut_off_from_the_broker_is_fenced(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, witness: Witness, road: Road
) -> None:
    """The first router has a batch of each partition in hand, and does not know that the broker
    gave them to the other."""
    run = "cut"
    arrivals, crowd = await arriving(watch, run), Crowd(session, town, run)
    async with locked(watch, "access exclusive"):
        crowd.write(*CUT)
        await waiting(watch, PARTITIONS)
        await held_by(town, FIRST)
        road.cut()
        await held_by(town, SECOND)
        await waiting(watch, 2 * PARTITIONS)
    # Whoever waited longest goes first.
    await crowd.task
    found = await seen(watch, arrivals, run, crowd.total, DRAIN_SECONDS)
    await check(found, witness, crowd)
    check_turns(town)
    await held_by(town, SECOND)
    road.mend()

    async def refused() -> int:
        return town.services[FIRST].program.log.read_text().count("Fenced")

    await until(refused, lambda n: n == PARTITIONS, HOLDS_SECONDS)


async def test_router_frozen_in_a_commit_holds_up_no_partition(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, witness: Witness, road: Road
) -> None:
    """Its machine is gone, or frozen: the broker has noticed, the database has not."""
    run = "still"
    arrivals, crowd = await arriving(watch, run), Crowd(session, town, run)
    async with locked(watch, "exclusive"):
        crowd.write(*CUT)
        await waiting(watch, PARTITIONS)
        town.services[FIRST].send(signal.SIGSTOP)
        road.cut()
    await held_by(town, SECOND)
    await crowd.task
    found = await seen(watch, arrivals, run, crowd.total, DRAIN_SECONDS)
    await check(found, witness, crowd)
    town.services[FIRST].send(signal.SIGCONT)
    road.mend()
    check_turns(town)
