"""The HTTP applications of every service: health and metrics, and an API with its headers.

`live` means that the process runs, `ready` that it can do its work. Errors are RFC 9457 problems.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware
from multidict import CIMultiDict
from prometheus_client import generate_latest

from services import clock
from services.config.rules_status import RulesStatus
from services.http.problems import HEADERS, json_response, problem_response
from services.http.service_status import STATUS_PATH, ServiceParts, ServiceStatus
from services.instance import VERSION, instance_name
from services.metrics import REGISTRY
from services.tasks import with_timeout

EXTRA_HEADERS = web.RequestKey("extra_headers", dict[str, str])
"""Extra headers for the answer to a request, whichever handler makes it."""

Route = web.RouteDef
Ready = Callable[[], Coroutine[Any, Any, list[str]]]
"""Returns the obstacles to being ready, a sentence for each; empty if the service is ready."""
RulesInForce = Callable[[], RulesStatus]
STATUS_SECONDS = 0.7
"""Time limit of the readiness check in a status: the one who asks for it waits a second."""
LATE = f"the database does not answer within {STATUS_SECONDS} s"

RETRY_SECONDS = "60"
"""Time after which a client may ask again what is refused to all: a person must mend something
first."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Refuse = Callable[[web.Request, str], web.StreamResponse]
"""Makes a refusal, from a sentence."""

REJECTION_DELAY_SECONDS = 1.0
"""Mean delay of a refusal. Senders that retry without a pause would otherwise keep the process so
busy with refusing that it confirms nothing. Measured with 2,560 such senders: without the delay one
request in thirty was accepted, with it one in two.
"""


async def delay_rejection(
    request: web.Request, answer: web.Response, waited: float
) -> web.Response:
    """Return `answer`, a refusal, after a random delay in which the request holds no body."""
    if not request.content.is_eof():
        answer.force_close()
        return answer
    request.content.read_nowait()
    await asyncio.sleep(max(0.0, REJECTION_DELAY_SECONDS * random.uniform(0.5, 1.5) - waited))
    return answer


async def _find_obstacles(ready: Ready) -> tuple[str, ...]:
    try:
        return tuple(await with_timeout(STATUS_SECONDS, ready()))
    except TimeoutError:
        return (LATE,)


def operations_app(
    ready: Ready,
    rules: RulesInForce | None = None,
    parts: Callable[[], ServiceParts] = ServiceParts,
) -> web.Application:
    """Return the application of the operations port: /health/live, /health/ready, /health/status,
    /metrics. `rules` is given by a service that goes by rules."""
    started_at = clock.now()

    async def live(_: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def is_ready(_: web.Request) -> web.Response:
        if obstacles := await ready():
            return problem_response(503, "not ready", "; ".join(obstacles))
        return web.Response(text="ready\n")

    async def status(_: web.Request) -> web.Response:
        obstacles = await _find_obstacles(ready)
        in_force = rules() if rules else None
        process = (VERSION, instance_name(), started_at, parts())
        return json_response(ServiceStatus(not obstacles, obstacles, in_force, *process))

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(REGISTRY), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    app = web.Application()
    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", is_ready)
    app.router.add_get(STATUS_PATH, status)
    app.router.add_get("/metrics", metrics)
    return app


_HEADERS = CIMultiDict(HEADERS)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.merge(_HEADERS)
    if extra := request.get(EXTRA_HEADERS):
        response.headers.merge(extra)


def api_app(
    routes: Iterable[web.RouteDef], middlewares: Iterable[Middleware] = ()
) -> web.Application:
    """Return the application of an API, with the API Design Rules' headers on each answer."""
    app = web.Application(middlewares=list(middlewares))
    app.on_response_prepare.append(_add_headers)
    app.router.add_routes(routes)
    return app


def refuse_in_json(_: web.Request, sentence: str) -> web.Response:
    response = problem_response(503, "Service Unavailable", sentence)
    response.headers["Retry-After"] = RETRY_SECONDS
    return response


def refuse_while(problems: Ready, refuse: Refuse = refuse_in_json) -> Middleware:
    """Return a middleware that refuses every request while there are problems."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if found := await problems():
            return refuse(request, found[0])
        return await handler(request)

    return guard
