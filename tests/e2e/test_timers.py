"""Each time-out of a conversation comes once, also when a service was away at its time."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.support.citizens import NUMBER, post, text, webhook
from tests.support.installation import NEIGHBOUR, Installation, frozen_database
from tests.support.observer import Watch, until

TOML = f"""
[[tenants]]
id = "almelo"
name = "Gemeente Almelo"
burst_seconds = 1

[[numbers]]
id = "{NUMBER}"
tenant = "almelo"
fallback = "klantcontact"

[[departments]]
id = "klantcontact"
tenant = "almelo"
name = "Klantcontact"
destination = "crm"

[[destinations]]
id = "crm"
kind = "cloudevents"
url = "SANDBOX/crm/events"
secret = "env:CRM_SECRET"
{NEIGHBOUR}
"""
GREETING = "Goedemorgen"
SECONDS = 20.0
CITIZENS = itertools.count(200_000)
WAITING = "select count(*) from router.timer where kind = 'quiet'"
DUE = f"{WAITING} and due_at <= now()"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    town = Installation(tmp_path_factory.mktemp("town"))
    town.config.write_text(TOML.replace("SANDBOX", town.sandbox))
    try:
        town.start()
        town.broker.flush()
        yield town
    finally:
        town.discard()


async def greet(watch: Watch) -> str:
    """The conversation of somebody who said no more than that."""
    citizen = next(CITIZENS)
    body = webhook(text(GREETING, f"wamid.greeting.{citizen}", citizen))
    assert await post(watch.session, watch.town.gateway, body) == 200
    before = f"NL.citizen{citizen}"

    async def opened() -> list[dict[str, Any]]:
        return [
            item["event"]["data"]
            for item in await watch.events(GREETING)
            if before in str(item["event"]["data"]["from"])
        ]

    [data] = await until(opened, bool, SECONDS)
    assert data["provisional"]
    return str(data["conversationId"])


async def decision_events(watch: Watch, conversation: str) -> list[dict[str, Any]]:
    return await watch.told(conversation, "conversation-decided")


@asynccontextmanager
async def nothing(town: Installation) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def no_router(town: Installation) -> AsyncIterator[None]:
    await asyncio.to_thread(town.kill, "router")
    yield
    await asyncio.to_thread(town.restart, "router")


@asynccontextmanager
async def no_broker(town: Installation) -> AsyncIterator[None]:
    await asyncio.to_thread(town.broker.kill)
    yield
    await asyncio.to_thread(town.broker.start)


AWAY: dict[str, Callable[[Installation], AbstractAsyncContextManager[None]]] = {
    "nothing": nothing,
    "router": no_router,
    "broker": no_broker,
}


@pytest.mark.parametrize("away", AWAY)
async def test_a_greeting_that_nothing_follows_is_decided_once(
    town: Installation, watch: Watch, away: str
) -> None:
    conversation = await greet(watch)
    async with AWAY[away](town):
        if away != "nothing":
            await until(lambda: watch.count(DUE), bool, SECONDS)
    told = await until(lambda: decision_events(watch, conversation), bool, SECONDS)
    assert {each["conversationId"] for each in told} == {conversation}
    assert "na de groet" in told[0]["reason"]
    await until(lambda: watch.count(WAITING), lambda n: n == 0, SECONDS)
    kept = (
        "select count(*) from opened.record where kind = 'conversation'"
        f" and conversation = '{conversation}' and data->>'event' = 'decided'"
    )
    await until(lambda: watch.count(kept), lambda n: n == 1, SECONDS)
    late = "postkamer_timeouts_late_seconds"
    await until(lambda: watch.metric("router", late), lambda seconds: seconds == 0, SECONDS)


async def test_a_database_that_stands_still_holds_time_outs_up_and_loses_none(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    conversations = [await greet(watch) for _ in range(3)]
    loop = asyncio.get_running_loop()
    with frozen_database(town):
        until_then = loop.time() + 2  # all are due by then

        async def time() -> float:
            return loop.time()

        await until(time, lambda now: now > until_then, SECONDS)
    for conversation in conversations:
        await until(lambda: decision_events(watch, conversation), bool, SECONDS)  # noqa: B023
    await until(lambda: watch.count(WAITING), lambda n: n == 0, SECONDS)
