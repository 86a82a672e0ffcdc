"""The gate of the pages: it lets in who is logged in, renews their tokens, and sends others to log
in."""

import contextlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import UUID

import msgspec
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware
from aiohttp.web import Request, StreamResponse

from desk.login.cookies import Cookies
from desk.login.provider import LoginRefused, Provider, ProviderUnavailable
from desk.login.sessions import Session, SessionStore, timed
from desk.postkamer.archive import DESTROYED, PastDestruction
from desk.postkamer.client import Refused, Unanswered
from desk.postkamer.gateway import Gateway
from desk.web.form_fields import BadForm, StaleForm, read_fields
from desk.web.journal import Journal
from desk.web.navigation import page_path
from desk.web.security import FORM_TOKEN, form_token
from desk.web.site import Site, Visit, language_of
from desk.web.unsent_form import CAPTION, UnsentField, read_unsent, unsent_fields
from services import clock
from services.http.application import refuse_in_json
from services.ids import parse_uuid
from services.postgres.database import is_transient
from services.stops.refusal import MOVES

TOUCH_SECONDS = 60.0
"""Time between two notes that a session is in use: it ends after an hour without."""

TOO_LARGE, FAULT = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.INTERNAL_SERVER_ERROR
UNSENT = {"unsent.ended": 401, "unsent.again": 403, "unsent.refused": 404, "unsent.away": 503}
"""Key of the words that say why a form was not sent -> status."""

Handler = Callable[[Request, Visit], Awaitable[StreamResponse]]
Open = Callable[[Request], Awaitable[StreamResponse]]
"""Handler that needs nobody to be logged in."""

log = structlog.get_logger()


class Gate:
    def __init__(
        self,
        sessions: SessionStore,
        cookies: Cookies,
        provider: Provider,
        gateway: Gateway,
        site: Site,
        journal: Journal,
    ) -> None:
        self._sessions, self._cookies, self._journal = sessions, cookies, journal
        self._provider, self._gateway, self._site = provider, gateway, site

    def visit(self, request: Request) -> Visit:
        """Return a visit of somebody who is not logged in, or need not be."""
        return Visit(language_of(request), clock.now(), request.path, page=_page_of(request))

    def require(self, handler: Handler, *, is_upload: bool = False, is_use: bool = True) -> Open:
        """Wrap a handler, so that it runs only for who is logged in, and a change only if it comes
        from a form of ours. The form of an upload is judged by the handler, before its file. What
        an open page asks by itself is no use of the session."""

        async def enter(request: Request) -> StreamResponse:
            return await self._enter(request, handler, is_upload=is_upload, is_use=is_use)

        return self.guard(enter)

    def guard(self, handler: Open) -> Open:
        """Wrap a handler, so that whoever is away or refuses is told on a page."""

        async def guarded(request: Request) -> StreamResponse:
            try:
                return await handler(request)
            except BadForm:
                return self._site.page(
                    self.visit(request), "problem.html", 400, reason="problem.form"
                )
            except Unanswered:
                return self._unavailable(request)
            except Refused as refused:
                return self._refused(request, refused)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("desk.database_away", exc_info=error)
                return self._unavailable(request)

        return guarded

    def middleware(self) -> Middleware:
        """Return a middleware that shows a page, and no JSON, to a browser that asks for what is
        not there, sends too much, or meets a fault of ours."""

        @web.middleware
        async def show(request: Request, handler: Open) -> StreamResponse:
            try:
                return await handler(request)
            except Exception as error:
                found = _problem_of(error)
                is_page = "text/html" in request.headers.get("Accept", "")
                if found is None or not is_page or request.writer.output_size > 0:
                    raise  # the server has an answer of its own
                reason, status = found
                if status == FAULT:
                    log.error("http.failed", exc_info=error)
                return self._site.page(self.visit(request), "problem.html", status, reason=reason)

        return show

    async def _enter(
        self, request: Request, handler: Handler, *, is_upload: bool, is_use: bool
    ) -> StreamResponse:
        cookie, now = self._cookies.read_session(request), clock.now()
        session = await self._sessions.find(cookie, now) if cookie else None
        if session and session.refresh_at <= now:
            session = await self._renew(session)
        if session and session.tokens.ends_at and session.tokens.ends_at <= now:
            # The provider is away, or the gateway: nobody says any more what the employee may see.
            return await self._show_unsent(request, self.visit(request), "unsent.away") or (
                self._unavailable(request)
            )
        if session is None:
            unsent = await self._show_unsent(request, self.visit(request), "unsent.ended")
            return unsent or self._to_login(request)
        if is_use and (now - session.used_at).total_seconds() > TOUCH_SECONDS:
            await self._sessions.touch(session, now)
        token = form_token(cookie)
        opening = await _opening_of(request)
        mark = self._journal.mark()
        given = session, token, opening, mark, _page_of(request)
        visit = Visit(language_of(request), now, request.path, *given)
        judges = request.method == "POST" and not is_upload
        if judges and not await _has_form_token(request, visit.form_token):
            unsent = await self._show_unsent(request, visit, "unsent.again")
            return unsent or self._site.page(visit, "problem.html", 403, reason="problem.form")
        return await self._handle(request, visit, handler)

    async def _handle(self, request: Request, visit: Visit, handler: Handler) -> StreamResponse:
        """Run a handler; show what was typed into a form that it does not take."""
        try:
            return await handler(request, visit)
        except StaleForm as stale:
            unsent = self._unsent_page(visit, "unsent.again", unsent_fields(stale.fields.items()))
            return unsent or self._refused(request, Refused(HTTPStatus.FORBIDDEN, "", {}))
        except Exception as error:
            if (why := _why_unsent(error)) and (
                unsent := await self._show_unsent(request, visit, why)
            ):
                log.warning("desk.form_unsent", reason=why, error=type(error).__name__)
                return unsent
            raise

    async def _show_unsent(self, request: Request, visit: Visit, why: str) -> web.Response | None:
        """Return a page with what was typed and why it was not sent, from which its writer can send
        it once they have looked at it; None if nothing was typed. No other site can make a browser
        ask for it (`same_origin_only`)."""
        return self._unsent_page(visit, why, await read_unsent(request))

    def _unsent_page(
        self, visit: Visit, why: str, fields: Sequence[UnsentField]
    ) -> web.Response | None:
        if not fields:
            return None
        is_upload = any(each.name == CAPTION for each in fields)
        given = {"fields": fields, "why": why, "is_upload": is_upload}
        return self._site.page(visit, "unsent_form.html", UNSENT[why], **given)

    async def _renew(self, session: Session) -> Session | None:
        """Return the session with new tokens, or as it is while another process renews them; None
        if the provider ended it."""
        if not await self._sessions.claim_renewal(session, clock.now()):
            return session
        now = clock.now()
        try:
            tokens = timed(await self._provider.refresh(session.tokens), now)
            access = await self._gateway.access(tokens.access_token)
        except ProviderUnavailable as error:
            log.warning("desk.provider_away", reason=str(error))
            return session
        except (LoginRefused, Refused) as error:  # by the provider, or by the gateway
            log.info("desk.session_ended", reason=str(error))
            await self._sessions.end(session.id)
            return None
        except Unanswered:
            # The old tokens are spent, so the new ones are stored. What they may do is asked again
            # in a moment; until then, and for as long as the old ones were good, that of before
            # holds.
            access, ends_at = session.access, session.tokens.ends_at
            tokens = msgspec.structs.replace(tokens, ends_at=ends_at, expires_in=0.0)
        await self._sessions.renew(session, access, tokens, now)
        return Session(session.id, access, tokens, session.refresh_at, session.used_at)

    def _to_login(self, request: Request) -> web.Response:
        """Send the browser to log in: a page by a redirect, a part of one by a header of htmx."""
        where = "/login?" + urlencode({"to": request.path}) if request.method == "GET" else "/login"
        if request.headers.get("HX-Request"):
            return web.Response(status=401, headers={"HX-Redirect": "/login"})
        if "text/event-stream" in request.headers.get("Accept", ""):
            return web.Response(status=401)
        response = web.Response(status=303, headers={"Location": where})
        response.headers["Cache-Control"] = "no-store"
        return response

    def refuse(self, request: Request, sentence: str) -> web.Response:
        """Refuse what is asked while nothing may be shown: to a browser on a page."""
        if "text/html" in request.headers.get("Accept", ""):
            return self._unavailable(request)
        return refuse_in_json(request, sentence)

    def _unavailable(self, request: Request) -> web.Response:
        page = self._site.page(self.visit(request), "problem.html", 503, reason="problem.away")
        page.headers["Retry-After"] = "5"
        return page

    def _refused(self, request: Request, refused: Refused) -> web.Response:
        if refused.status == 401:
            return self._to_login(request)
        if refused.code == DESTROYED:
            past = msgspec.convert(refused.body, PastDestruction)
            return self._site.page(self.visit(request), "destroyed.html", 410, past=past)
        if refused.code == MOVES.code:
            return self._site.page(self.visit(request), "problem.html", 503, reason="problem.moves")
        status = 404 if refused.status in (403, 404) else 502
        reason = "problem.unknown" if status == 404 else "problem.refused"
        if status != 404:
            log.error("desk.refused", status=refused.status, code=refused.code)
        return self._site.page(self.visit(request), "problem.html", status, reason=reason)


