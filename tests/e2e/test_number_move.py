"""A number moves from Meta to a BSP while citizens write and get answers: nobody notices.

The operator's order: the file, the services one after the other, and then the number itself. Until
it has moved, the new carrier does not know it, so answers wait; afterwards the old one still brings
what it had.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import aiohttp
import pytest

from deliverer.meta.ledger_sql import PAIR_MESSAGES
from sandbox.meta.webhook_payloads import Citizen
from services import clock
from tests.support.citizens import NUMBER, post, signature, webhook
from tests.support.citizens import text as message
from tests.support.installation import Installation
from tests.support.observer import BEARER, Watch, until

CITIZENS = [f"3160000{n:04}" for n in range(21, 27)]
PACE_SECONDS = 0.2
"""Seconds between two messages of one citizen, and between two looks of the CRM at its events. No
citizen keeps up five messages a second."""
BEFORE, AFTER = 8, 8
"""Messages of each citizen before the file is changed and after the number has moved."""
MOST = PAIR_MESSAGES - 5
"""Most messages of one citizen, however slow the machine. Beyond Meta's limit the answers are
paced, and the automatic texts need some of it."""
WAITED_SECONDS = 60.0
"""A number that is refused is tried again after 4 s, and after 16 more where it has not moved by
then; all that waited goes out behind that."""
OLD, NEW = "almelo-meta", "almelo-bsp"
AT_BSP = {
    "provider": "360dialog",
    "phoneNumberId": "306540352242924",
    "waba": "302290129340399",
    "portfolio": NEW,
    "key": "almelo-d360-key",
}
VARIABLES = {
    "ALMELO_D360_KEY": AT_BSP["key"],
    "ALMELO_D360_SECRET": "almelo-platform-secret",
    "POSTKAMER_SANDBOX_PLATFORM_SECRET": "almelo-platform-secret",
}
FIRST = f'id = "{NUMBER}"'
"""First line of the number's table in the example."""


AT_META = f'{FIRST}\nportfolio = "{OLD}"'


