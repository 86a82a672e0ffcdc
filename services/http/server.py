"""Listening on a port: how many connections, how long they may be silent, and their last words.

aiohttp answers what it cannot read by itself, in plain text that quotes what was sent, and so does
it with what it refuses before a handler of ours (no such path) and with our faults. There is no
hook for the first; its protocol is subclassed, and the two methods replaced that make them all.
"""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from services.http.problems import HEADERS, no_room, problem

log = structlog.get_logger()

HEADER_BYTES = 4 * 1024
"""Of one header line; Meta's and a CRM's are under 1 KiB."""
HEADER_LINES = 36
"""Of one request; a CRM behind a proxy sends some 30. An unfinished header is held twice over: with
these two that is at most 288 KiB a connection, and 864 MiB if somebody fills all connections of
the front door (`MANY`) and of its operations port (`FEW`). Measured: what they say."""
SHUTDOWN_SECONDS = 5.0
"""For requests in hand when the service stops."""
FEW = 256
"""Connections open at once at a port for our own: several times what a proxy's pool holds."""
MANY = 2816
"""The same of the front door: ten times what a benchmark keeps busy (256), and a tenth for others.
What comes above it is answered 503."""
BACKLOG = 2048
"""Connections that the kernel keeps for us to accept. One for which it has no place is tried again
by its sender after 1, 3, 7 ... s."""
AT_ONCE = 256
"""Accepted in one turn of the event loop; so many may be over the bound for a moment."""
NO_FILES_SECONDS = 0.5
"""To wait when the process may not open one more file."""
SILENT_SECONDS = 65.0
"""For the whole header of a next request, from the opening or the last answer on. Longer than a
proxy keeps an idle connection (mostly 60 s), so that it is the proxy that ends it."""
LINGER_SECONDS = 2.0
"""To read on after an answer that came before the end of the request: who is still sending when we
close sees a reset instead of the answer."""
LINGER_BYTES = 256 * 1024
"""What is read so of a connection over the bound."""
LINGERING = 256
"""Connections over the bound that may be told so at once; one more is closed without a word."""

Take = Callable[[Any], Awaitable[web.StreamResponse]]
AHEAD = web.AppKey("ahead", Mapping[str, Take])
"""Path -> who takes what is posted there, before the application looks at it."""

UNREADABLE = "this is not HTTP as we read it"
TOO_LONG = (
    f"an address or header has at most {HEADER_BYTES} bytes, a request {HEADER_LINES} headers"
)
LONG = ("Got more than", "Too many")
"""How aiohttp begins to say so: for lines that are too long and for too many of them."""


