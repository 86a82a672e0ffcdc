"""Asks for the templates of each number every hour, and soon after a notice of Meta about one.

It runs beside sending and shares nothing with it but the pool: no failure here ends the deliverer.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping

import structlog

from deliverer.meta.accounts import Account
from deliverer.meta.health.finding import Finding
from deliverer.meta.templates.template_page import TemplateList
from deliverer.meta.templates.template_query import list_templates
from deliverer.meta.templates.template_store import TemplateStore
from deliverer.transport.http_client import HttpClient

FIRST_SECONDS = 5.0
"""Time from the start to the first look: a desk needs the list soon, and it is two requests."""
LOOK_SECONDS, AGAIN_SECONDS = 3600.0, 600.0
"""Time to the next look at a number, and if there was no answer. Meta allows 200 calls an hour for
an account, and 5,000 once it has a registered number."""
JITTER = 0.1
"""Part of a time by which it may be longer, so that installations do not ask all at once."""
POLL_SECONDS = 3.0
"""Interval between two looks for due numbers: a desk should not offer a paused one for long."""
REQUEST_SECONDS, CONNECTIONS = 10.0, 1
"""Bounds of the requests: one page at a time."""
CLAIM_SECONDS = 300.0
"""Time for which a number is claimed; after it, another process takes over."""
LONGEST_LOOK = 240.0
"""Time limit of one look, within its claim: all pages, if each takes as long as it may."""

log = structlog.get_logger()


class TemplateWatch:
    def __init__(
        self, store: TemplateStore, accounts: Mapping[str, Account], client: HttpClient
    ) -> None:
        self._store, self._accounts, self._client = store, accounts, client

    async def run(self) -> None:
        await asyncio.sleep(_with_jitter(FIRST_SECONDS))
        await self._guard(self._store.begin)
        while True:
            await self._guard(self.ask_due)
            await asyncio.sleep(POLL_SECONDS)

    async def _guard(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run a step; log its failure, whatever it is, and go on: sending must not end by it."""
        try:
            await action()
        except Exception as error:
            log.error("templates.failed", exc_info=error)

    async def ask_due(self) -> None:
        """Ask for the templates of each number that is due."""
        while number := await self._store.claim(CLAIM_SECONDS):
            async with asyncio.timeout(LONGEST_LOOK):
                listed = await list_templates(self._accounts[number], self._client)
            if isinstance(listed, TemplateList):
                await self._store.store(number, listed)
            elif isinstance(listed, Finding):
                log.warning("templates.unread", number=number, reason=listed.detail)
            again = AGAIN_SECONDS if listed is None else LOOK_SECONDS
            await self._store.finish(number, _with_jitter(again))


def _with_jitter(seconds: float) -> float:
    return seconds * (1 + JITTER * random.random())
