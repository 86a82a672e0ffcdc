"""Events of the sandbox, sent to the page as server-sent events.

All listeners read one bounded ring buffer, each at its own position. A slow listener falls behind,
learns how many events it missed, and costs nothing. Without listeners an event costs one append.
"""

import asyncio
import contextlib
from collections import deque
from itertools import islice
from typing import Any

import msgspec
from aiohttp import web

from services.http.problems import problem_response

EVENTS_KEPT = 2_000
"""Events that a newly opened page still gets; about 1 KiB each."""
LISTENERS_MOST = 20
"""Most open pages at a time; each costs a connection and the encoding of every event."""
PACE_SECONDS = 0.05
"""Pause between two writes to one page, so that a load test does not flood it."""
BATCH_MOST = 200
"""Most events in one write, so that no write is larger than about 200 KiB."""
HEARTBEAT_SECONDS = 15
"""Pause before a comment is sent on an idle stream: shorter than any proxy's idle time-out."""

LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


class Happening(msgspec.Struct, frozen=True):
    n: int
    kind: str
    data: Any


class Stream:
    def __init__(self, run: str) -> None:
        self._run = run
        """Id of this run of the sandbox; events of earlier runs are gone."""
        self._ring: deque[Happening] = deque(maxlen=EVENTS_KEPT)
        self._last = 0
        self._news = asyncio.Event()
        self._listeners = 0
        self._open = True

    @property
    def listeners(self) -> int:
        return self._listeners

    def publish(self, kind: str, data: Any) -> None:
        """Send an event to every page; `data` is anything that msgspec encodes as JSON."""
        self._last += 1
        self._ring.append(Happening(self._last, kind, data))
        if self._listeners:
            self._news.set()

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._open = False
        self._news.set()

    def since(self, n: int) -> list[Happening]:
        """Return the next events after the n-th, as many as go into one write."""
        oldest = self._last - len(self._ring)
        start = max(n - oldest, 0)
        return list(islice(self._ring, start, start + BATCH_MOST))

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """GET /stream: the remembered events after Last-Event-ID, then new events."""
        if self._listeners >= LISTENERS_MOST:
            return problem_response(503, "too many pages are open", f"at most {LISTENERS_MOST}")
        run, _, place = request.headers.get("Last-Event-ID", "").partition(".")
        after = int(place) if run == self._run and place.isdecimal() else 0
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        self._listeners += 1
        try:
            with contextlib.suppress(ConnectionError):
                await self._feed(response, min(after, self._last))
        finally:
            self._listeners -= 1
        return response

    async def _feed(self, response: web.StreamResponse, place: int) -> None:
        hello = msgspec.json.encode({"run": self._run})
        await response.write(b"retry: 1000\nevent: hello\ndata: %s\n\n" % hello)
        caught_up = False
        while self._open:
            self._news.clear()
            if batch := self.since(place):
                await response.write(self._encode(batch, place))
                place = batch[-1].n
                await asyncio.sleep(PACE_SECONDS)
                continue
            if not caught_up:
                await response.write(b"event: ready\ndata: {}\n\n")
                caught_up = True
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                await response.write(b": still here\n\n")

    def _encode(self, batch: list[Happening], place: int) -> bytes:
        """Encode events; if some were missed, a first event gives their number."""
        missed = batch[0].n - place - 1
        parts = [b'event: missed\ndata: {"count": %d}\n\n' % missed] if missed and place else []
        for one in batch:
            head = f"id: {self._run}.{one.n}\nevent: {one.kind}\ndata: ".encode()
            # JSON from outside may hold line ends, which would end the event.
            data = msgspec.json.encode(one.data).translate(LINE_ENDS)
            parts += [head, data, b"\n\n"]
        return b"".join(parts)
