"""Traffic of a town that never ends by itself: a CRM that answers, and programs that read."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import count, pairwise
from typing import Any

import aiohttp

from tests.support.citizens import NEIGHBOUR_TOKEN, TOKEN, phone
from tests.support.faults.message_evidence import Arrivals
from tests.support.observer import Watch, until
from tests.support.tokens import bearer

ANSWERED = 4
"""The CRM answers one message in so many of a citizen: below Meta's pace, one in 6 s after 45."""
PAUSE = 0.1
"""Seconds between two looks of the CRM and of each reader, and between two attempts."""
TAKEN = 202


class AnsweringCrm:
    """A CRM that answers through the API, in the order in which it hears."""

    def __init__(self, gateway: str, session: aiohttp.ClientSession, arrivals: Arrivals) -> None:
        self.statuses = Counter[int]()
        self.accepted: dict[str, list[str]] = defaultdict(list)
        """Phone -> answers to it that were accepted, in order."""
        self.heard = set[str]()
        """Texts that it has heard."""
        self.conversation = ""
        """Conversation of the first municipality of which it heard last."""
        self._gateway, self._session, self.arrivals = gateway, session, arrivals
        self._read = 0

    async def work(self) -> None:
        """Hear and answer, until it is cancelled."""
        while True:
            await self.arrivals.read()
            for event in self.arrivals.messages()[self._read :]:
                self._read += 1
                data = event["event"]["data"]
                if event["first"] and _number(data["text"]) % ANSWERED == 0:
                    await self._answer(data, event["id"])
                self.heard.add(data["text"])
                if _citizen(data["text"]) % 2 == 0:
                    self.conversation = data["conversationId"]
            await asyncio.sleep(PAUSE)

    async def _answer(self, data: Mapping[str, Any], id: str) -> None:
        citizen, said = _citizen(data["text"]), f"Antwoord op {data['text']}"
        body = {"conversationId": data["conversationId"], "type": "text", "text": {"body": said}}
        token = (TOKEN, NEIGHBOUR_TOKEN)[citizen % 2]
        headers = bearer(token) | {"Idempotency-Key": id}
        while (status := await self._post(body, headers)) != TAKEN:
            self.statuses[status] += 1
            await asyncio.sleep(PAUSE)
        self.statuses[status] += 1
        self.accepted[phone(citizen)].append(said)

    async def _post(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> int:
        """Status of one attempt; 0 when there was no answer."""
        try:
            url = f"{self._gateway}/v1/messages"
            async with self._session.post(url, json=body, headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


class Readers:
    """Programs that read through the APIs all the time."""

    def __init__(self, session: aiohttp.ClientSession, pages: Mapping[str, str]) -> None:
        self.session, self.pages = session, dict(pages)
        self.statuses = defaultdict[str, Counter[int]](Counter)

    async def work(self) -> None:
        """Read each page in turn, until it is cancelled."""
        for n in count():
            name = list(self.pages)[n % len(self.pages)]
            self.statuses[name][await self._get(self.pages[name])] += 1
            await asyncio.sleep(PAUSE)

    async def _get(self, url: str) -> int:
        """Status of a page; 0 when there was no answer."""
        try:
            asked = self.session.get(url, headers=bearer(TOKEN), allow_redirects=False)
            async with asked as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


async def answers_on_phones(watch: Watch, total: int, seconds: float) -> dict[str, list[str]]:
    """Phone -> answers on it in order, once there are so many."""

    async def found() -> list[dict[str, Any]]:
        last, all_of_them = 0, list[dict[str, Any]]()
        while True:
            url = f"{watch.town.sandbox}/phone/received?after={last}"
            async with watch.session.get(url) as answer:
                page = await answer.json()
            if not page:
                return all_of_them
            last, all_of_them = page[-1]["n"], all_of_them + page

    arrived: dict[str, list[str]] = defaultdict(list)
    for each in await until(found, lambda got: len(got) >= total, seconds):
        arrived[each["phone"]].append(each["content"]["body"])
    return arrived


def faults_of_answers(
    accepted: Mapping[str, list[str]], arrived: Mapping[str, list[str]]
) -> list[str]:
    """Return which answers are lost, came twice, or came in another order."""
    found = []
    for phone_number, expected in accepted.items():
        got = arrived.get(phone_number, [])
        counts = Counter(got)
        found += [f"{each} is lost" for each in expected if each not in counts]
        found += [f"{each} came {counts[each]} times" for each in counts if counts[each] > 1]
        found += [f"{each} was never ordered" for each in counts if each not in expected]
        found += [
            f"{now} came after {before}"
            for before, now in pairwise(dict.fromkeys(got))
            if before in expected and now in expected[: expected.index(before)]
        ]
    return found


def _citizen(words: str) -> int:
    return int(words.split()[-2])


def _number(words: str) -> int:
    return int(words.split()[-1])
