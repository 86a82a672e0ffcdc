"""Logging in and out: the authorization code flow with PKCE, and the end of sessions by the
provider."""

import asyncio
import secrets
from urllib.parse import parse_qs, urlencode

import structlog
from aiohttp import web

from desk.access import Access
from desk.login.attempt import Attempt, authorization_query, own_path
from desk.login.cookies import Cookies
from desk.login.id_token import (
    Identity,
    InvalidIdToken,
    verify_id_token,
    verify_logout_token,
)
from desk.login.provider import LoginRefused, Metadata, Provider, ProviderUnavailable, Tokens
from desk.login.sessions import SessionStore, session_id
from desk.postkamer.client import Refused, Unanswered
from desk.postkamer.gateway import Gateway
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from services import clock, metrics
from services.http.access_tokens import InvalidToken
from services.http.body import read_body
from services.http.key_sets import KeysUnavailable
from services.http.problems import problem_response

RANDOM_BYTES = 32
MAX_PARAMETER = 4096
LOGOUT_BYTES, LOGOUT_SECONDS = 16 * 1024, 5.0
"""Bounds of a logout token: it is the provider's, and 1 KiB."""
ENDED_PATH = "/login/ended"
PAUSES_SECONDS = 0.2, 0.6, 1.8
"""Pauses between questions to a gateway that does not answer, while somebody waits to come in."""
FAILURES = {"late": 400, "refused": 400, "unknown": 403, "away": 503}
"""Outcome of a return from the provider -> status: too late, refused by provider or desk,
without a grant at Postkamer, or provider or gateway are away."""

log = structlog.get_logger()


class LoginFailed(Exception):
    """Nobody is logged in. Its text is the outcome."""


