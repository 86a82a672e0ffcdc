"""HTTP for every service: health, metrics, bounded bodies, headers, problems.

`live` says that the process runs, `ready` that its work can be done; an answer with no body is
never cached. Errors are RFC 9457 problems.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import structlog
from aiohttp import web
from prometheus_client import generate_latest

from services.observe import REGISTRY

log = structlog.get_logger()

VERSION = "0.1.0"
HEADERS = {
    "API-Version": VERSION,
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On each answer, as the API Design Rules ask."""
ALSO = web.RequestKey("also", dict[str, str])
"""Headers that a request's answer has besides, whoever makes it."""

HEADER_BYTES = 8 * 1024
"""Of one header line; Meta's and a CRM's are under 1 KiB."""
HEADER_LINES = 64
"""Of one request; a CRM behind a proxy sends some 30. An unfinished header is held twice over, so
these two and `CONNECTIONS` are 1 GiB if somebody fills them all."""
SHUTDOWN_SECONDS = 5.0
"""For requests in hand when the service stops."""
CONNECTIONS = 1000
"""Open at once at one port: several times what a proxy's pool holds, and under the limit of open
files that a process starts with. What comes above it is closed at once."""
BACKLOG = 128
"""Connections that the kernel keeps for us to accept; so many may be over `CONNECTIONS` for one
turn of the event loop."""
SILENT_SECONDS = 65.0
"""For the whole header of a next request, from the opening or the last answer on. Longer than a
proxy keeps an idle connection (mostly 60 s), so that it is the proxy that ends it."""

RETRY_AFTER_SECONDS = 5
"""What a refused sender is asked to wait: as long as a broker takes to come back."""

Ready = Callable[[], Awaitable[list[str]]]
"""What keeps the service from being ready, a sentence each; empty when it is."""


def problem(status: int, title: str, detail: str = "", **more: Any) -> web.Response:
    """An RFC 9457 problem; `more` are its extension members."""
    body = {"status": status, "title": title, "detail": detail or title} | more
    return web.Response(
        status=status,
        body=msgspec.json.encode(body),
        headers={"Content-Type": "application/problem+json"},
    )


def unavailable(reason: str) -> web.Response:
    """503: nothing is wrong with the request, and it may be tried again."""
    answer = problem(503, "Service Unavailable", reason)
    answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        headers={"Content-Type": "application/json"} | (headers or {}),
    )


class OverBudget(Exception):
    """All requests together hold as much as they may."""


class Budget:
    """Bytes that all requests together may hold: of what has arrived, not of what is announced."""

    def __init__(self, size: int) -> None:
        self.left = size

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """One request's: take bytes as they arrive, or OverBudget; given back at the end."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self.left:
                raise OverBudget
            self.left -= size
            taken += size

        try:
            yield take
        finally:
            self.left += taken


def _uncounted(_: int) -> None:
    """Of a door whose bodies are small."""


async def read_body(
    request: web.Request, limit: int, seconds: float, *, take: Callable[[int], None] = _uncounted
) -> bytes | None:
    """The body as received, or None when it is over `limit` bytes; `take` counts what arrives.

    TimeoutError when it has not arrived within `seconds`. Never holds more than limit + 64 KiB.
    """
    if request.content_length is not None and request.content_length > limit:
        return None
    if request.content.is_eof():  # it came in one go, as most do: no timer needed
        body = request.content.read_nowait()
        if len(body) > limit:
            return None
        take(len(body))
        return body
    chunks, size = [], 0
    async with asyncio.timeout(seconds):
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > limit:
                return None
            take(len(chunk))
            chunks.append(chunk)
    return b"".join(chunks)


def operations(ready: Ready) -> web.Application:
    """The operations port: /health/live, /health/ready, /metrics."""

    async def live(_: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def is_ready(_: web.Request) -> web.Response:
        if obstacles := await ready():
            return problem(503, "not ready", "; ".join(obstacles))
        return web.Response(text="ready\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(REGISTRY), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    app = web.Application()
    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", is_ready)
    app.router.add_get("/metrics", metrics)
    return app


async def _headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in (HEADERS | request.get(ALSO, {})).items():
        response.headers.setdefault(name, value)


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """aiohttp's own refusals (no such path, wrong method) and our own faults as problems."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = problem(error.status, error.reason)
        if allow := error.headers.get("Allow"):
            answer.headers["Allow"] = allow
        return answer
    except Exception as error:
        log.error("http.failed", exc_info=error)
        return problem(
            500, "Internal Server Error", "a fault in Postkamer: see http.failed in the log"
        )


def application(routes: Iterable[web.RouteDef]) -> web.Application:
    """An API: problems for errors, the API Design Rules' headers on each answer."""
    app = web.Application(middlewares=[_problems])
    app.on_response_prepare.append(_headers)
    app.router.add_routes(routes)
    return app


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


@asynccontextmanager
async def serve(
    app: web.Application,
    bind: str,
    port: int,
    *,
    connections: int = CONNECTIONS,
    silent_seconds: float = SILENT_SECONDS,
) -> AsyncIterator[int]:
    """Serve `app` until the context is left; gives the port (`port` 0 takes a free one).

    OSError when the port cannot be had.
    """
    runner = web.AppRunner(
        app,
        access_log=None,  # paths and peers are personal data
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_SECONDS,
        # aiohttp counts from the opening of a connection too, and until a header is whole.
        keepalive_timeout=silent_seconds,
        max_headers=HEADER_LINES,
        max_line_size=HEADER_BYTES,
        max_field_size=HEADER_BYTES,
    )
    await runner.setup()
    server = runner.server
    assert server is not None  # it is, after setup

    def accepted() -> asyncio.BaseProtocol:
        return server() if len(server.connections) < connections else _Refused()

    try:
        loop = asyncio.get_running_loop()
        # Not aiohttp's TCPSite, which accepts without end.
        door = await loop.create_server(accepted, bind, port, reuse_address=True, backlog=BACKLOG)
        try:
            yield door.sockets[0].getsockname()[1]
        finally:
            door.close()
    finally:
        await runner.cleanup()
