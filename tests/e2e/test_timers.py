"""Each time-out of a conversation comes once, also when a service was away at its time; and a
message is one trace, also when the router was away."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.support.citizens import NUMBER, phone, post, signature, text, webhook
from tests.support.e2e.crm_desk import Desk
from tests.support.installation import NEIGHBOUR, Installation, frozen_database
from tests.support.observer import BEARER, Watch, until
from tests.support.trace_collector import Collector, SeenSpan, collecting

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
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Installation]:
    town = Installation(tmp_path_factory.mktemp("town"))
    town.more = {"POSTKAMER_TRACES_URL": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
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


QUESTION, REPLY = "Wanneer komt de container", "Dat weet ik niet"
WAMID = "wamid.traced"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CITIZEN = 199_999


async def test_message_and_its_answer_are_a_trace_each_across_a_killed_router(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, collector: Collector
) -> None:
    body = webhook(text(QUESTION, WAMID, CITIZEN))
    headers = {"X-Hub-Signature-256": signature(body), "traceparent": CALLER}
    async with no_router(town):
        url = f"{town.gateway}/webhooks/whatsapp"
        async with session.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200
    [event] = await until(lambda: watch.events(QUESTION), bool, SECONDS)
    data = event["event"]["data"]
    asked = await traced(collector, data["messageId"], 4)
    assert [span.name for span in asked[:2]] == ["receive", "decide"]
    assert sorted(span.name for span in asked[2:]) == ["deliver", "record"]
    assert asked[0].trace not in CALLER, "the endpoint of a webhook is open to everyone"
    assert_spans_are_under_the_first(asked)

    desk = Desk(watch, BEARER | {"traceparent": CALLER})
    _, accepted = await desk.answer(data["conversationId"], text={"body": REPLY})
    await until(lambda: desk.status(accepted["id"]), lambda s: s["status"] == "delivered", SECONDS)
    answered = await traced(collector, accepted["id"], 6)
    assert [span.name for span in answered[:2]] == ["receive", "decide"]
    assert (answered[0].trace, answered[0].parent) == (CALLER[3:35], CALLER[36:52])
    assert sorted(span.name for span in answered[2:]) == ["decide", "record", "record", "send"]
    [send] = [span for span in answered if span.name == "send"]
    assert send.attributes["postkamer.outcome"] == "sent"
    decided = [s.attributes["postkamer.entry"] for s in answered if s.name == "decide"]
    assert decided == ["command", "send-outcome"]
    assert_spans_are_under_the_first(answered)
    sent = b"".join(collector.bodies)
    for private in (phone(CITIZEN), "Sanne", "NL.citizen", QUESTION, REPLY, "wamid"):
        assert private.encode() not in sent


async def traced(collector: Collector, message: str, count: int) -> list[SeenSpan]:
    """The trace in which a message was decided, once it has so many spans."""

    async def look() -> list[SeenSpan]:
        decided = [
            span
            for span in collector.named("decide")
            if span.attributes.get("postkamer.message") == message
        ]
        return collector.trace(decided[0].trace) if decided else []

    return await until(look, lambda spans: len(spans) >= count, SECONDS)


def assert_spans_are_under_the_first(spans: list[SeenSpan]) -> None:
    services = {
        "receive": "gateway",
        "decide": "router",
        "record": "archiver",
        "deliver": "deliverer",
        "send": "deliverer",
    }
    for span in spans:
        assert span.service == f"postkamer-{services[span.name]}"
        assert not span.failed and span.started <= span.ended
    assert {span.parent for span in spans[1:]} == {spans[0].id}
