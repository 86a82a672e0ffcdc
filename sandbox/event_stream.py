"""Events of the sandbox, sent to the page as server-sent events.

All listeners read one bounded ring buffer, each at its own position. A slow listener falls behind,
learns how many events it missed, and costs nothing. Without listeners an event costs one append.
"""

import asyncio
import contextlib
from typing import Any

import msgspec
from aiohttp import web

from sandbox.memory import Ring
from services.http.problems import problem_response

EVENTS_KEPT = 2_000
"""Events that a newly opened page still gets; about 1 KiB each."""
MAX_LISTENERS = 20
"""Most open pages at a time; each costs a connection and the encoding of every event."""
WRITE_PAUSE_SECONDS = 0.05
"""Pause between two writes to one page, so that a load test does not flood it."""
MAX_BATCH = 200
"""Most events in one write, so that no write is larger than about 200 KiB."""
HEARTBEAT_SECONDS = 15
"""Pause before a comment is sent on an idle stream: shorter than any proxy's idle time-out."""

LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


class StreamEvent(msgspec.Struct, frozen=True):
    n: int
    kind: str
    data: Any


class EventStream:
    def __init__(self, run: str) -> None:
        self._run = run
        """Id of this run of the sandbox; events of earlier runs are gone."""
        self._ring: Ring[StreamEvent] = Ring(EVENTS_KEPT)
        self._changed = asyncio.Event()
        self._listeners = 0
        self._open = True

    @property
    def listeners(self) -> int:
        return self._listeners

    def publish(self, kind: str, data: Any) -> None:
        """Send an event to every page; `data` is anything that msgspec encodes as JSON."""
        self._ring.add(StreamEvent(self._ring.count + 1, kind, data))
        if self._listeners:
            self._changed.set()

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._open = False
        self._changed.set()

    def since(self, n: int) -> list[StreamEvent]:
        """Return the next events after the n-th, as many as go into one write."""
        return self._ring.after(n, MAX_BATCH)

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """GET /stream: the remembered events after Last-Event-ID, then new events."""
        if self._listeners >= MAX_LISTENERS:
            return problem_response(503, "too many pages are open", f"at most {MAX_LISTENERS}")
        run, _, position = request.headers.get("Last-Event-ID", "").partition(".")
        after = int(position) if run == self._run and position.isdecimal() else 0
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        self._listeners += 1
        try:
            with contextlib.suppress(ConnectionError):
                await self._send_events(response, min(after, self._ring.count))
        finally:
            self._listeners -= 1
        return response

    async def _send_events(self, response: web.StreamResponse, position: int) -> None:
        hello = msgspec.json.encode({"run": self._run})
        await response.write(b"retry: 1000\nevent: hello\ndata: %s\n\n" % hello)
        caught_up = False
        while self._open:
            self._changed.clear()
            if batch := self.since(position):
                await response.write(self._encode(batch, position))
                position = batch[-1].n
                await asyncio.sleep(WRITE_PAUSE_SECONDS)
                continue
            if not caught_up:
                await response.write(b"event: ready\ndata: {}\n\n")
                caught_up = True
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                await response.write(b": still here\n\n")

    def _encode(self, batch: list[StreamEvent], position: int) -> bytes:
        """Encode events; a first event gives the number that the page missed, while it was open
        or before."""
        missed = batch[0].n - position - 1
        parts = [b'event: missed\ndata: {"count": %d}\n\n' % missed] if missed else []
        for event in batch:
            head = f"id: {self._run}.{event.n}\nevent: {event.kind}\ndata: ".encode()
            # JSON from outside may hold line ends, which would end the event.
            data = msgspec.json.encode(event.data).translate(LINE_ENDS)
            parts += [head, data, b"\n\n"]
        return b"".join(parts)
