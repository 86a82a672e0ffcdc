"""Routers and deliverers that share their queues: one comes, leaves, dies or freezes, and nobody
notices."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

import aiohttp
import pytest

from deploy.local.process import Process
from services.amqp import topology
from services.amqp.queue_lengths import asking_connection, read_queue_lengths
from services.tasks import background_task
from tests.support.citizens import NUMBER, post, text, webhook
from tests.support.faults.batch_crash_points import locked, waiting
from tests.support.faults.crowd import Crowd
from tests.support.faults.event_recorder import Witness, listening
from tests.support.faults.flaky_link import Road, road_to
from tests.support.faults.message_evidence import Seen, arriving, seen
from tests.support.faults.partition_holders import (
    holders,
    last_step,
    longest_pause,
    named,
    turns,
    watched,
)
from tests.support.faults.router_crash_scenario import OTHER_CRM
from tests.support.installation import NEIGHBOUR_NUMBER, Installation, installed
from tests.support.observer import Watch, until
from tests.support.small_queues import small_queues

pytestmark = pytest.mark.alone

PARTITIONS = 4
MORE_NUMBERS = "206540352242925", "206540352242929"
NUMBERS = NEIGHBOUR_NUMBER, MORE_NUMBERS[0], MORE_NUMBERS[1], NUMBER
"""A number in each partition."""
CONVERSATIONS = 200
MESSAGES = int(os.environ.get("POSTKAMER_TEST_ROUTER_MESSAGES", "4000"))
"""Past routers that are killed; a quarter of a minute on two cores."""
KILLING_SECONDS = 16.0
"""Shortest time for all messages: processes are killed, noticed and started again, others freeze,
and each time they share."""
ROLLING_EACH, ROLLING_SECONDS = 20, 12.0
FULL, FULL_BYTES = (60, 20, 6.0), 50_000
"""Citizens, messages of each and seconds that they take, while a destination's queue is full; the
queue's limit: some 50 messages."""
DELIVERING = """
select count(*) filter (where holds <> '{}' and is_all)
from (select holds, sum(cardinality(holds)) over () = 2 as is_all from sharing.instance
    where service = 'deliverer' and seen_at > now() - interval '4 s') live
"""
"""Deliverers that hold a destination; none until both are held."""
WAITING = "select count(*) from router.waiting"
PAUSE_SECONDS = 5.0
"""Longest pause of all conversations of a number while its partition changes hands: a second or
less on an idle machine."""
CUT = 40, 5, 0.0
"""Citizens, messages of each, and seconds that they take, when a router is cut off."""
DIVIDED = 40, 8, 8.0
"""The same, when the number of partitions changes."""
TRICKLE_SECONDS = 0.2
DRAIN_SECONDS = 120.0
HOLDS_SECONDS = 15.0
"""Longest wait until another router holds a partition. It hears at once that the other one's
connection is gone, and takes the epoch with the first message."""
FIRST, SECOND, THIRD = ROUTERS = "router", "router-2", "router-3"
DELIVERERS = "deliverer", "deliverer-2"
BROKER = "POSTKAMER_AMQP_URL"
QUICK_HEARTBEAT = "?heartbeat=2"
"""Setting of a process that freezes: the broker notices within some 4 s, instead of 20."""


