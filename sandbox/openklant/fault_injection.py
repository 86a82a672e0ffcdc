"""Apply a mode to a request: refuse it before the API, or lose its response."""

from aiohttp import web

from sandbox.crm.receiver import broken
from sandbox.openklant.error_responses import Refusal
from sandbox.openklant.modes import BY_OTHERS, REFUSALS, Mode


def spoiled(request: web.Request, mode: Mode) -> web.Response | Refusal | None:
    """Return the response of a proxy, or the API's own refusal, if the mode rejects the request;
    None if it is processed."""
    if mode.mode in {"hang", "reset"}:
        return broken(request)
    if status := BY_OTHERS.get(mode.mode):
        return elsewhere(status, mode)
    if found := REFUSALS.get(mode.mode):
        more = {"Retry-After": str(mode.retry_after)} if mode.retry_after else {}
        return Refusal(
            found.status, found.code, found.title, found.kind, headers=found.headers | more
        )
    return None


def failed(request: web.Request, mode: Mode, answer: web.Response) -> web.Response:
    """Replace or break the response after the request was processed, if the mode says so."""
    match mode.mode:
        case "lost":
            return broken(request)
        case "half":
            return broken(request, after=half(answer))
        case "late":
            return elsewhere(504, mode)
    return answer


def elsewhere(status: int, mode: Mode) -> web.Response:
    """Return the response of a proxy, or of the server before the API."""
    answer = web.Response(status=status, text=f"<h1>{status}</h1>", content_type="text/html")
    if mode.retry_after:
        answer.headers["Retry-After"] = str(mode.retry_after)
    return answer


def half(answer: web.Response) -> bytes:
    """Return the head and the first half of the body."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    head = (
        f"HTTP/1.1 {answer.status} {answer.reason}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body) or 1}\r\n\r\n"
    )
    return head.encode() + body[: len(body) // 2]
