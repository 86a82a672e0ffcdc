"""Modes in which the stand-in refuses a request, loses its response, or has requests race."""

import asyncio
from typing import Annotated, Literal

import msgspec
from aiohttp import web

from sandbox.failure_mode import FailureMode, break_connection
from sandbox.openklant.error_responses import (
    AUTHENTICATION_FAILED,
    BROKEN,
    FORBIDDEN,
    NOT_FOUND,
    TOO_MANY,
    Refusal,
)
from sandbox.openklant.latency import WORKERS
from sandbox.openklant.schema import RESOURCES, TOGETHER

RACE_SECONDS = 2.0
"""Time that a post waits for the others in the mode `race` before it goes on alone."""

REFUSALS: dict[str, Refusal] = {
    "unauthorized": AUTHENTICATION_FAILED,
    "forbidden": FORBIDDEN,
    "not-found": NOT_FOUND,
    "too-many": TOO_MANY,
    "error": BROKEN,
}
"""Modes that refuse as the server itself does, and store nothing."""
PROXY_STATUSES: dict[str, int] = {
    "wrong-host": 400,
    "bad-gateway": 502,
    "refuse": 503,
    "gateway-timeout": 504,
}
"""Modes in which a proxy or the server answers before the API, in HTML, and nothing is stored."""


class OpenKlantMode(FailureMode, frozen=True):
    """The body of POST /openklant/mode.

    hang: no response; reset: breaks the connection at once; slow: answers late; lost: stores, but
    breaks the connection before the response; half: breaks it in the middle of the response; late:
    stores, and a proxy answers 504; race: checks all posts with the same number, sent or drawn,
    before the first of them is stored.
    """

    mode: Literal[
        "ok", "hang", "slow", "reset", "lost", "half", "late", "race",
        "unauthorized", "forbidden", "not-found", "too-many", "error",
        "wrong-host", "bad-gateway", "refuse", "gateway-timeout",
    ] = "ok"  # fmt: skip
    resource: str = ""
    """Apply the mode only to this resource, such as `internetaken`."""
    method: Literal["", "GET", "POST", "PATCH", "DELETE"] = ""
    """Apply the mode only to requests with this method."""
    together: Annotated[int, msgspec.Meta(ge=2, le=WORKERS)] = 2
    """Posts that wait for each other in the mode race; at most as many as there are workers."""

    def __post_init__(self) -> None:
        if self.resource not in {"", TOGETHER, *RESOURCES}:
            raise ValueError("resource: there is none of this name")

    def applies_to(self, resource: str, method: str) -> bool:
        return self.resource in {"", resource} and self.method in {"", method}


def reject(request: web.Request, mode: OpenKlantMode) -> web.Response | Refusal | None:
    """Return the response of a proxy, or the API's own refusal, if the mode rejects the request;
    None if it is processed."""
    if mode.mode in {"hang", "reset"}:
        return break_connection(request)
    if status := PROXY_STATUSES.get(mode.mode):
        return proxy_response(status, mode)
    if refusal := REFUSALS.get(mode.mode):
        return msgspec.structs.replace(refusal, headers=refusal.headers | mode.headers)
    return None


def break_response(
    request: web.Request, mode: OpenKlantMode, response: web.Response
) -> web.Response:
    """Replace or break the response after the request was processed, if the mode says so."""
    match mode.mode:
        case "lost":
            return break_connection(request)
        case "half":
            return break_connection(request, after=first_half(response))
        case "late":
            return proxy_response(504, mode)
    return response


def proxy_response(status: int, mode: OpenKlantMode) -> web.Response:
    """Return the response of a proxy, or of the server before the API."""
    return web.Response(
        status=status, text=f"<h1>{status}</h1>", content_type="text/html", headers=mode.headers
    )


def first_half(response: web.Response) -> bytes:
    """Return the head and the first half of the body."""
    body = response.body if isinstance(response.body, bytes) else b""
    head = (
        f"HTTP/1.1 {response.status} {response.reason}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body) or 1}\r\n\r\n"
    )
    return head.encode() + body[: len(body) // 2]


class Races:
    """Posts that wait for others with the same number, in the mode race."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], list[asyncio.Event]] = {}

    async def join(self, resource: str, number: str, together: int) -> None:
        """Wait until so many posts with this number were checked."""
        waiting = self._waiting.setdefault((resource, number), [])
        released = asyncio.Event()
        waiting.append(released)
        try:
            if len(waiting) >= together:
                for each in waiting:
                    each.set()
            async with asyncio.timeout(RACE_SECONDS):
                await released.wait()
        except TimeoutError:
            pass
        finally:
            waiting.remove(released)
            if not waiting:
                self._waiting.pop((resource, number), None)