class LoginRoutes:
    def __init__(
        self,
        gate: Gate,
        site: Site,
        cookies: Cookies,
        sessions: SessionStore,
        provider: Provider,
        gateway: Gateway,
    ) -> None:
        self._gate, self._site, self._cookies = gate, site, cookies
        self._sessions, self._provider, self._gateway = sessions, provider, gateway
        for outcome in ("logged_in", *FAILURES):  # a counter that is not there before cannot rise
            metrics.desk_logins.labels(outcome)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/login", self._gate.guard(self._start), allow_head=False),
            web.get("/login/callback", self._gate.guard(self._return), allow_head=False),
            web.get("/logged-out", self._logged_out, allow_head=False),
            web.post(ENDED_PATH, self._gate.guard(self._end_by_provider)),
            web.post("/logout", self._gate.require(self._log_out)),
        ]

    async def _start(self, request: web.Request) -> web.Response:
        """GET /login?to=: send the browser to the provider."""
        now = clock.now()
        state, nonce, verifier = (secrets.token_urlsafe(RANDOM_BYTES) for _ in range(3))
        attempt = Attempt(
            state=state,
            nonce=nonce,
            verifier=verifier,
            began_at=now,
            return_to=own_path(request.query.get("to", "")),
        )
        client = self._provider.client
        try:
            metadata = await self._provider.metadata()
        except ProviderUnavailable as error:
            log.warning("desk.provider_away", reason=str(error))
            return self._failed(request, "away")
        query = authorization_query(
            attempt, client_id=client.id, redirect_uri=client.redirect_uri, scope=client.scope
        )
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        response = _redirect(metadata.authorization_endpoint + joint + query)
        self._cookies.set_attempt(response, attempt)
        return response

    async def _return(self, request: web.Request) -> web.Response:
        """GET /login/callback: the browser comes back with a code."""
        attempt, cookie = self._cookies.take_attempt(request, clock.now()), ""
        try:
            cookie, outcome = await self._log_in(request, attempt), "logged_in"
        except LoginFailed as error:
            outcome = str(error)
        except (LoginRefused, InvalidToken, InvalidIdToken) as error:
            log.warning("desk.login_refused", reason=f"{type(error).__name__} {error}".strip())
            outcome = "refused"
        except Refused as error:
            log.warning("desk.login_unknown", status=error.status)
            outcome = "unknown"
        except (ProviderUnavailable, KeysUnavailable, Unanswered) as error:
            log.warning("desk.provider_away", reason=type(error).__name__)
            outcome = "away"
        if attempt and cookie:
            metrics.desk_logins.labels(outcome).inc()
            if replaced := self._cookies.read_session(request):
                await self._sessions.end(session_id(replaced))
            response = _redirect(attempt.return_to)
            self._cookies.set_session(response, cookie)
        else:
            response = self._failed(request, outcome)
        self._cookies.drop_attempt(response)
        return response

    async def _log_in(self, request: web.Request, attempt: Attempt | None) -> str:
        """Begin the session of who comes back, and return its cookie."""
        if attempt is None:
            raise LoginFailed("late")
        code = code_in(request, attempt, await self._provider.metadata())
        tokens = await self._provider.exchange(code, attempt.verifier)
        who = await self._verify(tokens, attempt)
        access = await self._access(tokens.access_token)
        issuer = (await self._provider.metadata()).issuer
        cookie = secrets.token_urlsafe(RANDOM_BYTES)
        await self._sessions.begin(cookie, issuer, who, access, tokens, clock.now())
        return cookie

    async def _access(self, token: str) -> Access:
        """Return what a token may do. The code is spent, so a gateway that is away for a moment is
        asked again: it may still be fetching the provider's keys."""
        for pause in PAUSES_SECONDS:
            try:
                return await self._gateway.access(token)
            except Unanswered:
                await asyncio.sleep(pause)
        return await self._gateway.access(token)

    async def _verify(self, tokens: Tokens, attempt: Attempt) -> Identity:
        key = await self._provider.key_of(tokens.id_token)
        expected = await self._provider.expected()
        return verify_id_token(tokens.id_token, key, expected, attempt.nonce, clock.now())

    async def _end_by_provider(self, request: web.Request) -> web.Response:
        """POST /login/ended: the provider ends sessions (OpenID Connect Back-Channel Logout)."""
        try:
            body = await read_body(request, LOGOUT_BYTES, LOGOUT_SECONDS)
        except TimeoutError:
            body = None
        token = _form_value(body or b"", "logout_token")
        try:
            key = await self._provider.key_of(token)
            expected = await self._provider.expected()
            who = verify_logout_token(token, key, expected, clock.now())
        except (InvalidToken, InvalidIdToken):
            return problem_response(400, "Bad Request", "this is no logout token for the desk")
        except (ProviderUnavailable, KeysUnavailable):
            return problem_response(503, "Service Unavailable", "the provider does not answer")
        count = await self._sessions.end_of(expected.issuer, who)
        log.info("desk.sessions_ended", count=count)
        return web.Response(status=200, headers={"Cache-Control": "no-store"})

    async def _log_out(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /logout: end the session here and at the provider."""
        assert visit.session
        await self._sessions.end(visit.session.id)
        response = _redirect(await self._end_address(visit.session.tokens))
        self._cookies.drop_session(response)
        # Whoever uses the browser next finds nothing that it kept.
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    async def _end_address(self, tokens: Tokens) -> str:
        after = self._provider.client.redirect_uri.removesuffix("/login/callback") + "/logged-out"
        try:
            metadata = await self._provider.metadata()
        except ProviderUnavailable:
            return after
        if not metadata.end_session_endpoint:
            return after
        query = {"client_id": self._provider.client.id, "post_logout_redirect_uri": after}
        if tokens.id_token:
            query["id_token_hint"] = tokens.id_token
        return metadata.end_session_endpoint + "?" + urlencode(query)

    async def _logged_out(self, request: web.Request) -> web.Response:
        return self._site.page(self._gate.visit(request), "logged_out.html")

    def _failed(self, request: web.Request, outcome: str) -> web.Response:
        metrics.desk_logins.labels(outcome).inc()
        visit, reason = self._gate.visit(request), f"login.{outcome}"
        return self._site.page(visit, "login_failed.html", FAILURES[outcome], reason=reason)


def code_in(request: web.Request, attempt: Attempt, metadata: Metadata) -> str:
    """Return the code with which the browser comes back. Raises LoginFailed if it is not the
    answer of this provider to this attempt."""
    query = request.query
    if not secrets.compare_digest(query.get("state", "").encode(), attempt.state.encode()):
        raise LoginFailed("late")
    issuer = query.get("iss")
    is_other = issuer is not None and issuer != metadata.issuer
    is_missing = issuer is None and metadata.authorization_response_iss_parameter_supported
    if is_other or is_missing:  # the answer of another provider (RFC 9207)
        raise LoginFailed("refused")
    code = query.get("code", "")
    if "error" in query or not 0 < len(code) <= MAX_PARAMETER:
        raise LoginFailed("refused")
    return code


def _form_value(body: bytes, name: str) -> str:
    try:
        values = parse_qs(body.decode("ascii"), max_num_fields=10).get(name, [""])
    except ValueError:
        return ""
    return values[0] if len(values) == 1 else ""


def _redirect(location: str) -> web.Response:
    headers = {"Location": location, "Cache-Control": "no-store"}
    return web.Response(status=303, headers=headers)
