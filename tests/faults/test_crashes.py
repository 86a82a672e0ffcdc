"""Nothing is lost, nothing happens twice, nothing changes places: whatever is killed meanwhile."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable

import aiohttp
import pytest

from tests.support.citizens import post, text, webhook, write
from tests.support.installation import Installation
from tests.support.observer import Watch, until

pytestmark = pytest.mark.alone

CITIZENS, EACH = 50, 20
"""1,000 messages; each citizen writes one after the other, all at once."""
DRAIN_SECONDS = 60.0


class Writing:
    """All citizens at once, and how many of their messages were taken."""

    def __init__(self, session: aiohttp.ClientSession, town: Installation, run: str) -> None:
        self.taken = 0
        self.task = asyncio.create_task(self._all(session, town, run))

    async def _all(self, session: aiohttp.ClientSession, town: Installation, run: str) -> None:
        await asyncio.gather(*(self._one(session, town, run, n) for n in range(CITIZENS)))

    async def _one(
        self, session: aiohttp.ClientSession, town: Installation, run: str, citizen: int
    ) -> None:
        async for _ in write(session, town.gateway, citizen, EACH, run):
            self.taken += 1

    async def reach(self, count: int) -> None:
        """Wait until `count` messages were taken, with others still to be written."""

        async def taken() -> int:
            return self.taken

        await until(taken, lambda n: n >= count, DRAIN_SECONDS)
        assert not self.task.done()


def _texts(run: str) -> list[str]:
    return [f"{run} {citizen} {n}" for citizen in range(CITIZENS) for n in range(EACH)]


def _numbers(pairs: Iterable[tuple[str, str]]) -> dict[str, list[int]]:
    """Conversation -> the numbers of its messages as they came."""
    found: dict[str, list[int]] = defaultdict(list)
    for conversation, said in pairs:
        found[conversation].append(int(said.rpartition(" ")[2]))
    return found


async def _check(watch: Watch, run: str, citizens: int = CITIZENS, each: int = EACH) -> None:
    """All of a run is at the CRM and in the archive: each once, each conversation in order."""
    total = citizens * each
    archived = await until(
        lambda: watch.archived(run), lambda rows: len(rows) >= total, DRAIN_SECONDS
    )
    events = await until(
        lambda: watch.events(run),
        lambda seen: len({event["id"] for event in seen}) >= total,
        DRAIN_SECONDS,
    )
    assert Counter(said for _, said in archived) == Counter(_texts(run))
    assert set(_numbers(archived)) == {event["conversationId"] for event in events}
    assert all(numbers == list(range(each)) for numbers in _numbers(archived).values())
    first: dict[str, tuple[str, str]] = {}
    for event in events:
        said = (event["conversationId"], event["event"]["data"]["text"])
        assert first.setdefault(event["id"], said) == said, "one id, two contents"
    assert len(first) == total, "one message, two ids"
    assert all(numbers == list(range(each)) for numbers in _numbers(first.values()).values())


@pytest.mark.parametrize("victim", ["router", "deliverer", "archiver", "gateway"])
async def test_killed_service_loses_doubles_and_reorders_nothing(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, victim: str
) -> None:
    run = f"kill-{victim}"
    writing = Writing(session, town, run)
    for part in (1, 2):
        await writing.reach(300 * part)
        await asyncio.to_thread(town.kill, victim)
        await asyncio.to_thread(town.restart, victim)
    await writing.task
    await _check(watch, run)


async def test_router_deliverer_and_archiver_killed_together_lose_nothing(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    run = "kill-both"
    writing = Writing(session, town, run)
    await writing.reach(300)
    for victim in ("router", "archiver", "deliverer"):
        await asyncio.to_thread(town.kill, victim)
    for victim in ("router", "archiver", "deliverer"):
        await asyncio.to_thread(town.restart, victim)
    await writing.task
    await _check(watch, run)


@pytest.mark.parametrize("server", ["broker", "database"])
async def test_killed_server_loses_nothing(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, server: str
) -> None:
    run = f"kill-{server}"
    await asyncio.to_thread(town.broker.flush)
    writing = Writing(session, town, run)
    await writing.reach(300)
    killed = town.broker if server == "broker" else town.database
    await asyncio.to_thread(killed.kill)
    await asyncio.to_thread(killed.start)
    await writing.task
    await _check(watch, run)


async def test_gateway_answers_503_without_a_broker_and_reconnects(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    loop = asyncio.get_running_loop()
    body = webhook(text("outage", "wamid.outage", 60))
    await asyncio.to_thread(town.broker.flush)
    await asyncio.to_thread(town.broker.stop)
    for _ in range(3):
        started = loop.time()
        assert await post(session, town.gateway, body) == 503
        assert loop.time() - started < 2
    await asyncio.to_thread(town.broker.start)
    back = loop.time()
    await until(lambda: post(session, town.gateway, body), lambda status: status == 200, 5)
    assert loop.time() - back < 5
    await until(lambda: watch.events("outage"), bool, 30)


async def test_gateway_answers_503_in_time_when_the_broker_is_frozen(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    loop = asyncio.get_running_loop()
    body = webhook(text("frozen", "wamid.frozen", 61))
    town.broker.pause()
    try:
        started = loop.time()
        assert await post(session, town.gateway, body) == 503
        assert loop.time() - started < 2
    finally:
        town.broker.resume()
    await until(lambda: post(session, town.gateway, body), lambda status: status == 200, 10)
    await until(lambda: watch.events("frozen"), bool, 30)
    assert len(await watch.archived("frozen")) == 1


async def test_messages_wait_in_order_for_a_crm_that_is_down(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    await asyncio.to_thread(town.kill, "sandbox")
    run, citizens, each = "waiting", CITIZENS, 4

    async def one(citizen: int) -> None:
        async for _ in write(session, town.gateway, citizen, each, run):
            pass

    await asyncio.gather(*(one(citizen) for citizen in range(citizens)))
    await until(
        lambda: watch.archived(run), lambda rows: len(rows) == citizens * each, DRAIN_SECONDS
    )
    paused = "postkamer_destination_paused"
    await until(lambda: watch.metric("deliverer", paused), lambda n: n == 1, 10)
    await asyncio.to_thread(town.restart, "sandbox")
    await asyncio.to_thread(town.wait_until_ready, "sandbox")
    events = await until(
        lambda: watch.events(run),
        lambda seen: len({event["id"] for event in seen}) == citizens * each,
        DRAIN_SECONDS,
    )
    said = ((e["conversationId"], e["event"]["data"]["text"]) for e in events)
    assert all(numbers == list(range(each)) for numbers in _numbers(said).values())
    assert await watch.metric("deliverer", paused) == 0


async def test_stopping_service_drains_and_exits_with_code_0(town: Installation) -> None:
    # What the CRM took, and could not say so before it was ended, is still to come once more.
    await until(lambda: asyncio.to_thread(left_in, town), lambda left: left == NOTHING, 30)
    for name in ("gateway", "router", "deliverer", "archiver"):
        process = town.services[name]
        assert await asyncio.to_thread(process.stop)
        assert process.exit_code == 0, name
    assert await asyncio.to_thread(left_in, town) == NOTHING


NOTHING = ["0"] * 4


def left_in(town: Installation) -> list[str]:
    """Messages in each queue."""
    asked = ("list_queues", "-p", "postkamer", "name", "messages", "--no-table-headers")
    lines = town.broker.control(*asked).splitlines()
    return [line.split()[-1] for line in lines if line.strip()]
