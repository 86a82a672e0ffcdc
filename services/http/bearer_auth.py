"""Who may call an API, how often, and with which words the others are refused."""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiohttp import web

from services import clock, metrics
from services.http.application import ALSO
from services.http.problems import problem_response, service_unavailable
from services.http.rate_limit import headers, limit
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore, Unreadable
from services.postgres.database import is_transient

log = structlog.get_logger()

Handler = Callable[[web.Request, Rights], Awaitable[web.StreamResponse]]
"""Gets what the token may do beside the request."""


def parse_bearer(header: str) -> str | None:
    """The token in an Authorization header; pure."""
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def require_token(
    handler: Handler, keyring: TokenStore, *roles: Role
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """`handler` for whoever brings a token with one of `roles`, as often as the token may ask.

    401 without a valid token, in the same words whatever is wrong with it; 429 for too many; 403
    without any of the roles; 503 while the database is away.
    """

    async def guard(request: web.Request) -> web.StreamResponse:
        token = parse_bearer(request.headers.get("Authorization", ""))
        try:
            rights = keyring.find(token, clock.now()) if token else None
            refusal = await _refusal(request, keyring, rights, roles)
            if refusal:
                metrics.api_refusals.labels(status=str(refusal.status)).inc()
                return refusal
            assert rights is not None  # or it would have been refused
            return await handler(request, rights)
        except Unreadable:
            return service_unavailable("the tokens cannot be read")
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("api.database_away", exc_info=error)
            return service_unavailable("the database does not answer")

    return guard


async def _refusal(
    request: web.Request, keyring: TokenStore, rights: Rights | None, roles: Sequence[Role]
) -> web.Response | None:
    """Why a request may not go on; None when it may. Either way it counts for its token."""
    if rights is None:
        return _unknown()
    standing = await keyring.consume_rate(rights)
    request[ALSO] = headers(standing, limit(rights))
    if not standing.granted:
        return problem_response(429, "Too Many Requests", "this token asks more often than it may")
    if not rights.may(*roles):
        named = " or ".join(map(repr, roles))
        return problem_response(403, "Forbidden", f"this token has not the role {named}")
    return None


def _unknown() -> web.Response:
    answer = problem_response(401, "Unauthorized", "a bearer token is needed")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
