"""The CRM stand-in: accepts signed events, remembers them for tests, misbehaves on request."""

import asyncio
import contextlib
import zlib
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from aiohttp import web

from sandbox.crm import event_validation
from sandbox.crm.dataref_fetcher import DatarefFetcher
from sandbox.crm.event_validation import Event
from sandbox.crm.inbox import Inbox
from sandbox.event_stream import EventStream
from services import clock
from services.http.body import read_body
from services.http.problems import json_response, problem_response

BODY_BYTES = 16 * 1024 * 1024
"""Largest body: a batch of 256 events of the largest size."""
BODY_SECONDS = 30.0
HANG_SECONDS = 600.0
"""Time that a response is held in the mode `hang`: longer than any client waits."""
SLOWEST_SECONDS = 60.0
LARGE_BYTES = 10 * 1024 * 1024
MAX_LISTED = 1_000

REFUSALS: dict[str, int] = {
    "redirect": 302,
    "bad-request": 400,
    "unauthorized": 401,
    "not-found": 404,
    "conflict": 409,
    "gone": 410,
    "too-large": 413,
    "unprocessable": 422,
    "too-many": 429,
    "error": 500,
    "refuse": 503,
}
"""Modes that answer with this status and store nothing."""


class Mode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of POST /crm/mode.

    hang: no response; slow: accepts late; lost: accepts, but breaks the connection before the
    response; half: breaks it in the middle of the response; large: accepts with a response of
    10 MB; reset: breaks the connection at once.
    """

    mode: Literal[
        "ok", "hang", "slow", "lost", "half", "large", "reset",
        "redirect", "bad-request", "unauthorized", "not-found", "conflict", "gone",
        "too-large", "unprocessable", "too-many", "error", "refuse",
    ] = "ok"  # fmt: skip
    count: int = 0
    """Number of requests that the mode applies to; 0 for all until the next mode."""
    conversation_id: str = ""
    """Apply the mode only to requests with an event of this conversation."""
    one_in: int = 0
    """Apply the mode only to one in so many events, chosen by id; 0 for all."""
    seconds: float = 1.0
    """Delay in the mode slow."""
    retry_after: int = 0
    """Seconds in a Retry-After header; 0 for none."""


class CrmReceiver:
    def __init__(self, secret: bytes, *, stream: EventStream, fetcher: DatarefFetcher) -> None:
        self._secret = secret
        self._stream, self._fetcher = stream, fetcher
        self._inbox = Inbox()
        self._mode = Mode()
        self._remaining = 0
        self._changed = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/crm/events", self._events),
            web.get("/crm/received", self._received),
            web.delete("/crm/received", self._clear),
            web.get("/crm/summary", self._summary),
            web.post("/crm/mode", self._set_mode),
        ]

    async def _events(self, request: web.Request) -> web.Response:
        try:
            body = await read_body(request, BODY_BYTES, BODY_SECONDS)
        except TimeoutError:
            return problem_response(408, "the body did not come")
        if body is None:
            return problem_response(413, "the body is too large", f"at most {BODY_BYTES} bytes")
        at = clock.now().timestamp()
        if reason := event_validation.signature_fault(request.headers, body, self._secret, at):
            return problem_response(401, "the signature is not valid", reason)
        events = read_events(request.content_type, body)
        if isinstance(events, web.Response):
            return events
        return await self._receive(request, events)

    async def _receive(self, request: web.Request, events: list[Event]) -> web.Response:
        mode = self._current_mode(events)
        if status := REFUSALS.get(mode.mode):
            return refusal_response(mode, status)
        match mode.mode:
            case "hang":
                await self._hang()
                return refusal_response(mode, HTTPStatus.SERVICE_UNAVAILABLE)
            case "reset":
                return break_connection(request)
            case "slow":
                await asyncio.sleep(min(mode.seconds, SLOWEST_SECONDS))
        for event in events:
            first = self._inbox.add(event)
            self._stream.publish("crm", msgspec.Raw(event.raw))
            if first and event.dataref:
                self._fetcher.enqueue(event)
        return acceptance_response(request, mode)

    def _current_mode(self, events: list[Event]) -> Mode:
        """Return the mode for a request with these events, and count the request."""
        conversation = self._mode.conversation_id
        if conversation and not any(event.conversation == conversation for event in events):
            return Mode()
        one_in = self._mode.one_in
        if one_in and not any(zlib.crc32(event.id.encode()) % one_in == 0 for event in events):
            return Mode()
        mode = self._mode
        if self._remaining:
            self._remaining -= 1
            if not self._remaining:
                self._mode = Mode()
                self._stream.publish("mode", {"mode": self._mode.mode})
        return mode

    async def _hang(self) -> None:
        changed = self._changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_SECONDS):
                await changed.wait()

    def close(self) -> None:
        """End all hanging requests, so that the server can stop."""
        self._changed.set()

    async def _set_mode(self, request: web.Request) -> web.Response:
        try:
            mode = msgspec.json.decode(await request.read(), type=Mode)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "this mode is not known", str(error))
        self._mode, self._remaining = mode, mode.count
        self._changed.set()
        self._changed = asyncio.Event()
        self._stream.publish("mode", {"mode": mode.mode})
        return json_response(mode)

    async def _received(self, request: web.Request) -> web.Response:
        after = request.query.get("after")
        if after is None:
            return json_response(self._inbox.latest(MAX_LISTED))
        if not after.isdecimal():
            return problem_response(400, "after: expected a whole number")
        return json_response(self._inbox.after(int(after), MAX_LISTED))

    async def _summary(self, _: web.Request) -> web.Response:
        return json_response(self._inbox.summary() | {"mode": self._mode.mode})

    async def _clear(self, _: web.Request) -> web.Response:
        self._inbox.clear()
        return web.Response(status=204)


def read_events(content_type: str, body: bytes) -> list[Event] | web.Response:
    """Return the events of a request, or the response that refuses it."""
    try:
        raws = event_validation.split_batch(content_type, body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return problem_response(400, "the batch is not a JSON array", str(error))
    if raws is None:
        expected = f"expected {event_validation.SINGLE} or {event_validation.BATCH}"
        return problem_response(415, "the content type is not that of a CloudEvent", expected)
    events: list[Event] = []
    faults: list[dict[str, Any]] = []
    for n, raw in enumerate(raws):
        event, reasons = event_validation.read_event(raw)
        if event:
            events.append(event)
        faults += [{"event": n, "reason": reason} for reason in reasons]
    if faults:
        return problem_response(400, "not a valid CloudEvent", errors=faults)
    return events


def refusal_response(mode: Mode, status: int) -> web.Response:
    response = problem_response(
        status, "told to refuse", f"the mode is {mode.mode}", code=mode.mode
    )
    if mode.retry_after:
        response.headers["Retry-After"] = str(mode.retry_after)
    if status == HTTPStatus.FOUND:
        response.headers["Location"] = "/crm/elsewhere"
    return response


def acceptance_response(request: web.Request, mode: Mode) -> web.Response:
    """Return the response to accepted events."""
    match mode.mode:
        case "lost":
            return break_connection(request)
        case "half":
            return break_connection(request, after=b"HTTP/1.1 20")
        case "large":
            return web.Response(body=bytes(LARGE_BYTES))
    return web.Response(status=204)


def break_connection(request: web.Request, after: bytes = b"") -> web.Response:
    """Break the connection, so that the response never arrives; `after` is sent before."""
    if request.transport:
        request.transport.write(after)
        request.transport.close() if after else request.transport.abort()
    return web.Response(status=204)
