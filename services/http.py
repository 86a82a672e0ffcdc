"""HTTP for every service: health, metrics, bounded bodies, headers, problems.

`live` says that the process runs, `ready` that its work can be done; an answer with no body is
never cached. Errors are RFC 9457 problems.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

import structlog
from aiohttp import web
from prometheus_client import generate_latest

from services.answers import HEADERS, json, problem, unavailable
from services.listener import FEW, MANY, UNREADABLE, serve
from services.observe import REGISTRY

__all__ = [
    "ALSO",
    "FEW",
    "MANY",
    "Budget",
    "OverBudget",
    "Ready",
    "Route",
    "application",
    "json",
    "operations",
    "problem",
    "read_body",
    "serve",
    "unavailable",
]

log = structlog.get_logger()

ALSO = web.RequestKey("also", dict[str, str])
"""Headers that a request's answer has besides, whoever makes it."""

Route = web.RouteDef
Ready = Callable[[], Awaitable[list[str]]]
"""What keeps the service from being ready, a sentence each; empty when it is."""


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
    headers = response.headers
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if also := request.get(ALSO):
        for name, value in also.items():
            headers.setdefault(name, value)


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
    except (web.RequestPayloadError, ConnectionError):
        # The body broke off or was none; whoever sends such must not fill the log with it.
        answer = problem(400, "Bad Request", UNREADABLE)
        answer.force_close()
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
