"""Apply a mode to a request: refuse it before the API, or lose its response."""

from aiohttp import web

from sandbox.crm.receiver import break_connection
from sandbox.openklant.error_responses import Refusal
from sandbox.openklant.modes import PROXY_STATUSES, REFUSALS, Mode


def reject(request: web.Request, mode: Mode) -> web.Response | Refusal | None:
    """Return the response of a proxy, or the API's own refusal, if the mode rejects the request;
    None if it is processed."""
    if mode.mode in {"hang", "reset"}:
        return break_connection(request)
    if status := PROXY_STATUSES.get(mode.mode):
        return proxy_response(status, mode)
    if refusal := REFUSALS.get(mode.mode):
        headers = {"Retry-After": str(mode.retry_after)} if mode.retry_after else {}
        return Refusal(
            refusal.status,
            refusal.code,
            refusal.title,
            refusal.kind,
            headers=refusal.headers | headers,
        )
    return None


def break_response(request: web.Request, mode: Mode, response: web.Response) -> web.Response:
    """Replace or break the response after the request was processed, if the mode says so."""
    match mode.mode:
        case "lost":
            return break_connection(request)
        case "half":
            return break_connection(request, after=first_half(response))
        case "late":
            return proxy_response(504, mode)
    return response


def proxy_response(status: int, mode: Mode) -> web.Response:
    """Return the response of a proxy, or of the server before the API."""
    response = web.Response(status=status, text=f"<h1>{status}</h1>", content_type="text/html")
    if mode.retry_after:
        response.headers["Retry-After"] = str(mode.retry_after)
    return response


def first_half(response: web.Response) -> bytes:
    """Return the head and the first half of the body."""
    body = response.body if isinstance(response.body, bytes) else b""
    head = (
        f"HTTP/1.1 {response.status} {response.reason}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body) or 1}\r\n\r\n"
    )
    return head.encode() + body[: len(body) // 2]
