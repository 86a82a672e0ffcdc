"""HTTP for every service: health, metrics, bounded bodies, headers, problems.

`live` says that the process runs, `ready` that its work can be done; an answer with no body is
never cached. Errors are RFC 9457 problems.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import StreamReader, web
from multidict import CIMultiDict
from prometheus_client import generate_latest

from services.http.problems import HEADERS, json, problem, unavailable
from services.http.server import FEW, MANY, serve
from services.metrics import REGISTRY

__all__ = [
    "ALSO",
    "FEW",
    "MANY",
    "Budget",
    "OverBudget",
    "Ready",
    "Route",
    "application",
    "held",
    "json",
    "operations",
    "problem",
    "read_body",
    "serve",
    "unavailable",
]

ALSO = web.RequestKey("also", dict[str, str])
"""Headers that a request's answer has besides, whoever makes it."""

Route = web.RouteDef
Ready = Callable[[], Awaitable[list[str]]]
"""What keeps the service from being ready, a sentence each; empty when it is."""


class OverBudget(Exception):
    """All requests together hold as much as they may."""


SMALL_BYTES = 64 * 1024
"""What nearly every request stays under: Meta's webhooks of a few messages, a CRM's orders."""


class Budget:
    """Bytes that all requests together may hold: of what has arrived, not of what is announced.

    `kept` of them are for the first SMALL_BYTES of a request alone: whoever sends large bodies to
    no purpose leaves room for the small ones of others.
    """

    def __init__(self, size: int, kept: int = 0) -> None:
        self.left, self.kept = size, kept

    def share(self) -> "Share":
        """One request's."""
        return Share(self)


class Share:
    """Takes bytes as they arrive, or OverBudget; gives them back when it is left."""

    __slots__ = ("_budget", "_taken")

    def __init__(self, budget: Budget) -> None:
        self._budget, self._taken = budget, 0

    def __enter__(self) -> Callable[[int], None]:
        return self._take

    def _take(self, size: int) -> None:
        large = self._taken + size > SMALL_BYTES
        if size > self._budget.left - (self._budget.kept if large else 0):
            raise OverBudget
        self._budget.left -= size
        self._taken += size

    def __exit__(self, *_: object) -> None:
        self._budget.left += self._taken


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
    chunks: list[bytes] = []
    try:
        async with asyncio.timeout(seconds):
            return await _joined(request.content, chunks, limit, take)
    finally:
        # The stream keeps the error that ended it, and with that this frame: a circle, and the
        # collector of circles counts objects, not bytes.
        chunks.clear()


async def _joined(
    content: StreamReader, chunks: list[bytes], limit: int, take: Callable[[int], None]
) -> bytes | None:
    size = 0
    async for chunk in content.iter_any():
        size += len(chunk)
        if size > limit:
            return None
        take(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)


HOLD_SECONDS = 1.0
"""After so long, on the average, a refusal is given that was decided at once. Who is refused and
tries again without a pause would else keep the process so busy with refusing that nothing is
confirmed: measured, of 2,560 of them one request in thirty was taken in, and with it one in two.
"""


async def held(request: web.Request, answer: web.Response, waited: float) -> web.Response:
    """`answer`, a refusal, when its sender has waited a moment; it holds no body meanwhile."""
    if not request.content.is_eof():
        answer.force_close()
        return answer
    request.content.read_nowait()
    await asyncio.sleep(max(0.0, HOLD_SECONDS * random.uniform(0.5, 1.5) - waited))
    return answer


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


_HEADERS = CIMultiDict(HEADERS)


async def _headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.merge(_HEADERS)
    if also := request.get(ALSO):
        response.headers.merge(also)


def application(routes: Iterable[web.RouteDef]) -> web.Application:
    """An API: the API Design Rules' headers on each answer."""
    app = web.Application()
    app.on_response_prepare.append(_headers)
    app.router.add_routes(routes)
    return app
