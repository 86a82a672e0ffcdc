"""Reading a JSON body within its bounds: content type, size and time; or a refusal."""

from collections.abc import Sequence

from aiohttp import web

from services.api.json_body import BODY_BYTES, LARGE, SLOW, FieldError
from services.http.body import read_body
from services.http.problems import problem_response

BODY_SECONDS = 10.0
CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded")
"""Accepted content types. The second is the default of curl and similar tools, and such a body is
read as JSON too."""
CHARSETS = ("utf-8", "utf8")


class Refused(Exception):
    """A refused request, with its `answer`."""

    def __init__(self, answer: web.Response) -> None:
        super().__init__("refused")
        self.answer = answer


async def read_json_body(request: web.Request) -> bytes:
    """Return the body as received. Raises Refused if it is not JSON, too large or too late."""
    if reason := _unsupported_reason(request):
        raise Refused(problem_response(415, "Unsupported Media Type", reason))
    try:
        body = await read_body(request, BODY_BYTES, BODY_SECONDS)
    except TimeoutError:
        raise Refused(problem_response(408, "Request Timeout", SLOW.detail)) from None
    if body is None:
        raise Refused(problem_response(413, "Content Too Large", LARGE.detail))
    return body


def _unsupported_reason(request: web.Request) -> str:
    """Return why the headers of a body are not supported; '' if they are."""
    headers = request.headers
    if "Content-Encoding" in headers:  # decompression would give an unknown size
        return "the body must have no Content-Encoding"
    if "Content-Type" in headers and request.content_type not in CONTENT_TYPES:
        return "the body must be application/json"
    if (request.charset or CHARSETS[0]).lower() not in CHARSETS:
        return "the body must be in UTF-8"
    return ""


def bad_request(faults: Sequence[FieldError]) -> web.Response:
    """Return a 400 with all faults."""
    return problem_response(400, "Bad Request", "the body is not what it should be", errors=faults)
