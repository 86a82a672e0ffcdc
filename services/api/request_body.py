"""Taking a body of JSON in: what it says it is, how large, how late; or the refusal to answer."""

from collections.abc import Sequence

from aiohttp import web

from services.api.json_body import BODY_BYTES, LARGE, SLOW, FieldError
from services.http.body import read_body
from services.http.problems import problem_response

BODY_SECONDS = 10.0
TAKEN = ("application/json", "application/x-www-form-urlencoded")
"""Content types of a body. The second is what curl and its like say when nobody told them; what
comes under it is read as JSON too."""
CHARSETS = ("utf-8", "utf8")


class Refused(Exception):
    """A request that is not taken; `answer` says why."""

    def __init__(self, answer: web.Response) -> None:
        super().__init__("refused")
        self.answer = answer


async def read_json_body(request: web.Request) -> bytes:
    """The body as it came; Refused when it is not JSON, or did not come in time and bounds."""
    if needed := _unreadable(request):
        raise Refused(problem_response(415, "Unsupported Media Type", needed))
    try:
        body = await read_body(request, BODY_BYTES, BODY_SECONDS)
    except TimeoutError:
        raise Refused(problem_response(408, "Request Timeout", SLOW.detail)) from None
    if body is None:
        raise Refused(problem_response(413, "Content Too Large", LARGE.detail))
    return body


def _unreadable(request: web.Request) -> str:
    """Why a body cannot be read as what its headers say; '' when it can."""
    given = request.headers
    if "Content-Encoding" in given:  # it would be unpacked to a size that nobody knows
        return "the body must have no Content-Encoding"
    if "Content-Type" in given and request.content_type not in TAKEN:
        return "the body must be application/json"
    if (request.charset or CHARSETS[0]).lower() not in CHARSETS:
        return "the body must be in UTF-8"
    return ""


def bad_request(faults: Sequence[FieldError]) -> web.Response:
    """400 with all of them."""
    return problem_response(400, "Bad Request", "the body is not what it should be", errors=faults)
