"""Authentication by bearer token: it admits calls to an API, limits their rate, and refuses."""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiohttp import web

from services import clock, metrics
from services.http.application import EXTRA_HEADERS
from services.http.key_sets import KeysUnavailable
from services.http.problems import problem_response, service_unavailable
from services.http.rate_limit import headers, limit
from services.http.rights import Rights, Role
from services.http.server import mark_proven
from services.http.token_store import TokenStore, TokensUnavailable
from services.postgres.database import is_transient

log = structlog.get_logger()

Handler = Callable[[web.Request, Rights], Awaitable[web.StreamResponse]]
"""Handles a request with the rights of its token."""


def parse_bearer(header: str) -> str | None:
    """Return the token in an Authorization header. Pure."""
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def require_token(
    handler: Handler, tokens: TokenStore, *roles: Role
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Wrap `handler`, so that it needs a token with one of `roles` and room in its rate limit.

    It answers 401 without a valid token, in the same words for every cause; 429 over the rate
    limit; 403 without any of the roles; 503 while the database is unavailable.
    """
    return _authenticated(handler, tokens, roles)


def require_any_token(
    handler: Handler, tokens: TokenStore
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Wrap `handler` as `require_token` does, for every valid token, whatever its roles."""
    return _authenticated(handler, tokens, None)


def _authenticated(
    handler: Handler, tokens: TokenStore, roles: Sequence[Role] | None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the wrapped handler. No roles admit nobody, so that none can be forgotten; None admits
    every token."""

    async def authenticate(request: web.Request) -> web.StreamResponse:
        token = parse_bearer(request.headers.get("Authorization", ""))
        try:
            rights = await tokens.authenticate(token, clock.now()) if token else None
            refusal = await _refusal(request, tokens, rights, roles)
            if refusal:
                metrics.api_refusals.labels(status=str(refusal.status)).inc()
                return refusal
            assert rights is not None  # or it would have been refused
            mark_proven(request)
            return await handler(request, rights)
        except (TokensUnavailable, KeysUnavailable):
            return service_unavailable("the tokens cannot be read")
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("api.database_away", exc_info=error)
            return service_unavailable("the database does not answer")

    return authenticate


async def _refusal(
    request: web.Request, tokens: TokenStore, rights: Rights | None, roles: Sequence[Role] | None
) -> web.Response | None:
    """Return the refusal of a request, or None. Either way it counts for the rate limit."""
    if rights is None:
        return _unauthorized()
    state = await tokens.consume_rate(rights)
    request[EXTRA_HEADERS] = headers(state, limit(rights))
    if not state.granted:
        return problem_response(429, "Too Many Requests", "this token asks more often than it may")
    if roles is not None and not rights.may(*roles):
        names = " or ".join(map(repr, roles))
        return problem_response(403, "Forbidden", f"this token has not the role {names}")
    return None


def _unauthorized() -> web.Response:
    answer = problem_response(401, "Unauthorized", "a bearer token is needed")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
