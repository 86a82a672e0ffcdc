"""HTTP server on a port, with bounds on connections, headers and idle time; errors are problems.

aiohttp's own error answers are plain text that quotes the request. It has no hook for its answers
to unreadable requests, so its protocol is subclassed to override that one method.
"""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, cast

import msgspec
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDictProxy

from services import metrics
from services.http.client_networks import (
    FORWARDED,
    Networks,
    counted_networks,
    forwarded_client,
    is_trusted,
    parse_address,
)
from services.http.connection_counts import ConnectionCounts, UnprovenBounds
from services.http.problems import (
    HEADERS,
    SERVER,
    problem_response,
    too_many_connections_response,
)

log = structlog.get_logger()

HEADER_BYTES = 4 * 1024
"""Bytes of one header line; Meta's and a CRM's are under 1 KiB."""
HEADER_LINES = 36
"""Headers of one request; a CRM behind a proxy sends some 30. An unfinished header is in memory
twice. These two bounds limit that to 288 KiB per connection, and to 864 MiB if all connections of
the gateway (`PUBLIC_CONNECTIONS`) and of its operations port (`INTERNAL_CONNECTIONS`) are filled.
Measurements confirm this."""
SHUTDOWN_SECONDS = 5.0
"""Time for requests in progress to finish when the service stops."""
INTERNAL_CONNECTIONS = 256
"""Connections open at once on an internal port: several times the pool of a proxy."""
PUBLIC_CONNECTIONS = 2816
"""Connections open at once at the gateway: ten times the busy connections of a benchmark (256), and
a tenth more for others."""
BACKLOG = 2048
"""Connections that the kernel queues for us to accept. The sender of one that does not fit tries
again after 1, 3, 7 ... s."""
ACCEPTED_AT_ONCE = 32
"""Connections accepted in one turn of the event loop. uvloop accepts one per server object, and a
turn with hundreds of requests takes tenths of a second. Beside 256 busy connections, the median
wait of new ones was 2.0 s with one server object and 0.2 s with this number."""
SILENT_SECONDS = 65.0
"""Time for the whole header of the next request, from the opening of the connection or the last
answer. Longer than a proxy keeps an idle connection (mostly 60 s), so that the proxy closes it."""
READ_BYTES = 64 * 1024
"""Bytes of a body after twice of which a connection is not read until a handler takes some: most
bodies come in one go. aiohttp's own number is four times as large, and each connection may fill it.
"""
STRANGER_WAITS = 3
"""Looks at a stranger's connection, `UnprovenBounds.seconds` apart, after which one and the same
request has lasted too long. A body has 10 s; who then does not read the answer holds it for ever.
"""
LAST_SECONDS = 0.5
"""Time for requests that are on their way when a process leaves a port that it shares: several
times the way to another continent and back. Each answer then closes its connection."""
LAST_LOOK_SECONDS = 0.01
LINGER_SECONDS = 2.0
"""Time to read on after an answer that was sent before the end of the request: a sender that still
sends when we close sees a reset instead of the answer."""

Handle = Callable[[Any], Awaitable[web.StreamResponse]]
POST_HANDLERS = web.AppKey("ahead", Mapping[str, Handle])
"""Path -> handler of a POST to it, which bypasses the application."""

UNREADABLE = "this is not HTTP as we read it"
TOO_LONG = (
    f"an address or header has at most {HEADER_BYTES} bytes, a request {HEADER_LINES} headers"
)
TOO_MANY = "Too many headers"
"""Start of aiohttp's message: it has no class for this error, as it has for a line that is too
long."""
FAULT = "a fault in Postkamer: see http.failed in the log"


