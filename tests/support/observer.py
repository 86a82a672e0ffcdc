"""An observer of the outside world and the archive; it waits for conditions, never for time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp

from tests.support.citizens import TOKEN
from tests.support.installation import Installation

T = TypeVar("T")
BEARER = {"Authorization": f"Bearer {TOKEN}"}
POLL_SECONDS = 0.02


async def until(look: Callable[[], Awaitable[T]], holds: Callable[[T], bool], seconds: float) -> T:
    """Return the first result of `look` that holds; AssertionError with the last one otherwise."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        started = loop.time()
        seen = await look()
        if holds(seen):
            return seen
        ended = loop.time()
        assert ended < deadline, f"after {seconds} s still: {str(seen)[:500]}"
        # A look that costs much leaves at least half of the time to the services that it looks at.
        await asyncio.sleep(max(POLL_SECONDS, ended - started))


async def until_true(holds: Callable[[], object], seconds: float = 10) -> None:
    async def look() -> object:
        return holds()

    await until(look, bool, seconds)


class Watch:
    def __init__(self, town: Installation, session: aiohttp.ClientSession) -> None:
        self.town, self.session = town, session
        self._received: list[dict[str, Any]] = []
        self._sandbox = 0
        """Process of which `_received` was read; another one has forgotten everything."""

    async def received(self) -> list[dict[str, Any]]:
        """Every event that the CRM took, in order of arrival."""
        if self._sandbox != (process := self.town.services["sandbox"].pid):
            self._sandbox, self._received = process, []
        seen = self._received
        while True:
            url = f"{self.town.sandbox}/crm/received?after={_last(seen)}"
            async with self.session.get(url) as answer:
                page = await answer.json()
            if not page:
                return list(seen)
            # Another coroutine may have read the same page meanwhile.
            last = _last(seen)
            seen += [event for event in page if event["n"] > last]

    async def events(self, run: str = "") -> list[dict[str, Any]]:
        """Message events that the CRM took; of one run of citizens."""
        return [
            item
            for item in await self.received()
            if item["type"] == "nl.postkamer.message-received.v1"
            and item["event"]["data"].get("text", "").startswith(run)
        ]

    async def told(self, conversation: str, type: str) -> list[dict[str, Any]]:
        """The data of the events of one type about a conversation, each once: a CRM knows by its id
        an event that comes again because its answer was lost."""
        datas = [
            item["event"]["data"]
            for item in await self.received()
            if item["type"] == f"nl.postkamer.{type}.v1" and item["first"]
        ]
        return [data for data in datas if data["conversationId"] == conversation]

    async def messages(self, conversation: str) -> list[dict[str, Any]]:
        """A conversation in the archive; [] while it is not there."""
        url = f"{self.town.archiver}/v1/conversations/{conversation}/messages?limit=1000"
        async with self.session.get(url, headers=BEARER) as answer:
            return (await answer.json())["messages"] if answer.status == 200 else []

    async def archived(self, run: str) -> list[tuple[str, str]]:
        """(conversation, text) of the messages of a run in the archive, in their order."""
        sql = (
            "select conversation || '|' || (data->>'text') from opened.record"
            f" where kind = 'message' and data->>'text' like '{run}%'"
            " order by conversation, sequence"
        )
        rows = await asyncio.to_thread(self.town.database.execute, sql)
        return [tuple(row.split("|", 1)) for row in rows.splitlines()]  # type: ignore[misc]

    async def count(self, sql: str) -> int:
        return int(await asyncio.to_thread(self.town.database.execute, sql))

    async def metric(self, service: str, name: str) -> float:
        """The sum of a metric over its labels."""
        async with self.session.get(f"{self.town.operations(service)}/metrics") as answer:
            text = await answer.text()
        lines = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


def _last(arrivals: list[dict[str, Any]]) -> int:
    """Number of the last of these arrivals at the CRM; 0 for none."""
    return int(arrivals[-1]["n"]) if arrivals else 0