def divided(config: str) -> str:
    """Four partitions with a number in each, and a CRM for each municipality."""
    (url,) = re.findall(r'url = "(.*)"', config)
    more = (
        f'\n[[numbers]]\nid = "{id}"\ntenant = "hengelo"\nfallback = "balie"\n'
        for id in MORE_NUMBERS
    )
    balie = 'name = "Balie"\ndestination = "crm'
    assert balie in config
    config = config.replace(balie, f"{balie}-2") + OTHER_CRM.format(url=url) + "".join(more)
    return f"partitions = {PARTITIONS}\n{config}"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with three routers whose every turn and every write is recorded."""
    with installed(tmp_path_factory.mktemp("sharing"), divided) as town:
        town.services[FIRST].stop()
        watched(town)
        more = [town.add_second(FIRST, number) for number in (2, 3)]
        for name in (FIRST, *more):
            has_to_freeze = name == THIRD
            url = town.services[name].program.environment[BROKER]
            named(town, name, **({BROKER: url + QUICK_HEARTBEAT} if has_to_freeze else {}))
            town.restart(name)
        second = town.add_second(DELIVERERS[0])
        url = town.services[second].program.environment[BROKER]
        named(town, second, **{BROKER: url + QUICK_HEARTBEAT})
        town.wait_until_ready(*ROUTERS)
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


@asynccontextmanager
async def trickle(
    session: aiohttp.ClientSession, town: Installation, run: str
) -> AsyncIterator[None]:
    """Messages to all numbers beside those of a run, as long as it takes: without one nobody knows
    who holds a partition."""

    async def write() -> None:
        for n in count():
            for citizen, number in enumerate(NUMBERS, CONVERSATIONS):
                said = text("trickle", f"wamid.trickle.{run}.{citizen}.{n}", citizen)
                await post(session, town.gateway, webhook(said, number=number))
            await asyncio.sleep(TRICKLE_SECONDS)

    async with background_task(write()):
        yield


async def held_by(town: Installation, name: str) -> None:
    """Once a router holds all partitions."""

    async def now() -> list[str]:
        return await asyncio.to_thread(holders, town)

    await until(now, lambda names: names == [name] * PARTITIONS, HOLDS_SECONDS)


async def shared(town: Installation) -> None:
    """Once each router that runs holds a partition or more."""
    running = {name for name in ROUTERS if runs(town.services[name])}

    async def now() -> set[str]:
        return set(await asyncio.to_thread(holders, town))

    await until(now, lambda names: names == running, HOLDS_SECONDS)


async def delivered_by(watch: Watch, count: int) -> None:
    """Once so many deliverers hold a destination, and together both."""
    await until(lambda: watch.count(DELIVERING), lambda n: n == count, HOLDS_SECONDS)


async def held_without(town: Installation, name: str) -> None:
    """Once others hold what a router held."""

    async def now() -> list[str]:
        return await asyncio.to_thread(holders, town)

    await until(now, lambda names: name not in names, HOLDS_SECONDS)


def runs(process: Process) -> bool:
    return process.exit_code is None


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
    found = turns(town, PARTITIONS)
    assert [turn for turn in found if set(turn.writers) - {turn.process}] == []
    for partition in {turn.partition for turn in found}:
        epochs = [turn.epoch for turn in found if turn.partition == partition]
        assert epochs == list(range(1, len(epochs) + 1))


async def test_processes_that_die_or_freeze_lose_double_and_reorder_nothing(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, witness: Witness
) -> None:
    """A router and a deliverer are killed together, and others stand still together."""
    run, (first, second) = "killed", DELIVERERS
    arrivals, crowd = await arriving(watch, run), Crowd(session, town, run, NUMBERS)
    crowd.write(CONVERSATIONS, MESSAGES // CONVERSATIONS, KILLING_SECONDS)
    async with trickle(session, town, run):
        await asyncio.to_thread(town.restart, second)
        await shared(town)
        await delivered_by(watch, 2)
        for name in (FIRST, first):
            await asyncio.to_thread(town.kill, name)
        await held_without(town, FIRST)
        await delivered_by(watch, 1)
        for name in (FIRST, first):
            await asyncio.to_thread(town.restart, name)
        await shared(town)
        await delivered_by(watch, 2)
        await arrivals.read()
        for name in (THIRD, second):
            town.services[name].send(signal.SIGSTOP)
        await held_without(town, THIRD)
        await delivered_by(watch, 1)
        for name in (THIRD, second):
            town.services[name].send(signal.SIGCONT)
    await crowd.task
    found = await seen(watch, arrivals, run, crowd.total, DRAIN_SECONDS)
    await check(found, witness, crowd)
    check_turns(town)
    print(f"\nof {crowd.total} messages {witness.repeats()} records and events were said again")
    assert await asyncio.to_thread(town.services[second].stop)


async def test_routers_killed_while_a_destination_is_full_lose_double_and_reorder_nothing(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, witness: Witness
) -> None:
    run = "full"
    arrivals, crowd = await arriving(watch, run), Crowd(session, town, run, NUMBERS)
    for name in DELIVERERS:
        await asyncio.to_thread(town.kill, name)
    with small_queues(town.broker, "destination", FULL_BYTES):
        crowd.write(*FULL)
        async with trickle(session, town, run):
            await crowd.reach(crowd.total // 4)
            for victim in (FIRST, SECOND):
                await shared(town)
                await until(lambda: watch.count(WAITING), bool, HOLDS_SECONDS)
                await asyncio.to_thread(town.kill, victim)
                await held_without(town, victim)
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
    arrivals, crowd = await arriving(watch, run), Crowd(session, town, run, NUMBERS)
    before = last_step(town)
    crowd.write(CONVERSATIONS, ROLLING_EACH, ROLLING_SECONDS)
    async with trickle(session, town, run):
        for name in (FIRST, THIRD):
            await crowd.reach(1)
            await shared(town)
            assert await asyncio.to_thread(town.services[name].stop)
            assert town.services[name].exit_code == 0
            await held_without(town, name)
            await asyncio.to_thread(town.restart, name)
            await asyncio.to_thread(town.wait_until_ready, name)
        await shared(town)
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
    """The way of the first router to the broker; it reads all partitions before the second does."""
    first = town.services[FIRST]
    url = first.program.environment[BROKER]
    for name in ROUTERS:
        await asyncio.to_thread(town.services[name].stop)
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
    """The first router has a batch of each of its partitions in hand, and does not know that the
    broker gave them to the other."""
    run = "cut"
    arrivals, crowd = await arriving(watch, run), Crowd(session, town, run, NUMBERS)
    async with locked(watch, "access exclusive"):
        crowd.write(*CUT)
        await waiting(watch, PARTITIONS)
        await held_by(town, FIRST)  # the first reader of each; it lets go of none with work in hand
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
    arrivals, crowd = await arriving(watch, run), Crowd(session, town, run, NUMBERS)
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


@pytest.mark.parametrize("now", [3, pytest.param(8, marks=pytest.mark.long)])
async def test_number_of_partitions_changes_with_traffic(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, witness: Witness, now: int
) -> None:
    """Meta repeats what the closed door did not take. The last one: the town is another now."""
    run = f"divided by {now}"
    arrivals, crowd = await arriving(watch, run), Crowd(session, town, run, NUMBERS)
    crowd.write(*DIVIDED)
    await crowd.reach(crowd.total // 4)
    former = town.config.read_text()
    [was] = re.findall(r"^partitions = (\d+)$", former, re.MULTILINE)
    town.config.write_text(former.replace(f"partitions = {was}\n", f"partitions = {now}\n"))
    assert "stop all services first" in await repartition(town)
    assert await asyncio.to_thread(town.services["gateway"].stop)
    await until(lambda: undecided(town), lambda n: n == 0, DRAIN_SECONDS)
    for name in (*DELIVERERS, "archiver", *ROUTERS):
        assert await asyncio.to_thread(town.services[name].stop)
    await asyncio.to_thread(town.restart, FIRST)
    await until(lambda: ended(town, FIRST), bool, HOLDS_SECONDS)
    assert f"this installation has {was}" in town.services[FIRST].program.log.read_text()
    # The database may take a moment to notice that a process has ended.
    done = f"{now} partitions; before: {was}\n"
    await until(lambda: repartition(town), lambda told: told == done, HOLDS_SECONDS)
    for name in (*ROUTERS, DELIVERERS[0], "archiver", "gateway"):
        await asyncio.to_thread(town.restart, name)
    await asyncio.to_thread(town.wait_until_ready)
    await crowd.task
    found = await seen(watch, arrivals, run, crowd.total, DRAIN_SECONDS)
    await check(found, witness, crowd)


async def repartition(town: Installation) -> str:
    administrator = {BROKER: town.broker.url}
    return await asyncio.to_thread(town.says, "topology", "repartition", **administrator)


async def undecided(town: Installation) -> int:
    names = [topology.partition_queue(n) for n in range(PARTITIONS)]
    async with asking_connection(town.broker.url, HOLDS_SECONDS) as connection:
        return sum(each.ready for each in await read_queue_lengths(connection, names))


async def ended(town: Installation, name: str) -> bool:
    return not runs(town.services[name])