def _page_of(request: Request) -> str:
    """Return the path of the page that a request asks for, or on which its form is."""
    resource = request.match_info.route.resource
    if request.method != "POST" or resource is None:
        return request.path
    routes = request.app.router.routes()
    pages = {each.resource.canonical for each in routes if each.resource and each.method == "GET"}
    return page_path(request.path, resource.canonical, pages)


async def _opening_of(request: Request) -> UUID:
    """Return the opening of the page from which a request comes; a new one if it comes from
    none."""
    given = request.query.get("opening", "")
    if request.content_type == "application/x-www-form-urlencoded":
        given = str((await read_fields(request)).get("opening", ""))
    return parse_uuid(given) or clock.new_id()


async def _has_form_token(request: Request, expected: str) -> bool:
    """Return True if a form, or a header that only our own script can set, has the token."""
    given = request.headers.get("Desk-Form-Token", "")
    if not given and request.content_type == "application/x-www-form-urlencoded":
        with contextlib.suppress(ConnectionError):  # its browser left: not the database
            given = str((await read_fields(request)).get(FORM_TOKEN, ""))
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _problem_of(error: Exception) -> tuple[str, int] | None:
    """Return the key of the words for an error that no page took, and its status; None for one that
    is none, or if the browser sent half a request."""
    if isinstance(error, web.HTTPClientError):
        return ("problem.large" if error.status == TOO_LARGE else "problem.unknown"), error.status
    if isinstance(error, web.HTTPException | HttpProcessingError | web.RequestPayloadError):
        return None
    return None if isinstance(error, ConnectionError) else ("problem.fault", FAULT)


def _why_unsent(error: Exception) -> str:
    """Return the key of the words for a form that was not taken; '' for a fault of ours."""
    if isinstance(error, Unanswered) or is_transient(error):
        return "unsent.away"
    if isinstance(error, Refused):
        return "unsent.ended" if error.status == HTTPStatus.UNAUTHORIZED else "unsent.refused"
    return ""