class _Connection(RequestHandler):
    """aiohttp's protocol, with error answers that are problems and quote nothing, and an end to
    silence as long as nothing is proven."""

    __slots__ = ("_counts", "_last_count", "_networks", "_opened_at", "_timer", "_waits")

    def __init__(
        self, server: web.Server, counts: ConnectionCounts, networks: Networks, silent: float
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # paths and peers are personal data
            # aiohttp also counts from the opening of a connection, and until a header is complete.
            keepalive_timeout=silent,
            lingering_time=LINGER_SECONDS,
            max_headers=HEADER_LINES,
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
            read_bufsize=READ_BYTES,
            auto_decompress=False,  # no sender compresses; a signature is over the bytes as sent
        )
        self._counts, self._networks = counts, networks
        self._opened_at = self._loop.time()
        self._last_count = self._waits = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._counts.enter(self, self._networks)
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._counts.leave(self)
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def hear(self) -> None:
        """Note that a whole request has come."""
        if self._timer:
            self._counts.hear(self)

    def prove(self) -> None:
        """Count this connection no more among those that have proven nothing."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
            self._counts.prove(self)

    def client_networks(self, headers: CIMultiDictProxy[str]) -> Networks:
        """Return the networks of the client: those of the peer, or of whom our proxy names."""
        bounds = self._counts.bounds
        if self._networks or bounds is None or not bounds.trusted:
            return self._networks
        client = forwarded_client(headers.getall(FORWARDED, []), bounds.trusted)
        return counted_networks(client) if client else ()

    def is_idle(self) -> bool:
        """Return True if no request is in hand."""
        return self._waiter is not None and not self._waiter.done()

    def waits_for_client(self, *, spared: bool = True) -> bool:
        """Return True if it is the client's turn: to send a request, the rest of its body, or to
        read its answer. `spared`: a connection that is just opened does not count as waiting."""
        bounds = self._counts.bounds
        if spared and bounds and self._loop.time() < self._opened_at + bounds.spared_seconds:
            return False
        if self.writing_paused:
            return True
        request = self._current_request
        return not (request.content.is_eof() if request else self._messages)

    def end(self) -> None:
        """Close at once: `close` would wait until the client has read what is written."""
        if self.transport:
            self.transport.abort()

    def _watch(self) -> None:
        """Look once in a while if a request came, and close the connection if none did."""
        if self._networks and (bounds := self._counts.bounds):
            self._timer = self._loop.call_later(
                min(bounds.slow_seconds, bounds.seconds), self._note_slow, bounds
            )

    def _note_slow(self, bounds: UnprovenBounds) -> None:
        self._watch_silence(max(0.0, bounds.seconds - bounds.slow_seconds))
        ended = self._counts.note_slow(self, self._networks)
        metrics.door_refused.labels(bound="unheard").inc(ended)

    def _watch_silence(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._end_silence)

    def _end_silence(self) -> None:
        if self._request_count != self._last_count:
            self._last_count, self._waits = self._request_count, 0
        elif self.is_idle() or self._waits == STRANGER_WAITS:
            self.end()
            return
        self._waits += 1
        if self._counts.bounds:
            self._watch_silence(self._counts.bounds.seconds)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, HttpProcessingError) and _is_too_long(exc):
            answer = problem_response(431, "Request Header Fields Too Large", TOO_LONG)
        elif isinstance(exc, HttpProcessingError | web.RequestPayloadError | ConnectionError):
            answer = problem_response(400, "Bad Request", UNREADABLE)
        else:
            answer = problem_response(500, "Internal Server Error", FAULT)
            log.error("http.failed", exc_info=exc or True)
        if exc:
            # The body's stream keeps the error that ended it, and the error its frames, which have
            # the stream. After a flood of half bodies such cycles held 90 MiB.
            exc.__traceback__ = None
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer has left already")
        answer.headers.extend(HEADERS)
        answer.force_close()
        return answer


def _is_too_long(error: HttpProcessingError) -> bool:
    return isinstance(error, LineTooLong) or TOO_MANY in error.message


class _Doorway(asyncio.Protocol):
    """Lets a new connection in, or answers it 503 and closes it. A refused sender that still sends
    may see a reset instead, as nothing is read."""

    def __init__(self, server: web.Server, counts: ConnectionCounts, silent: float) -> None:
        self._server, self._counts, self._silent = server, counts, silent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        networks = _peer_networks(transport, self._counts.bounds)
        bound = self._counts.refusal(networks)
        if bound and self._counts.make_room(bound, networks):
            metrics.door_refused.labels(bound="made_room").inc()
            bound = None
        if bound:
            metrics.door_refused.labels(bound=bound).inc()
            transport.write(too_many_connections_response(random.random()))
            transport.close()
            return
        connection = _Connection(self._server, self._counts, networks, self._silent)
        transport.set_protocol(connection)
        connection.connection_made(transport)


def _peer_networks(transport: asyncio.Transport, bounds: UnprovenBounds | None) -> Networks:
    """Return the networks in which a connection counts; none for a proxy of ours."""
    peer = transport.get_extra_info("peername")
    address = parse_address(peer[0]) if bounds and isinstance(peer, tuple) else None
    if bounds is None or address is None or is_trusted(address, bounds.trusted):
        return ()
    return counted_networks(address)


def mark_proven(request: web.BaseRequest) -> None:
    """Let the connection of a request count no more for its address: the sender is known."""
    if isinstance(request.protocol, _Connection):
        request.protocol.prove()


def _mark_heard(request: web.BaseRequest) -> None:
    """Note that a whole request has come on its connection, if it has."""
    if request.content.is_eof() and isinstance(request.protocol, _Connection):
        request.protocol.hear()


def end_for_another(request: web.BaseRequest) -> None:
    """Close the connection of a request, because another needs the room that it takes."""
    metrics.door_refused.labels(bound="made_room").inc()
    if isinstance(request.protocol, _Connection):
        request.protocol.end()


def client_networks(request: web.BaseRequest) -> Networks:
    """Return the networks of the client that sent a request, also behind a proxy of ours."""
    protocol = request.protocol
    return protocol.client_networks(request.headers) if isinstance(protocol, _Connection) else ()


def _handler(posts: Mapping[str, Handle], application: Handle, leaving: asyncio.Event) -> Handle:
    """Return a handler that uses `posts`, else the application, whose refusals become problems.
    When `leaving` is set, each answer is the last of its connection.

    aiohttp's routing and hooks take a twelfth of the gateway's time (in instructions). They are
    needed for a request with `Expect`, which waits for an answer before it sends its body.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.transport is None:  # or the reading of its body is an error of ours
            raise ConnectionResetError("the client has gone")
        post = posts.get(request.rel_url.raw_path) if request.method == "POST" else None
        _mark_heard(request)
        if post and "Expect" not in request.headers:
            answer = await post(request)
        else:
            answer = await _route(application, request)
        if leaving.is_set():
            answer.force_close()
        return answer

    return handle


