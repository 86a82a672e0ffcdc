"""Forms in the bodies of requests, bounded."""

from aiohttp import web

from sandbox.identity.form import parse_form
from services.http.body import read_body
from services.refusal import Refusal

FORM_TYPE = "application/x-www-form-urlencoded"
FORM_BYTES = 8 * 1024
"""Largest form: an ID token has 1 KiB, and all else comes out of an address of 4 KiB."""
FORM_SECONDS = 10.0


async def read_form(request: web.Request) -> dict[str, str] | Refusal:
    """Return the parameters in the body of a request."""
    if request.content_type != FORM_TYPE:
        return Refusal("invalid_request", f"The body must be {FORM_TYPE}")
    try:
        body = await read_body(request, FORM_BYTES, FORM_SECONDS)
        text = None if body is None else body.decode("ascii")
    except (TimeoutError, UnicodeDecodeError):
        text = None
    if text is None:
        return Refusal("invalid_request", f"The body has at most {FORM_BYTES} bytes, in ASCII")
    return parse_form(text)
