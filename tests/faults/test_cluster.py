"""Three brokers and two databases: any one of them may go, and nothing is lost, doubled or out of
order."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from deploy.local.plan import REAL
from deploy.local.process import Program
from services import clock
from services.amqp import topology
from tests.integration.services.test_broker_alarms import ALARMS, alarm
from tests.support.cluster.brokers import NODES, BrokerCluster, Node
from tests.support.cluster.databases import DatabasePair
from tests.support.faults.crowd import Crowd
from tests.support.faults.message_evidence import Arrivals, arriving, seen
from tests.support.faults.verdict import faults
from tests.support.installation import Installation, frozen_database, installed
from tests.support.observer import Watch, until
from tests.support.simulated_clock import SimulatedClock, simulated

pytestmark = pytest.mark.timeout(400)

SEED = int(os.environ.get("POSTKAMER_TEST_SEED") or random.getrandbits(32))
"""Seed of the victims and of the moments at which they go."""
CITIZENS, EACH, SECONDS = 40, 6, 3.0
"""Citizens, messages of each, and seconds that they take."""
DRAIN_SECONDS = 120.0
GOES_ON_SECONDS = 30.0
FOLLOW_SECONDS = 30.0
"""Longest time until services use another primary: without looking for it they take a minute."""
long = pytest.mark.long


class Town(Installation):
    """A town on a cluster, as `installed` makes it."""

    broker: BrokerCluster  # type: ignore[assignment]
    database: DatabasePair


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    print(f"\nPOSTKAMER_TEST_SEED={SEED}")
    folder = tmp_path_factory.mktemp("cluster")
    with installed(folder, make_broker=BrokerCluster, make_database=DatabasePair) as town:
        yield town


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout, connector = aiohttp.ClientTimeout(total=10), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        yield session


@pytest.fixture
def whole(town: Town) -> None:
    """All nodes run, and the database has a stand-by."""
    town.broker.restore()
    town.database.restore()


class Run:
    """Citizens who write while something goes, and the verdict."""

    def __init__(
        self,
        town: Town,
        watch: Watch,
        session: aiohttp.ClientSession,
        name: str,
        seconds: float = SECONDS,
    ) -> None:
        self.watch, self.name, self._seconds = watch, name, seconds
        self.arrivals: Arrivals
        self.crowd = Crowd(session, town, name)
        self.chance = random.Random(f"{SEED} {name}")

    async def begin(self) -> None:
        """Return in the middle of the writing, at a moment of chance."""
        self.arrivals = await arriving(self.watch, self.name)
        self.crowd.write(CITIZENS, EACH, self._seconds)
        await self.crowd.reach(self.chance.randrange(1, self.crowd.total // 2))

    async def goes_on(self, seconds: float) -> float:
        """Wait until messages are taken again; return after how long."""
        loop = asyncio.get_running_loop()
        began, enough = loop.time(), min(self.crowd.taken + CITIZENS, self.crowd.total)

        async def taken() -> int:
            return self.crowd.taken

        await until(taken, lambda n: n >= enough, seconds)
        return loop.time() - began

    async def verdict(self) -> list[str]:
        await self.crowd.task
        found = await seen(self.watch, self.arrivals, self.name, self.crowd.total, DRAIN_SECONDS)
        return faults(found, self.crowd)


def compared(town: Town) -> list[str]:
    """Faults that `check --live` finds in queues."""
    asked = ("check", "--live", "--config", str(town.config), "--lang", "en")
    said = town.says(*asked, **reach(town)).splitlines()
    assert any("RabbitMQ's management" in line for line in said), said
    return [line.removeprefix("fault: ") for line in said if line.startswith("fault: queue ")]


def reach(town: Town) -> dict[str, str]:
    """Settings with which a command reaches the broker."""
    node = town.broker.running()[0]
    return {
        "POSTKAMER_AMQP_URL": town.broker.url,
        "POSTKAMER_BROKER_MANAGEMENT_URL": node.management_url,
    }


async def test_queue_deleted_by_hand_and_policy_removed_are_told_and_mended_by_a_command(
    town: Town, watch: Watch, session: aiohttp.ClientSession
) -> None:
    run = Run(town, watch, session, "deleted")
    assert await asyncio.to_thread(compared, town) == []
    node = town.broker.running()[0]
    queue = run.chance.choice([topology.partition_queue(0), topology.destination_queue("crm")])
    await asyncio.to_thread(node.ask, f"/api/queues/{topology.VHOST}/{queue}", None, "DELETE")
    policy = f"/api/policies/{topology.VHOST}/postkamer-archive"
    await asyncio.to_thread(node.ask, policy, None, "DELETE")
    found = await asyncio.to_thread(compared, town)
    assert any(f"queue {queue}: nothing reaches it" in fault for fault in found)
    assert any(f"queue {topology.ARCHIVE_QUEUE}: overflow is not set" in fault for fault in found)
    run.arrivals = await arriving(watch, run.name)
    run.crowd.write(CITIZENS, EACH, SECONDS)
    refused = "postkamer_unconfirmed_publishes_total"
    service = "gateway" if queue.startswith("router") else "router"
    await until(lambda: watch.metric(service, refused), bool, GOES_ON_SECONDS)
    declare = ("topology", "declare", "--config", str(town.config))
    said = await asyncio.to_thread(lambda: town.says(*declare, **reach(town)))
    assert "set: 3 policies" in said
    assert await asyncio.to_thread(compared, town) == []
    assert await run.verdict() == []


async def test_broker_node_that_leads_a_queue_is_killed(
    town: Town, watch: Watch, session: aiohttp.ClientSession
) -> None:
    run = Run(town, watch, session, "leader-killed")
    await run.begin()
    queue = run.chance.choice([topology.partition_queue(0), topology.ARCHIVE_QUEUE])
    node: Node = await asyncio.to_thread(town.broker.leader, queue)
    await asyncio.to_thread(node.kill)
    print(f"\nwithout {node.name} taken again after {await run.goes_on(GOES_ON_SECONDS):.1f} s")
    assert await run.verdict() == []


async def test_primary_database_is_killed_and_the_standby_promoted(
    town: Town, watch: Watch, session: aiohttp.ClientSession
) -> None:
    run = Run(town, watch, session, "primary-killed")
    await run.begin()
    assert town.database.process
    await asyncio.to_thread(town.database.process.kill)
    await asyncio.to_thread(town.database.promote)
    assert await run.verdict() == []


@long
@pytest.mark.usefixtures("whole")
async def test_primary_database_is_frozen_and_the_standby_promoted(
    town: Town, watch: Watch, session: aiohttp.ClientSession
) -> None:
    """Nobody hears that its connections are dead. It is ended before it could go on."""
    run = Run(town, watch, session, "primary-frozen")
    await run.begin()
    former = town.database.process
    with frozen_database(town):
        await asyncio.to_thread(town.database.promote)
        began, before = asyncio.get_running_loop().time(), await watch.archived(run.name)
        await until(
            lambda: watch.archived(run.name), lambda a: len(a) > len(before), FOLLOW_SECONDS
        )
        followed = asyncio.get_running_loop().time() - began
        print(f"\nthe services have followed after {followed:.1f} s")
        assert await run.verdict() == []
        assert former
        await asyncio.to_thread(former.kill)


@long
@pytest.mark.usefixtures("whole")
async def test_broker_node_is_frozen_and_goes_on(
    town: Town, watch: Watch, session: aiohttp.ClientSession
) -> None:
    run = Run(town, watch, session, "node-frozen")
    await run.begin()
    node = run.chance.choice(town.broker.nodes)
    node.pause()
    try:
        print(f"\nwith {node.name} frozen taken again after {await run.goes_on(60):.1f} s")
        assert await run.verdict() == []
        run = Run(town, watch, session, "node-back")
        await run.begin()
    finally:
        node.resume()
    assert await run.verdict() == []
    # With Mnesia it must be started again: to the others it was dead, and itself does not know.
    await asyncio.to_thread(node.kill)


@long
@pytest.mark.usefixtures("whole")
async def test_broker_node_is_cut_off_from_the_others_and_comes_back(
    town: Town, watch: Watch, session: aiohttp.ClientSession
) -> None:
    run = Run(town, watch, session, "node-cut-off", seconds=30.0)
    await run.begin()
    node = run.chance.choice(town.broker.nodes)
    await asyncio.to_thread(town.broker.cut_off, node)
    print(f"\nwithout {node.name} taken again after {await run.goes_on(60):.1f} s")
    assert await run.verdict() == []
    await asyncio.to_thread(town.broker.mend, node)
    await asyncio.to_thread(node.wait)


@long
@pytest.mark.usefixtures("whole")
async def test_all_nodes_are_restarted_one_after_the_other(
    town: Town, watch: Watch, session: aiohttp.ClientSession
) -> None:
    run = Run(town, watch, session, "rolling", seconds=40.0)
    await run.begin()
    for node in run.chance.sample(town.broker.nodes, NODES):
        assert await asyncio.to_thread(node.stop), "it was killed"
        await asyncio.to_thread(node.start)
    assert await run.verdict() == []
    print(f"\nanswers of the door: {dict(run.crowd.answers)}")


@long
@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("kind", ALARMS)
async def test_node_at_its_limit_closes_the_door_of_all_and_it_opens_again(
    town: Town, watch: Watch, session: aiohttp.ClientSession, kind: str
) -> None:
    run = Run(town, watch, session, f"alarm-{kind}", seconds=20.0)
    await run.begin()
    async with alarm(run.chance.choice(town.broker.nodes), kind):
        await until(lambda: watch.metric("gateway", "postkamer_broker_blocked"), bool, 10)
    print(f"\nafter the alarm taken again after {await run.goes_on(GOES_ON_SECONDS):.1f} s")
    assert await run.verdict() == []
    assert run.crowd.answers[503]


@asynccontextmanager
async def stepping_clock(town: Town, name: str) -> AsyncIterator[SimulatedClock]:
    """Let a service go by a clock that can be set."""
    process = town.services[name]
    own = process.program
    with simulated(clock.now()) as simulation:
        more = dict(own.environment) | simulation.environment
        await started_as(town, name, replace(own, environment=more))
        yield simulation
        await started_as(town, name, own)


async def started_as(town: Town, name: str, program: Program) -> None:
    process = town.services[name]
    await asyncio.to_thread(process.stop)
    process.program = program
    await asyncio.to_thread(town.restart, name)
    await asyncio.to_thread(town.wait_until_ready, name)


@long
@pytest.mark.usefixtures("whole")
async def test_clock_of_a_service_is_set_forth_and_back(
    town: Town, watch: Watch, session: aiohttp.ClientSession
) -> None:
    run = Run(town, watch, session, "clock", seconds=15.0)
    name = run.chance.choice(REAL)
    async with stepping_clock(town, name) as simulation:
        await run.begin()
        by = timedelta(minutes=run.chance.randint(30, 90))
        for step in (by, -2 * by, by):
            simulation.step(step)
            await run.goes_on(GOES_ON_SECONDS)
        print(f"\nthe clock of the {name} was set by {by}")
        assert await run.verdict() == []
