"""What a mode makes of a request: refused by somebody before the API, or its answer lost."""

from aiohttp import web

from sandbox.crm.receiver import broken
from sandbox.openklant.error_responses import Refusal
from sandbox.openklant.modes import BY_OTHERS, REFUSALS, Mode


def spoiled(request: web.Request, mode: Mode) -> web.Response | Refusal | None:
    """The answer to a request that is never looked at; a refusal as the API itself gives it."""
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
    """What becomes of an answer, when all that was asked is done."""
    match mode.mode:
        case "lost":
            return broken(request)
        case "half":
            return broken(request, after=half(answer))
        case "late":
            return elsewhere(504, mode)
    return answer


def elsewhere(status: int, mode: Mode) -> web.Response:
    """An answer of a proxy, or of the server before it comes to the API."""
    answer = web.Response(status=status, text=f"<h1>{status}</h1>", content_type="text/html")
    if mode.retry_after:
        answer.headers["Retry-After"] = str(mode.retry_after)
    return answer


def half(answer: web.Response) -> bytes:
    """Its head, and the first half of its body."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    head = (
        f"HTTP/1.1 {answer.status} {answer.reason}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body) or 1}\r\n\r\n"
    )
    return head.encode() + body[: len(body) // 2]
