"""Who may call an API: bearer tokens by name; and 503 while the database is away."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog
from aiohttp import web

from services.database import may_try_again
from services.http import problem, unavailable

log = structlog.get_logger()

Handler = Callable[[web.Request, str], Awaitable[web.Response]]
"""Gets the name of the token beside the request."""


def hashed(tokens: Iterable[tuple[str, str]]) -> list[tuple[str, bytes]]:
    """Names and tokens as `authenticate` compares them; a name may have more than one token."""
    return [(name, _digest(token)) for name, token in tokens]


def authenticate(header: str, digests: Sequence[tuple[str, bytes]]) -> str | None:
    """The name of the token in an Authorization header, if it is one of ours; pure.

    Hashed before they are compared, so that not even the length of a token shows.
    """
    scheme, _, given = header.partition(" ")
    digest = _digest(given.strip())
    found = [name for name, ours in digests if hmac.compare_digest(digest, ours)]
    return found[0] if found and scheme.lower() == "bearer" else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def guarded(
    handler: Handler, tokens: Iterable[tuple[str, str]]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """`handler` for whoever brings one of `tokens`; 401 for others."""
    digests = hashed(tokens)

    async def guard(request: web.Request) -> web.Response:
        token = authenticate(request.headers.get("Authorization", ""), digests)
        if token is None:
            answer = problem(401, "Unauthorized", "a bearer token is needed")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        try:
            return await handler(request, token)
        except Exception as error:
            if not may_try_again(error):
                raise
            log.warning("api.database_away", exc_info=error)
            return unavailable("the database does not answer")

    return guard
