"""Answers of every service: JSON, RFC 9457 problems, their headers, and Retry-After."""

import random
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

VERSION = "0.1.0"
SERVER = "Postkamer"
"""Name in `Server`, without the versions of Python and aiohttp that it would have otherwise."""
HEADERS = {
    "API-Version": VERSION,
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Server": SERVER,
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of each answer, as the API Design Rules require; the 200 to a webhook has none, as it has
nothing to protect."""

RETRY_AFTER_SECONDS = 5
"""Shortest wait for a refused sender: the time in which a broker recovers."""
SPREAD_SECONDS = 10
"""Largest extra wait, so that senders that were refused together do not return together."""


def retry_after_seconds(chance: float) -> int:
    """Return the seconds to wait before the next attempt; `chance` is drawn from 0 up to 1."""
    return RETRY_AFTER_SECONDS + int(chance * (SPREAD_SECONDS + 1))


def problem_response(status: int, title: str, detail: str = "", **members: Any) -> web.Response:
    """Return an RFC 9457 problem with the extension `members`."""
    body = {"status": status, "title": title, "detail": detail or title} | members
    return web.Response(
        status=status,
        body=msgspec.json.encode(body),
        headers={"Content-Type": "application/problem+json"},
    )


def service_unavailable(reason: str, **members: Any) -> web.Response:
    """Return a 503: nothing is wrong with the request, and it may be tried again."""
    answer = problem_response(503, "Service Unavailable", reason, **members)
    answer.headers["Retry-After"] = str(retry_after_seconds(random.random()))
    return answer


def json_response(
    value: Any, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        headers={"Content-Type": "application/json"} | (headers or {}),
    )


def too_many_connections_response(chance: float) -> bytes:
    """Return a whole HTTP answer for a connection over the limit."""
    return _too_many_connections(retry_after_seconds(chance))


@cache
def _too_many_connections(seconds: int) -> bytes:
    body = msgspec.json.encode(
        {"status": 503, "title": "Service Unavailable", "detail": "too many connections are open"}
    )
    headers = HEADERS | {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Retry-After": str(seconds),
        "Connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 503 Service Unavailable\r\n{lines}\r\n".encode() + body