async def _route(application: Handle, request: web.Request) -> web.StreamResponse:
    try:
        return await application(request)
    except web.HTTPException as refusal:
        answer = problem_response(refusal.status, refusal.reason)
        if allow := refusal.headers.get("Allow"):
            answer.headers["Allow"] = allow
        return answer


async def _name_server(_: web.Request, answer: web.StreamResponse) -> None:
    answer.headers["Server"] = SERVER


def _listening_socket(bind: str, port: int, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    return socket.create_server((bind, port), family=family, backlog=BACKLOG, reuse_port=shared)


async def _answer_last(
    listening: socket.socket, open_door: Callable[[], _Doorway], server: web.Server
) -> None:
    """Take the connections that the kernel has queued for this process, and answer what is on its
    way: others listen on this port, but a sender that is connected to us sees a reset."""
    loop = asyncio.get_running_loop()
    listening.setblocking(False)
    with suppress(BlockingIOError):
        for _ in range(BACKLOG):
            connection, _ = listening.accept()
            await loop.connect_accepted_socket(open_door, connection)
    listening.close()
    end = loop.time() + LAST_SECONDS
    while server.connections and loop.time() < end:  # noqa: ASYNC110  # aiohttp tells nobody
        await asyncio.sleep(LAST_LOOK_SECONDS)


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the connections of one port."""

    connections: int = INTERNAL_CONNECTIONS
    silent_seconds: float = SILENT_SECONDS
    unproven: UnprovenBounds | None = None
    """Bounds of those of strangers; None: nobody is one here."""


INTERNAL = ServerLimits()


@asynccontextmanager
async def serve(
    app: web.Application,
    bind: str,
    port: int,
    *,
    limits: ServerLimits = INTERNAL,
    shared: bool = False,
) -> AsyncIterator[int]:
    """Serve `app` until the context is left; yields the port (`port` 0 chooses a free one).

    With `shared`, other processes that also set it may listen on the same port. Raises OSError if
    the port is not available.
    """
    app.on_response_prepare.append(_name_server)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    server = runner.server
    assert server is not None  # set by `setup`
    leaving = asyncio.Event()
    posts = app.get(POST_HANDLERS, {})
    server.request_handler = _handler(posts, server.request_handler, leaving)
    counts = ConnectionCounts(limits.connections, limits.unproven)
    loop = asyncio.get_running_loop()

    def open_door() -> _Doorway:
        return _Doorway(server, counts, limits.silent_seconds)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        listening = stack.enter_context(_listening_socket(bind, port, shared))
        if shared:
            stack.push_async_callback(_answer_last, listening, open_door, server)
        for _ in range(ACCEPTED_AT_ONCE):
            each = await loop.create_server(open_door, sock=listening.dup(), backlog=BACKLOG)
            stack.callback(each.close)
        stack.callback(leaving.set)
        yield listening.getsockname()[1]
