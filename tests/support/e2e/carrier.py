"""Meta's side of a town that goes away: it brings each webhook until it is answered 200."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import aiohttp

from tests.support.citizens import post, text, webhook

PAUSE = 0.1
"""Seconds between two messages of one citizen, and between two attempts: below what anybody keeps
up."""


class Carrier:
    """Brings webhooks to where the callback leads, and knows what it brought."""

    def __init__(self, session: aiohttp.ClientSession, gateway: str, run: str) -> None:
        self._session, self.gateway, self._run = session, gateway, run
        self.taken: list[tuple[str, bytes]] = []
        """Text and body of each webhook that was answered 200, in order."""
        self.refused = self.unanswered = 0
        """Attempts that were answered 503, and that nobody answered."""
        self.repeated: set[str] = set()
        """Texts of the webhooks that needed more than one attempt."""

    async def bring(self, words: str, wamid: str, citizen: int) -> None:
        """Bring one message until it is taken, to wherever the callback leads by then."""
        body = webhook(text(words, wamid, citizen))
        while (status := await post(self._session, self.gateway, body)) != 200:
            self.refused += status == 503
            self.unanswered += status == 0
            self.repeated.add(words)
            await asyncio.sleep(PAUSE)  # Meta's wait between two attempts
        self.taken.append((words, body))

    async def _write(self, citizen: int, ends: asyncio.Event) -> None:
        """A citizen who writes on and on."""
        for n in count():
            if ends.is_set():
                return
            await self.bring(
                f"{self._run} {citizen} {n}", f"wamid.{self._run}.{citizen}.{n}", citizen
            )
            await asyncio.sleep(PAUSE)

    @asynccontextmanager
    async def writing(self, citizens: range) -> AsyncIterator[None]:
        """Citizens who write until the context is left, each to the end of what it writes."""
        ends = asyncio.Event()
        tasks = [asyncio.create_task(self._write(each, ends)) for each in citizens]
        try:
            yield
            ends.set()
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
