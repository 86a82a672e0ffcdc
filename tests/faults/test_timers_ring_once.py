"""Routers die while time-outs are due, as they are told, decided and said: whatever a conversation
waited for comes once, as far as a CRM, a citizen or the archive can see.
"""

import asyncio
import random
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest

from services.contract import ArchiveBatch, DeliveryBatch, Timeout
from tests.support.citizens import phone, post, text, webhook
from tests.support.example_town import FOLDER
from tests.support.faults.event_recorder import Witness, listening
from tests.support.faults.short_hours import passes, states_of, with_short_hours
from tests.support.installation import Installation
from tests.support.observer import BEARER, Watch, until

FIRST, SECOND = "router", "router-2"
KEY = "Idempotency-Key"
TYPE = "nl.postkamer.{}.v1"
STRIKES, CITIZENS = 8, 5
"""Times that routers are killed, and citizens for whom something is due at each."""
SETTLE_SECONDS = 30.0
DUE = "select count(*) from router.timer where due_at <= now()"
KEPT = """
select conversation || ' ' || (data->>'event') from opened.record where kind = 'conversation'
and data->>'event' in ('decided', 'waiting', 'closed', 'alarmed', 'unconfirmed')
"""


class Kind(msgspec.Struct, frozen=True):
    """A wait: what the citizen says, how long nothing follows, since when in the conversation's
    state, and what comes of it: events, texts on the phone, and how the archive calls it."""

    says: str
    time: str
    since: str
    events: dict[str, int] = {}
    texts: tuple[str, ...] = ()
    kept: dict[str, int] = {}
    answered: bool = False
    """True for a conversation with an answer; one without stays open."""


ASKED, UNCLEAR, LONGER = "Waarover gaat uw v", "Wij weten nog niet", "Sorry, u wacht lan"
BEGINS = 18
"""Characters that tell three texts apart by their beginning."""
KINDS = {
    "quiet": Kind("Goedemorgen", "0 s", "", {"conversation-decided": 1}, (ASKED,), {"decided": 1}),
    "menu": Kind(
        "Hoe zit het met die vogels op het dak",
        "10 min",
        "menu_at",
        {"conversation-decided": 1},
        (ASKED, UNCLEAR),
        {"decided": 1},
    ),
    "waiting": Kind(
        "mijn container is vol",
        "10 min",
        "waiting_since",
        {"conversation-waiting": 1},
        (LONGER,),
        {"waiting": 1},
    ),
    "care": Kind(
        "er is brand",
        "10 min",
        "care_at",
        {"care-alarm": 2},
        (),
        {"alarmed": 2, "unconfirmed": 1},
    ),
    "idle": Kind(
        "een container",
        "2 days",
        "answered_at",
        {"conversation-closed": 1},
        (),
        {"closed": 1},
        True,
    ),
}

WAITS = [kind for kind in KINDS if kind != "quiet"]
"""Kinds of timers whose time the test moves, for it does not pass here."""
EVENTS = {TYPE.format(event) for kind in KINDS.values() for event in kind.events}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("timers")
    shutil.copytree(FOLDER, folder / "texts")
    town = Installation(folder, with_short_hours)
    try:
        town.start()
        town.restart(town.add_second(FIRST))
        town.wait_until_ready(SECOND)
        yield town
    finally:
        town.discard()


@pytest.fixture
async def witness(town: Installation) -> AsyncIterator[Witness]:
    async with listening(town) as witness:
        yield witness


def _underway(conversations: list[str]) -> str:
    """Return a query that counts the texts in these conversations that no phone has yet."""
    ids = ", ".join(f"'{id}'" for id in conversations)
    return (
        "select count(*) from router.outgoing"
        f" where conversation in ({ids}) and status <> 'delivered'"
    )


class Citizens:
    """Those who wait for the same; each in a conversation of their own."""

    def __init__(self, watch: Watch, kind: str, first: int) -> None:
        self.kind, self._watch = KINDS[kind], watch
        self._phones = {phone(n): n for n in range(first, first + CITIZENS)}
        self.conversations: dict[str, str] = {}
        """Conversation of each phone."""

    async def write(self) -> None:
        now = await self._watch.count("select extract(epoch from now())::bigint")
        said = [text(self.kind.says, f"wamid.{n}", n, at=now) for n in self._phones.values()]
        assert await post(self._watch.session, self._watch.town.gateway, webhook(*said)) == 200

    async def opened(self) -> int:
        """Count the phones whose conversation the CRM knows."""
        for event in await self._watch.events():
            data = event["event"]["data"]
            for name in data["from"]["identities"]:
                if name["value"] in self._phones:
                    self.conversations[name["value"]] = data["conversationId"]
        return len(self.conversations)

    async def hear(self) -> None:
        """A CRM answers, where it must."""
        if not self.kind.answered:
            return
        for id in self.conversations.values():
            order = {"conversationId": id, "type": "text", "text": {"body": "Wij komen eraan."}}
            url, headers = f"{self._watch.town.gateway}/v1/messages", BEARER | {KEY: id}
            order["author"] = {"kind": "employee", "id": "sanne"}
            async with self._watch.session.post(url, json=order, headers=headers) as answer:
                assert answer.status == 202, await answer.text()

    async def wait(self) -> None:
        """Time passes in which they say nothing more, once all of them wait."""
        ids = list(self.conversations.values())
        look = partial(asyncio.to_thread, states_of, self._watch.town, ids)

        def all_wait(states: dict[str, dict[str, Any]]) -> bool:
            return sum(self.kind.since in each for each in states.values()) == CITIZENS

        await until(look, all_wait, SETTLE_SECONDS)
        # A router that reads a status while time passes would write back the time of before.
        await until(partial(self._watch.count, _underway(ids)), lambda n: n == 0, SETTLE_SECONDS)
        await asyncio.to_thread(passes, self._watch.town, self.kind.time, ids)


