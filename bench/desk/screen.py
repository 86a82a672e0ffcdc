"""A screen: one browser page that does what htmx and `desk.js` do, without drawing it.

A page is fetched, then its stream of server-sent events is opened. At each notice that the page
listens to, it fetches its part again: one fetch at a time, and one more after it if a notice came
meanwhile, as htmx does.
"""

import asyncio
import contextlib
import re
import time
from html import unescape

import aiohttp

from bench.desk.notes import CONVERSATION, INBOX, LIST, MESSAGES, Notes

MARK = re.compile(r"#(\d+)#")
"""Number of a message, at the beginning of its text."""
PART = re.compile(r'hx-get="([^"]+)" hx-trigger="([^"]+)"')
STREAM = re.compile(r'sse-connect="([^"]+)"')
LINKS = re.compile(r'href="(/conversations/[^"/?]+)"')
RETRY_SECONDS = 1.0
"""Pause before a browser opens a stream again, as the stream tells it."""
READY_SECONDS = 10.0


class Screen:
    def __init__(
        self, name: str, http: aiohttp.ClientSession, desk: str, cookie: str, notes: Notes
    ) -> None:
        self.name, self.notes = name, notes
        self._http, self._desk = http, desk
        self._headers = {
            "Cookie": cookie,
            "Accept-Language": "nl",
            "Sec-Fetch-Site": "same-origin",
        }
        self.links: list[str] = []
        self._open: list[asyncio.Task[None]] = []
        self._wanted, self._ready = asyncio.Event(), asyncio.Event()

    async def go(self, path: str) -> None:
        """Leave the page for another one. Return when its stream says that it is open."""
        await self.leave()
        kind = CONVERSATION if path.startswith("/conversations/") else INBOX
        page = await self._get(path, kind)
        part, stream = PART.search(page), STREAM.search(page)
        if part is None or stream is None:
            self.notes.faults[f"no page at {kind}"] += 1
            return
        self.links = LINKS.findall(page) or self.links
        names = {each.strip().removeprefix("sse:") for each in part[2].split(",")}
        self._wanted.clear()
        self._ready.clear()
        fetching = self._fetch(unescape(part[1]), MESSAGES if kind == CONVERSATION else LIST)
        listening = self._listen(unescape(stream[1]), names)
        self._open = [asyncio.create_task(each) for each in (fetching, listening)]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), READY_SECONDS)

    async def leave(self) -> None:
        for each in self._open:
            each.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self._open = []

    async def _get(self, path: str, kind: str, **headers: str) -> str:
        began = time.monotonic()
        async with self._http.get(
            self._desk + path, headers=self._headers | headers, allow_redirects=False
        ) as answer:
            body = await answer.read()
        if answer.status != 200:
            self.notes.faults[f"{kind} answered {answer.status}"] += 1
            return ""
        self.notes.note_page(kind, began, len(body))
        text = body.decode()
        self.notes.note_arrivals(self.name, {int(n) for n in MARK.findall(text)})
        return text

    async def _fetch(self, path: str, kind: str) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._get(path, kind, **{"HX-Request": "true"})

    async def _listen(self, path: str, names: set[str]) -> None:
        headers = self._headers | {"Accept": "text/event-stream"}
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with self._http.get(self._desk + path, headers=headers) as answer:
                    async for line in answer.content:
                        self._ready.set()
                        if line.decode().strip().removeprefix("event: ") in names:
                            self._wanted.set()
            self.notes.faults["a stream ended"] += 1
            await asyncio.sleep(RETRY_SECONDS)