def at_the_bsp(text: str, sandbox: str, until: datetime) -> str:
    """The same number under its own id, elsewhere now."""
    now = f"""{FIRST}
provider = "360dialog"
phone_number_id = "{AT_BSP["phoneNumberId"]}"
waba = "{AT_BSP["waba"]}"
portfolio = "{NEW}"
secrets = ["env:ALMELO_D360_SECRET"]
access_token = "env:ALMELO_D360_KEY"
graph_url = "{sandbox}/d360"
previous = [{{ provider = "meta", portfolio = "{OLD}", until = {until.isoformat()} }}]"""
    assert AT_META in text
    return text.replace(AT_META, now)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation of its own, since this test changes its configuration."""
    installation = Installation(tmp_path_factory.mktemp("moving"))
    text = installation.config.read_text()
    installation.config.write_text(text.replace(FIRST, AT_META, 1))
    installation.more |= VARIABLES
    try:
        installation.start()
        yield installation
    finally:
        installation.discard()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=90)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session


class Traffic:
    """Citizens who write without a pause, and a CRM that answers each of their messages."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.http = watch, watch.session
        self.written = dict.fromkeys(CITIZENS, 0)
        self.most = MOST - AFTER
        """Most messages of one citizen until the number has moved."""
        self.ended = asyncio.Event()
        self.answered: set[str] = set()

    async def ask(self, path: str, body: dict[str, Any]) -> Any:
        async with self.http.post(self.watch.town.sandbox + path, json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def say(self, phone: str, words: str, **more: Any) -> str:
        """One message, until the gateway has it; the citizen's user id."""
        said = {"from": phone, "name": "Sanne", "number": NUMBER, "text": words, "wait": 60}
        taken = await self.ask("/phone/messages", said | more)
        assert taken["accepted"]
        return str(taken["bsuid"])

    async def write(self, phone: str) -> None:
        while not self.ended.is_set():
            if self.written[phone] < self.most:
                await self.say(phone, f"move {phone} {self.written[phone]}")
                self.written[phone] += 1
            await asyncio.sleep(PACE_SECONDS)

    async def answer(self) -> None:
        """Answer whatever comes, in its order, each until it is accepted."""
        while True:
            for event in await self.watch.events("move"):
                if event["id"] not in self.answered:
                    await self._answer(event)
                    self.answered.add(event["id"])
            await asyncio.sleep(PACE_SECONDS)

    async def _answer(self, event: dict[str, Any]) -> None:
        body = {
            "conversationId": event["conversationId"],
            "type": "text",
            "text": {"body": "answer " + event["event"]["data"]["text"]},
            "author": {"kind": "employee", "id": "e1"},
        }
        headers = BEARER | {"Idempotency-Key": event["id"]}
        url = f"{self.watch.town.gateway}/v1/messages"
        while True:
            try:
                async with self.http.post(url, json=body, headers=headers) as answer:
                    assert answer.status in {202, 429, 503}, await answer.text()
                    if answer.status == 202:
                        return
            except aiohttp.ClientError:
                pass  # the gateway is being started again
            await asyncio.sleep(PACE_SECONDS)

    async def until_written(self, count: int) -> None:
        """Each citizen has written so many messages more."""
        goals = {phone: n + count for phone, n in self.written.items()}

        async def written() -> bool:
            return all(self.written[phone] >= goal for phone, goal in goals.items())

        await until(written, bool, 60)

    async def received(self) -> list[dict[str, Any]]:
        """All that reached the phones."""
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["n"] if found else 0
            url = f"{self.watch.town.sandbox}/phone/received?after={after}"
            async with self.http.get(url) as answer:
                page = await answer.json()
            if not page:
                return found
            found += page


def restart_services(town: Installation) -> None:
    """Restart all services as an operator does: stop one cleanly, then start it again."""
    for name in ("archiver", "router", "gateway", "deliverer"):
        assert town.services[name].stop()
        town.restart(name)
        town.wait_until_ready(name)


def late(phone: str, words: str, n: int) -> bytes:
    """A message that Meta still had, as it was known there."""
    bsuid = Citizen(phone, portfolio=OLD).bsuid
    body = message(words, f"wamid.late.{phone}.{n}", 0)
    return webhook(body | {"from": phone, "from_user_id": bsuid})


async def test_a_number_moves_to_a_bsp_in_mid_traffic_and_conversations_go_on(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    traffic = Traffic(watch)
    async with asyncio.TaskGroup() as group:
        answering = group.create_task(traffic.answer())
        writing = [group.create_task(traffic.write(phone)) for phone in CITIZENS]
        await traffic.until_written(BEFORE)
        text = town.config.read_text()
        tomorrow = clock.now() + timedelta(days=1)
        town.config.write_text(at_the_bsp(text, town.sandbox, tomorrow))
        await asyncio.to_thread(restart_services, town)
        await traffic.ask(f"/phone/numbers/{NUMBER}/_provider", AT_BSP)
        before = {phone: n for phone, n in traffic.written.items()}
        for phone in CITIZENS:
            body = late(phone, f"late {phone}", 0)
            for _ in range(2):  # and repeats of it, at the old door as well
                assert await post(session, town.gateway, body, signature(body)) == 200
        traffic.most = MOST
        await traffic.until_written(AFTER)
        traffic.ended.set()
        await asyncio.gather(*writing)
        total = sum(traffic.written.values())
        answered = await until_answered(traffic, total)
        answering.cancel()
    assert all(traffic.written[phone] > before[phone] for phone in CITIZENS)
    conversations = await nothing_lost_or_twice(watch, traffic)
    await everything_is_in_the_archive(watch, traffic, conversations)
    in_order_and_by_whom(traffic, answered)
    await every_status_came(watch, traffic, conversations)
    quarantined = await watch.count("select count(*) from router.quarantine")
    assert quarantined == 0
    await a_recycled_sim(watch, traffic, conversations[CITIZENS[0]])


async def until_answered(traffic: Traffic, total: int) -> list[dict[str, Any]]:
    """Messages on the phones, once every message of a citizen has its answer."""
    return await until(traffic.received, lambda seen: len(seen) >= total, WAITED_SECONDS)


async def nothing_lost_or_twice(watch: Watch, traffic: Traffic) -> dict[str, str]:
    """Each citizen's messages at the CRM: all, once, in order; their conversation."""
    found: dict[str, str] = {}
    events = [*await watch.events("move"), *await watch.events("late")]
    assert len({event["id"] for event in events}) == sum(traffic.written.values()) + len(CITIZENS)
    for phone in CITIZENS:
        theirs = [event for event in events if phone in event["event"]["data"]["text"]]
        first = {event["id"]: event["event"]["data"]["text"] for event in theirs}
        assert [text for text in first.values() if text.startswith("move")] == [
            f"move {phone} {n}" for n in range(traffic.written[phone])
        ]
        assert list(first.values()).count(f"late {phone}") == 1
        (found[phone],) = {event["conversationId"] for event in theirs}
    assert len(set(found.values())) == len(CITIZENS)
    async with watch.session.get(f"{watch.town.sandbox}/crm/summary") as answer:
        summary = await answer.json()
    assert (summary["orderViolations"], summary["changed"]) == (0, 0)
    return found


async def everything_is_in_the_archive(
    watch: Watch, traffic: Traffic, conversations: dict[str, str]
) -> None:
    total = sum(traffic.written.values())
    archived = await until(lambda: watch.archived("move"), lambda seen: len(seen) >= total, 30)
    assert sorted(archived) == sorted(
        (conversations[phone], f"move {phone} {n}")
        for phone in CITIZENS
        for n in range(traffic.written[phone])
    )
    continued = (
        "select count(distinct conversation) from opened.record"
        " where kind = 'message' and data->>'continued' = 'true'"
    )
    assert await watch.count(continued) == len(CITIZENS)


def in_order_and_by_whom(traffic: Traffic, answered: list[dict[str, Any]]) -> None:
    """Each phone got each answer once and in order: first by Meta, then by the BSP, never back."""
    for phone in CITIZENS:
        theirs = [one for one in answered if one["phone"] == phone]
        assert [one["content"]["body"] for one in theirs] == [
            f"answer move {phone} {n}" for n in range(traffic.written[phone])
        ]
        carriers = [one["provider"] for one in theirs]
        assert carriers == sorted(carriers, reverse=True), "meta sorts after 360dialog"
        assert set(carriers) == {"meta", "360dialog"}


async def every_status_came(watch: Watch, traffic: Traffic, conversations: dict[str, str]) -> None:
    """Also of what Meta carried, which says so when the number has gone already."""

    for phone in CITIZENS:
        messages = partial(watch.messages, conversations[phone])
        await until(messages, partial(all_delivered, traffic.written[phone]), 30)


def all_delivered(count: int, messages: list[dict[str, Any]]) -> bool:
    return sum((m["direction"], m["status"]) == ("out", "delivered") for m in messages) == count


async def a_recycled_sim(watch: Watch, traffic: Traffic, conversation: str) -> None:
    """The same phone with another user id in one portfolio is somebody else."""
    phone = CITIZENS[0]
    mine = await traffic.say(phone, f"mine {phone}")
    another = await traffic.say(phone, f"another {phone}", holder=2)
    assert mine != another
    (same,) = await until(lambda: watch.events("mine"), bool, 10)
    (new,) = await until(lambda: watch.events("another"), bool, 10)
    assert same["conversationId"] == conversation
    assert new["conversationId"] != conversation
