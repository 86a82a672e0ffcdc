"""Post webhooks to the gateway, signed as by Meta or a BSP, and repeat them until accepted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
import msgspec

from sandbox.meta.webhook_payloads import headers
from sandbox.organisation import Carrier
from services import clock

CONCURRENT = 64
"""Posts in flight: Meta posts concurrently, so the gateway must cope with that."""
ANSWER_SECONDS = 10.0
"""Time-out for the gateway's response. Meta documents none; 10 is the middle of what users
report."""
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each next attempt, the last value for all further ones: Meta's, sped up."""
OLDEST_SECONDS = 3600.0
"""Age at which a webhook is given up; Meta gives up after 36 hours to 7 days."""
MAX_WAITING = 50_000
"""Most waiting webhooks; further ones are given up and counted. Measured: 2.1 KiB each with its
task, and the body once it was posted."""

OnStatus = Callable[[int], None]
"""Called after every attempt with the gateway's HTTP status; 0 if there was no response."""


class Webhook(msgspec.Struct):
    """One webhook. `body` is made when it is first posted, so its timestamp is right."""

    make: Callable[[], bytes]
    on_status: OnStatus | None
    carrier: Carrier
    """Carrier that posts and signs it, also if the number has moved since."""
    created: float
    attempts: int = 0
    body: bytes = b""


class Counts(msgspec.Struct, rename="camel"):
    posted: int = 0
    accepted: int = 0
    refused: int = 0
    given_up: int = 0


class WebhookSender:
    def __init__(
        self, http: aiohttp.ClientSession, *, url: str, secrets: Mapping[Carrier, str]
    ) -> None:
        self._http = http
        self._url = url
        self._secrets = secrets
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts = Counts()

    @property
    def waiting(self) -> int:
        """Number of webhooks that the gateway has not yet answered with 200."""
        return len(self._tasks)

    def close(self) -> None:
        """End the posts in flight, and forget the webhooks that wait."""
        for task in self._tasks:
            task.cancel()

    def post_later(
        self,
        seconds: float,
        make: Callable[[], bytes],
        *,
        carrier: Carrier,
        on_status: OnStatus | None = None,
    ) -> None:
        """Post the result of `make` after some seconds, and repeat it until it is accepted."""
        created = clock.monotonic() + seconds
        self._schedule(seconds, Webhook(make, on_status, carrier, created))

    async def post_now(
        self, body: bytes, *, carrier: Carrier, on_status: OnStatus | None = None
    ) -> int:
        """Post at once and return the gateway's status. A failed post is repeated later."""
        webhook = Webhook(lambda: body, on_status, carrier, clock.monotonic())
        status = await self._attempt(webhook)
        if status != HTTPStatus.OK:
            self._schedule(retry_delay(webhook.attempts), webhook)
        return status

    def _schedule(self, seconds: float, webhook: Webhook) -> None:
        if len(self._tasks) >= MAX_WAITING:
            self.counts.given_up += 1
            return
        task = asyncio.create_task(self._post_until_accepted(seconds, webhook))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post_until_accepted(self, seconds: float, webhook: Webhook) -> None:
        while clock.monotonic() + seconds - webhook.created <= OLDEST_SECONDS:
            await asyncio.sleep(seconds)
            async with self._slots:
                if await self._attempt(webhook) == HTTPStatus.OK:
                    return
            seconds = retry_delay(webhook.attempts)
        self.counts.given_up += 1

    async def _attempt(self, webhook: Webhook) -> int:
        webhook.body = webhook.body or webhook.make()
        webhook.attempts += 1
        self.counts.posted += 1
        status = await self._post(webhook.body, webhook.carrier)
        if webhook.on_status:
            webhook.on_status(status)
        if status == HTTPStatus.OK:
            self.counts.accepted += 1
        else:
            self.counts.refused += 1
        return status

    async def _post(self, body: bytes, carrier: Carrier) -> int:
        signed = headers(carrier, body, self._secrets[carrier])
        try:
            async with self._http.post(
                self._url, data=body, headers=signed, allow_redirects=False
            ) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


def retry_delay(attempt: int) -> float:
    """Return the seconds between attempt number `attempt` (from 1) and the next."""
    return RETRY_SECONDS[min(attempt, len(RETRY_SECONDS)) - 1]


@asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open the sandbox's only outgoing HTTP session."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    connector = aiohttp.TCPConnector(limit=CONCURRENT * 2)
    agent = {"User-Agent": "postkamer-sandbox"}
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, headers=agent) as http:
        yield http
