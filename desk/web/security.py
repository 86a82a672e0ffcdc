"""Headers and form tokens by which a browser does only what its user wants. Pure but for the
middleware."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from services.http.problems import SERVER, problem_response

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FORM_TOKEN = "form_token"
"""Name of the hidden field that each form has."""
SAME_ORIGIN = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site of a request that no other site made; `none` is the user's own."""


def policy(provider: str) -> str:
    """Return the Content-Security-Policy. A form may lead to the provider of this address, which
    is where logging out ends."""
    parts = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        f"form-action 'self' {origin_of(provider)}".rstrip(),
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return "; ".join(parts)


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def page_headers(provider: str) -> dict[str, str]:
    """Return the headers of each answer to a browser."""
    return {
        "Content-Security-Policy": policy(provider),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "Server": SERVER,
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def form_token(cookie: str) -> str:
    """Return the token of the forms of a session: only its own pages can know it."""
    return hmac.new(cookie.encode(), b"form", hashlib.sha256).hexdigest()


def is_from_elsewhere(request: web.Request, own_origin: str) -> bool:
    """Return True if a browser says that another site made this request."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in SAME_ORIGIN
    origin = request.headers.get("Origin")
    return origin is not None and origin != own_origin


def same_origin_only(own_origin: str, exempt: frozenset[str]) -> Middleware:
    """Return a middleware that refuses what another site's page does in the name of a user. Only
    `exempt` paths are called by others: by servers, which are no browsers."""

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        changes = request.method not in ("GET", "HEAD")
        if changes and request.path not in exempt and is_from_elsewhere(request, own_origin):
            return problem_response(403, "Forbidden", "only the desk's own pages may do this")
        return await handler(request)

    return refuse
