"""The CRM stand-in: accepts signed events, remembers them for tests, misbehaves on request."""

import zlib
from http import HTTPStatus
from typing import Literal

import msgspec
from aiohttp import web

from sandbox.crm import event_validation
from sandbox.crm.dataref_fetcher import DatarefFetcher
from sandbox.crm.event_validation import Event
from sandbox.crm.inbox import Inbox
from sandbox.event_stream import EventStream
from sandbox.failure_mode import FailureMode, FailureSwitch, break_connection
from services import clock
from services.http.body import read_body
from services.http.problems import json_response, problem_response

BODY_BYTES = 16 * 1024 * 1024
"""Largest body: a batch of 256 events of the largest size."""
BODY_SECONDS = 30.0
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
    "hang": 503,
}
"""Modes that answer with this status and store nothing."""


class CrmMode(FailureMode, frozen=True):
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
    conversation_id: str = ""
    """Apply the mode only to requests with an event of this conversation."""
    one_in: int = 0
    """Apply the mode only to one in so many events, chosen by id; 0 for all."""

    def applies_to(self, events: list[Event]) -> bool:
        conversation, one_in = self.conversation_id, self.one_in
        is_here = not conversation or any(each.conversation == conversation for each in events)
        hashes = (zlib.crc32(each.id.encode()) for each in events)
        return is_here and (not one_in or any(number % one_in == 0 for number in hashes))


class CrmReceiver:
    def __init__(self, secret: bytes, *, stream: EventStream, fetcher: DatarefFetcher) -> None:
        self._secret = secret
        self._stream, self._fetcher = stream, fetcher
        self._inbox = Inbox()
        self.failures = FailureSwitch(CrmMode, self._publish_mode)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/crm/events", self._events),
            web.get("/crm/received", self._received),
            web.delete("/crm/received", self._clear),
            web.get("/crm/summary", self._summary),
            web.post("/crm/mode", self.failures.set_mode),
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
        mode = self.failures.take(lambda mode: mode.applies_to(events))
        await self.failures.delay(mode)
        if status := REFUSALS.get(mode.mode):
            return refusal_response(mode, status)
        if mode.mode == "reset":
            return break_connection(request)
        for event in events:
            first = self._inbox.add(event)
            self._stream.publish("crm", msgspec.Raw(event.raw))
            if first and event.dataref:
                self._fetcher.enqueue(event)
        return acceptance_response(request, mode)

    def _publish_mode(self, mode: CrmMode) -> None:
        self._stream.publish("mode", {"mode": mode.mode})

    async def _received(self, request: web.Request) -> web.Response:
        after = request.query.get("after")
        if after is None:
            return json_response(self._inbox.latest(MAX_LISTED))
        if not after.isdecimal():
            return problem_response(400, "after: expected a whole number")
        return json_response(self._inbox.after(int(after), MAX_LISTED))

    async def _summary(self, _: web.Request) -> web.Response:
        return json_response(self._inbox.summary() | {"mode": self.failures.mode.mode})

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
    found = [event_validation.read_event(raw) for raw in raws]
    faults = [{"event": n, "reason": one} for n, one in enumerate(found) if isinstance(one, str)]
    if faults:
        return problem_response(400, "not a valid CloudEvent", errors=faults)
    return [event for event in found if isinstance(event, Event)]


def refusal_response(mode: CrmMode, status: int) -> web.Response:
    response = problem_response(
        status, "told to refuse", f"the mode is {mode.mode}", code=mode.mode
    )
    response.headers.update(mode.headers)
    if status == HTTPStatus.FOUND:
        response.headers["Location"] = "/crm/elsewhere"
    return response


def acceptance_response(request: web.Request, mode: CrmMode) -> web.Response:
    """Return the response to accepted events."""
    match mode.mode:
        case "lost":
            return break_connection(request)
        case "half":
            return break_connection(request, after=b"HTTP/1.1 20")
        case "large":
            return web.Response(body=bytes(LARGE_BYTES))
    return web.Response(status=204)