class Handler(RequestHandler):
    """aiohttp's protocol, whose own answers are problems and quote nothing."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        answer = _last_words(exc)
        if answer.status == 500:
            log.error("http.failed", exc_info=exc or True)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer has left already")
        answer.headers.extend(HEADERS)
        answer.force_close()
        return answer

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            allow = resp.headers.get("Allow")
            resp = problem(resp.status, resp.reason)
            if allow:
                resp.headers["Allow"] = allow
        return await super().finish_response(request, resp, start_time)


def _last_words(error: BaseException | None) -> web.Response:
    """The answer to what could not be read, or broke off; else the fault is ours."""
    if isinstance(error, BadHttpMessage) and any(long in error.message for long in LONG):
        return problem(431, "Request Header Fields Too Large", TOO_LONG)
    if isinstance(error, HttpProcessingError | web.RequestPayloadError | ConnectionError):
        return problem(400, "Bad Request", UNREADABLE)
    fault = "a fault in Postkamer: see http.failed in the log"
    return problem(500, "Internal Server Error", fault)


class _Refused(asyncio.Protocol):
    """A connection over the bound: told so, read for a moment, closed."""

    def __init__(self, lingering: "set[asyncio.Transport]") -> None:
        self._lingering = lingering
        self._left = LINGER_BYTES
        self._transport: asyncio.Transport
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        if len(self._lingering) >= LINGERING:
            transport.abort()
            return
        self._lingering.add(transport)
        self._end = asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.abort)
        transport.write(no_room(random.random()))
        transport.write_eof()

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lingering.discard(self._transport)
        if self._end:
            self._end.cancel()


class _Accepting:
    """Accepts all who wait, a bounded number in one turn.

    uvloop accepts one in a turn, and a turn with thousands of requests takes tenths of a second;
    aiohttp's own TCPSite accepts without end.
    """

    def __init__(
        self, listening: socket.socket, protocol: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listening, self._protocol = listening, protocol
        self._opening: set[asyncio.Task[Any]] = set()
        self._later: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        self._go_on()

    def _go_on(self) -> None:
        self._loop.add_reader(self._listening, self._accept)

    def stop(self) -> None:
        self._loop.remove_reader(self._listening)
        if self._later:
            self._later.cancel()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("http.not_accepted", exc_info=error)
                self.stop()
                self._later = self._loop.call_later(NO_FILES_SECONDS, self._go_on)
                return
            self._open(connection)

    def _open(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opening = self._loop.connect_accepted_socket(self._protocol, connection)
        task = self._loop.create_task(opening)
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: "asyncio.Task[Any]") -> None:
        self._opening.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("http.not_opened", exc_info=error)


class _Rooms:
    """A protocol for each connection: the server's, or, over the bound, a few words."""

    def __init__(self, server: web.Server, most: int, silent_seconds: float) -> None:
        self._server, self._most, self._silent_seconds = server, most, silent_seconds
        self._loop = asyncio.get_running_loop()
        self._lingering: set[asyncio.Transport] = set()

    def protocol(self) -> asyncio.BaseProtocol:
        if len(self._server.connections) >= self._most:
            return _Refused(self._lingering)
        return Handler(
            self._server,
            loop=self._loop,
            access_log=None,  # type: ignore[arg-type]  # paths and peers are personal data
            # aiohttp counts from the opening of a connection too, and until a header is whole.
            keepalive_timeout=self._silent_seconds,
            lingering_time=LINGER_SECONDS,
            max_headers=HEADER_LINES,
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
            auto_decompress=False,  # nobody packs, a signature is over the bytes as they were sent
        )

    def clear(self) -> None:
        """End those that were told off and have not gone yet."""
        for transport in list(self._lingering):
            transport.abort()


def _listening(bind: str, port: int, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    return socket.create_server((bind, port), family=family, backlog=BACKLOG, reuse_port=shared)


@contextmanager
def _accepting(listening: socket.socket, rooms: _Rooms) -> Iterator[None]:
    accepting = _Accepting(listening, rooms.protocol)
    try:
        yield
    finally:
        accepting.stop()
        rooms.clear()


def _ahead(posts: Mapping[str, Take], otherwise: Take) -> Take:
    """aiohttp's routing and hooks take a twelfth of the time of the front door (instructions
    counted). Who expects a word before the body is left to them."""

    async def handle(request: web.Request) -> web.StreamResponse:
        take = posts.get(request.rel_url.raw_path) if request.method == "POST" else None
        if take is None or "Expect" in request.headers:
            take = otherwise
        return await take(request)

    return handle


@asynccontextmanager
async def serve(
    app: web.Application,
    bind: str,
    port: int,
    *,
    connections: int = FEW,
    silent_seconds: float = SILENT_SECONDS,
    shared: bool = False,
) -> AsyncIterator[int]:
    """Serve `app` until the context is left; gives the port (`port` 0 takes a free one).

    `shared` lets other processes that ask for it too listen on the same port. OSError when the
    port cannot be had.
    """
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    server = runner.server
    assert server is not None  # it is, after setup
    server.request_handler = _ahead(app.get(AHEAD, {}), server.request_handler)
    rooms = _Rooms(server, connections, silent_seconds)
    try:
        with _listening(bind, port, shared) as listening, _accepting(listening, rooms):
            yield listening.getsockname()[1]
    finally:
        await runner.cleanup()