async def as_told(witness: Witness) -> None:
    await witness.next(Timeout)


async def as_kept(witness: Witness) -> None:
    await witness.next(Timeout)
    await witness.next(ArchiveBatch)


async def as_said(witness: Witness) -> None:
    await witness.next(Timeout)
    await witness.next(DeliveryBatch)


async def soon_after(witness: Witness) -> None:
    await witness.next(Timeout)
    await asyncio.sleep(random.uniform(0, 0.1))  # any moment, not a condition


MOMENTS = (as_told, as_kept, as_said, soon_after)
VICTIMS = ((FIRST, SECOND), (FIRST,), (SECOND,))


async def strike(town: Installation, victims: tuple[str, ...]) -> None:
    """Kill them at once, and start them again."""
    for victim in victims:
        town.services[victim].send(signal.SIGKILL)
    for victim in victims:
        await asyncio.to_thread(town.kill, victim)
        await asyncio.to_thread(town.restart, victim)
    await asyncio.to_thread(town.wait_until_ready, *victims)


Seen = Counter[tuple[str, str]]
"""(conversation or phone, what came) -> how often."""


def expected_effects(citizens: Citizens) -> Seen:
    kind, found = citizens.kind, Seen()
    for there, conversation in citizens.conversations.items():
        found.update({(conversation, TYPE.format(event)): n for event, n in kind.events.items()})
        found.update({(conversation, happened): n for happened, n in kind.kept.items()})
        found.update({(there, said): 1 for said in kind.texts})
    return found


async def seen_effects(watch: Watch) -> Seen:
    """Effects of all time-outs: at CRMs, in the archive, on the phones."""
    events = {event["id"]: event for event in await watch.received()}.values()
    found = Seen((e["conversationId"], e["type"]) for e in events if e["type"] in EVENTS)
    rows = await asyncio.to_thread(watch.town.database.execute, KEPT)
    found.update(tuple(row.split(" ")) for row in rows.splitlines())  # type: ignore[misc]
    async with watch.session.get(f"{watch.town.sandbox}/phone/received") as answer:
        found.update((each["phone"], words(each["content"])) for each in await answer.json())
    return found


def words(content: dict[str, Any]) -> str:
    """Beginning of a text on a phone; a text with a menu is one level deeper."""
    body = content["body"]
    return str(body["text"] if isinstance(body, dict) else body)[:BEGINS]


@pytest.mark.long
async def test_timer_fires_once_though_routers_are_killed_when_it_is_due(
    town: Installation, watch: Watch, witness: Witness
) -> None:
    everybody = [Citizens(watch, WAITS[n % len(WAITS)], 1000 * n) for n in range(STRIKES)]
    greeting = [Citizens(watch, "quiet", 100_000 + 1000 * n) for n in range(STRIKES)]
    for citizens in everybody:
        await citizens.write()
        await until(citizens.opened, lambda n: n == CITIZENS, SETTLE_SECONDS)
        await citizens.hear()
    for n, (citizens, others) in enumerate(zip(everybody, greeting, strict=True)):
        moment = asyncio.create_task(MOMENTS[n % len(MOMENTS)](witness))
        await others.write()
        await citizens.wait()
        await asyncio.wait_for(moment, SETTLE_SECONDS)
        await strike(town, VICTIMS[n % len(VICTIMS)])
        await until(others.opened, lambda n: n == CITIZENS, SETTLE_SECONDS)
    wanted = sum((expected_effects(citizens) for citizens in (*everybody, *greeting)), Seen())

    async def lacking() -> Seen:
        return wanted - await seen_effects(watch)

    await until(lacking, lambda left: not left, SETTLE_SECONDS)
    await until(lambda: watch.count(DUE), lambda n: n == 0, SETTLE_SECONDS)
    found = await seen_effects(watch)
    assert {what: n for what, n in found.items() if n != wanted.get(what, 1)} == {}
    assert witness.contradictions() == []
    again = sum(len(heard) > 1 for heard in witness.timeouts.values())
    print(f"\n{len(witness.timeouts)} told, {again} of them twice; said again: {witness.repeats()}")
