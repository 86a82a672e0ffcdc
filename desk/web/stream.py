"""The stream of changes: open pages hear that something changed, and fetch it. A notice names
conversations by their ids and quotes nothing of them."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable

import msgspec
from aiohttp import web

from desk.inbox.changed import Changed
from desk.web.gate import Gate
from desk.web.journal import Journal
from desk.web.site import Visit
from services import metrics
from services.http.problems import problem_response

MAX_PAGES = 400
"""Open pages of one process: some twenty people with several windows, many times."""
PAGES_OF_SESSION = 24
"""Open pages of one employee, so that none takes those of all."""
PAUSE_SECONDS = 0.4
"""Pause between two notices to one page, so that a storm does not have it fetch without end: it
fetches twice a second at most."""
SPREAD_SECONDS = 0.2
"""Time over which the open pages are told of one change. If all fetched at once, whoever opens a
page at that moment would wait for all of them."""
PLACES = 20
"""Moments in that time: with more pages, some share one."""
HEARTBEAT_SECONDS = 15.0
"""Pause before a sign of life, shorter than the idle time-out of any proxy."""
LONGEST_SECONDS = 240.0
"""Life of one stream: the browser opens the next one, which asks again who is there."""

_changed = msgspec.json.Decoder(Changed)


class _Page:
    """One open page, and what changed since it was last told."""

    __slots__ = ("conversation", "delay", "has_list", "has_own", "is_reached", "session", "wake")

    def __init__(
        self,
        conversation: str,
        is_reached: Callable[[Changed], bool],
        delay: float,
        session: bytes = b"",
    ) -> None:
        self.conversation, self.is_reached, self.delay = conversation, is_reached, delay
        self.session = session
        self.wake = asyncio.Event()
        self.has_list = self.has_own = False

    def tell(self, news: Changed | None) -> None:
        """Note a change; None stands for changes that nobody heard of."""
        if news is None or self.is_reached(news):
            self.has_list = True
            self.has_own |= news is None or news.id == self.conversation
            self.wake.set()

    def take(self) -> list[str]:
        names = ["list"] * self.has_list + ["conversation"] * (
            self.has_own and self.conversation != ""
        )
        self.has_list = self.has_own = False
        self.wake.clear()
        return names


class Stream:
    def __init__(self, gate: Gate, journal: Journal) -> None:
        self._gate, self._journal = gate, journal
        self._pages: set[_Page] = set()
        self._is_open = True
        self._delays = itertools.cycle(n * SPREAD_SECONDS / PLACES for n in range(PLACES))

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/stream", self._gate.require(self._listen, is_use=False), allow_head=False)
        ]

    def hear(self, payload: str) -> None:
        """Tell the open pages of a notice of the database."""
        try:
            news = _changed.decode(payload)
        except msgspec.DecodeError:
            return
        self._tell(news)

    def hear_gap(self) -> None:
        """Tell the open pages that something may have changed."""
        self._tell(None)

    def _tell(self, news: Changed | None) -> None:
        self._journal.note(news)
        for page in self._pages:
            page.tell(news)

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._is_open = False
        self.hear_gap()

    async def _listen(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        """GET /stream?conversation=&since=: notices `list` and `conversation`, without data. What
        changed since the page was made, or its stream was away, it is told at once. A conversation
        has no mark: the record from which it was drawn may be behind what was heard."""
        assert visit.session
        own = sum(each.session == visit.session.id for each in self._pages)
        if len(self._pages) >= MAX_PAGES or own >= PAGES_OF_SESSION:
            return problem_response(503, "Service Unavailable", "too many pages are open")
        access = visit.session.access
        name, delay = request.query.get("conversation", ""), next(self._delays)
        page = _Page(name, lambda news: news.concerns(access), delay, visit.session.id)
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        self._pages.add(page)
        for news in self._journal.since(request.query.get("since", "")):
            page.tell(news)
        metrics.desk_streams.set(len(self._pages))
        try:
            with contextlib.suppress(ConnectionError):
                await self._send(response, page)
        finally:
            self._pages.discard(page)
            metrics.desk_streams.set(len(self._pages))
        return response

    async def _send(self, response: web.StreamResponse, page: _Page) -> None:
        ends_at = asyncio.get_running_loop().time() + LONGEST_SECONDS
        await response.write(b"retry: 1000\n\n")
        while self._is_open and asyncio.get_running_loop().time() < ends_at:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await page.wake.wait()
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            await asyncio.sleep(page.delay)
            names = page.take()
            await response.write(b"".join(b"event: %s\ndata: 1\n\n" % n.encode() for n in names))
            await asyncio.sleep(PAUSE_SECONDS)
