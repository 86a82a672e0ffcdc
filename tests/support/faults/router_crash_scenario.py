"""The story around the death of a router. Citizens write, it dies, the rules change, a CRM gives
its orders, and the next one starts."""

import asyncio
import re
import signal
from typing import Any

from router.model.decision import Decision
from services.config.loader import load
from tests.support.citizens import phone, post, text, webhook
from tests.support.faults.batch_crash_points import gone
from tests.support.faults.event_recorder import Witness
from tests.support.faults.message_evidence import Arrivals, Seen, arriving, decided, seen
from tests.support.observer import BEARER, Watch, until

WORDS = {"afval": "container", "geld": "aanslag"}
"""Rules, and a word of each: citizens say them in turn."""
DEPARTMENTS = "openbare-ruimte", "belastingen"
"""Whereto, and the other way round in the other version; each with a CRM of its own."""
OTHER_CRM = """
[[destinations]]
id = "crm-2"
kind = "cloudevents"
url = "{url}"
secret = "env:CRM_SECRET"
"""
MOVED, ANSWERED, CITIZENS = 0, 1, 12
"""The citizen whose conversation a CRM transfers, the one whom it answers; how many there are."""
TO = "burgerzaken"
AUTHOR = {"kind": "employee", "id": "sanne"}
TRANSFERRED = "nl.postkamer.conversation-transferred.v1"
SETTLE_SECONDS = 30.0


def with_two_crms(config: str) -> str:
    (url,) = re.findall(r'url = "(.*)"', config)
    taxes = 'name = "Belastingen"\ndestination = "crm'
    assert taxes in config
    return config.replace(taxes, f"{taxes}-2") + OTHER_CRM.format(url=url)


def department(config: str, citizen: int) -> str:
    """Department to which the rules bring a citizen's words."""
    return _rule(config, list(WORDS)[citizen % len(WORDS)])[2]


def swapped(config: str) -> str:
    """The other version: what went to one department goes to the other."""
    for rule in WORDS:
        found = _rule(config, rule)
        other = DEPARTMENTS[1 - DEPARTMENTS.index(found[2])]
        config = config.replace(found[0], f'{found[1]}"{other}"')
    return config


def _rule(config: str, rule: str) -> re.Match[str]:
    found = re.search(rf'(id = "{rule}"\nwords = .*\ndepartment = )"(.*)"', config)
    assert found
    return found


def word(citizen: int) -> str:
    return list(WORDS.values())[citizen % len(WORDS)]


class Scene:
    """Citizens who write, a router that dies of it, and what is done before the next one starts."""

    def __init__(self, watch: Watch, witness: Witness, run: str, first: int) -> None:
        self.watch, self.town, self.witness = watch, watch.town, witness
        self.run, self._first = run, first
        self.arrivals: Arrivals
        self.conversations: dict[int, str] = {}
        self.written = 0
        self.committed: dict[str, Decision] = {}
        self.versions: list[str] = []
        self.died = 0.0
        self.answer = f"{run} antwoord"

    async def opens(self) -> None:
        """Begin with two conversations, which the CRM knows."""
        self.arrivals = await arriving(self.watch, self.run)
        await self.writes(0, (MOVED, ANSWERED))
        await until(self.arrivals.read, lambda n: n == 2, SETTLE_SECONDS)
        for event in self.arrivals.messages():
            citizen = int(event["event"]["data"]["text"].split(" ")[1])
            self.conversations[citizen] = event["conversationId"]

    async def writes(self, n: int, citizens: tuple[int, ...] = tuple(range(CITIZENS))) -> None:
        """The n-th message of each, in one body: so in one batch, whatever else is in it."""
        body = webhook(
            *(
                text(f"{self.run} {c} {n} {word(c)}", self.wamid(c, n), self._first + c)
                for c in citizens
            )
        )
        assert await post(self.watch.session, self.town.gateway, body) == 200
        self.written += len(citizens)

    def wamid(self, citizen: int, n: int) -> str:
        return f"wamid.{self.run}.{citizen}.{n}"

    async def dies(self) -> None:
        self.town.services["router"].send(signal.SIGKILL)  # at once; then its end is awaited
        await asyncio.to_thread(self.town.kill, "router")

    async def meanwhile(self) -> None:
        """Keep the committed decisions, change the rules and give the CRM's orders."""
        await gone(self.watch)
        self.committed = dict(await decided(self.watch, self.run))
        self.versions.append(load(self.town.config).version)
        config = swapped(self.town.config.read_text())
        self.town.config.write_text(config)
        self.versions.append(load(self.town.config).version)
        moved = f"/v1/conversations/{self.conversations[MOVED]}/_transfer"
        await self._orders(moved, {"department": TO, "reason": "paspoort", "author": AUTHOR})
        answer = {"type": "text", "text": {"body": self.answer}, "author": AUTHOR}
        conversation = {"conversationId": self.conversations[ANSWERED]}
        await self._orders("/v1/messages", conversation | answer)

    async def _orders(self, path: str, body: dict[str, Any]) -> None:
        headers = BEARER | {"Idempotency-Key": f"{self.run} {path}"}
        url = f"{self.town.gateway}{path}"
        async with self.watch.session.post(url, json=body, headers=headers) as answer:
            assert answer.status == 202, await answer.text()

    async def succeeds(self) -> None:
        """The next router starts."""
        self.died = asyncio.get_running_loop().time()
        await asyncio.to_thread(self.town.restart, "router")

    async def seen(self) -> Seen:
        """Once all is done, the orders too."""
        await until(self.sent, lambda texts: self.answer in texts, SETTLE_SECONDS)
        await until(self.transfers, bool, SETTLE_SECONDS)
        return await seen(self.watch, self.arrivals, self.run, self.written, SETTLE_SECONDS)

    async def sent(self) -> list[str]:
        """Texts on the phone of the citizen who was answered."""
        async with self.watch.session.get(f"{self.town.sandbox}/phone/received") as answer:
            there = phone(self._first + ANSWERED)
            return [m["content"]["body"] for m in await answer.json() if m["phone"] == there]

    async def transfers(self) -> list[dict[str, Any]]:
        """The transfer's events at CRMs."""
        await self.arrivals.read()
        about = TRANSFERRED, self.conversations[MOVED]
        return [e for e in self.arrivals.all if (e["type"], e["conversationId"]) == about]
