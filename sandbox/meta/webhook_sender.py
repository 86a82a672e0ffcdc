"""Posts webhooks to the gateway, as Meta or a BSP signs them, and again until they are taken."""

import asyncio
import contextlib
import heapq
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from sandbox.meta.webhook_payloads import headers
from sandbox.organisation import Carrier
from services import clock

CONCURRENT = 64
"""Posts in flight: Meta posts concurrently, and the gateway is to take it."""
ANSWER_SECONDS = 10.0
"""For the gateway's answer; Meta documents no number, 10 is the middle of what is reported."""
WAITS_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Before each next attempt, the last one for all that follow: Meta's horizon in a short film."""
OLDEST_SECONDS = 3600.0
"""After this a webhook is given up, as Meta gives up after 36 hours to 7 days."""
WAITING_MOST = 50_000
"""Webhooks that wait, about 2 KiB each; what does not fit is given up and counted."""

Told = Callable[[int], None]
"""Called after every attempt with the gateway's HTTP status, 0 where there was no answer."""


class Webhook(msgspec.Struct):
    """One body on its way; `body` is made when it is first posted, so its time is right."""

    make: Callable[[], bytes]
    told: Told | None
    by: Carrier
    """Who posts it and signs it, also when the number has moved since."""
    born: float
    attempts: int = 0
    body: bytes = b""


class Counts(msgspec.Struct, rename="camel"):
    posted: int = 0
    accepted: int = 0
    refused: int = 0
    given_up: int = 0


class Meta:
    def __init__(
        self, http: aiohttp.ClientSession, *, url: str, secrets: Mapping[Carrier, str]
    ) -> None:
        self._http = http
        self._url = url
        self._secrets = secrets
        self._due: list[tuple[float, int, Webhook]] = []
        self._number = 0
        self._earlier = asyncio.Event()
        self._free = asyncio.Semaphore(CONCURRENT)
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts = Counts()

    @property
    def waiting(self) -> int:
        """Webhooks that the gateway has not yet answered 200."""
        return len(self._due) + len(self._tasks)

    def later(
        self, seconds: float, make: Callable[[], bytes], *, by: Carrier, told: Told | None = None
    ) -> None:
        """Post what `make` gives after a while, and again until it is accepted."""
        due = clock.monotonic() + seconds
        self._schedule(due, Webhook(make=make, told=told, by=by, born=due))

    async def now(self, body: bytes, *, by: Carrier, told: Told | None = None) -> int:
        """Post at once; the status that the gateway answered. What failed is repeated later."""
        webhook = Webhook(make=lambda: body, told=told, by=by, born=clock.monotonic())
        return await self._attempt(webhook)

    async def run(self) -> None:
        """Post what is due, for ever; being cancelled ends the posts in flight as well."""
        try:
            await self._work()
        finally:
            for task in self._tasks:
                task.cancel()

    async def _work(self) -> None:
        while True:
            self._earlier.clear()
            wait = self._due[0][0] - clock.monotonic() if self._due else None
            if wait is None or wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._earlier.wait()
                continue
            await self._free.acquire()
            task = asyncio.create_task(self._turn(heapq.heappop(self._due)[2]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _turn(self, webhook: Webhook) -> None:
        try:
            await self._attempt(webhook)
        finally:
            self._free.release()

    async def _attempt(self, webhook: Webhook) -> int:
        webhook.body = webhook.body or webhook.make()
        webhook.attempts += 1
        self.counts.posted += 1
        status = await self._post(webhook.body, webhook.by)
        if webhook.told:
            webhook.told(status)
        if status == 200:
            self.counts.accepted += 1
        else:
            self.counts.refused += 1
            self._again(webhook)
        return status

    async def _post(self, body: bytes, by: Carrier) -> int:
        signed = headers(by, body, self._secrets[by])
        try:
            async with self._http.post(
                self._url, data=body, headers=signed, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    def _again(self, webhook: Webhook) -> None:
        due = clock.monotonic() + wait_before(webhook.attempts)
        if due - webhook.born > OLDEST_SECONDS:
            self.counts.given_up += 1
        else:
            self._schedule(due, webhook)

    def _schedule(self, due: float, webhook: Webhook) -> None:
        if len(self._due) >= WAITING_MOST:
            self.counts.given_up += 1
            return
        self._number += 1
        heapq.heappush(self._due, (due, self._number, webhook))
        if self._due[0][1] == self._number:
            self._earlier.set()


def wait_before(attempt: int) -> float:
    """Seconds between attempt number `attempt` (from 1) and the next."""
    return WAITS_SECONDS[min(attempt, len(WAITS_SECONDS)) - 1]


@asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The one outgoing HTTP session of the sandbox."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    connector = aiohttp.TCPConnector(limit=CONCURRENT * 2)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        yield http
