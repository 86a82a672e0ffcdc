"""POST /v1/messages/_search. The conditions are in the body, which no access log of a proxy
contains."""

from collections.abc import Collection

from aiohttp import web

from archiver.api import presenter
from archiver.api.access_log import AccessLog
from archiver.api.destructions import destroyed_json
from archiver.api.queries import RecordReader
from archiver.api.viewer import BOTH_NEEDED
from archiver.search.request import SEARCH
from archiver.search.search import CursorFromOtherSearch, Search, SearchPage, SearchTooBroad
from services.api.json_body import FieldError, parse_body
from services.api.request_body import Refused, bad_request, read_json_body
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore

PATH = "/v1/messages/_search"

SEARCH_ROLES: tuple[Role, ...] = ("read", "records")
"""Roles of which a token needs one: of those who answer citizens, and of the archivist."""


def _needed_headers(rights: Rights) -> Collection[str]:
    """Return the headers that a search needs: an archivist, who answers nobody, says why."""
    return () if rights.may("read") else BOTH_NEEDED


class SearchRoutes:
    def __init__(
        self, finder: Search, store: RecordReader, views: AccessLog, keyring: TokenStore
    ) -> None:
        self._finder, self._store = finder, store
        self._views, self._keyring = views, keyring

    def routes(self) -> list[web.RouteDef]:
        handler = self._views.identified(self.search, _needed_headers)
        return [web.post(PATH, require_token(handler, self._keyring, *SEARCH_ROLES))]

    async def search(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer a search. 400 with every fault of the request, or if the search takes too long."""
        try:
            body = await read_json_body(request)
        except Refused as refused:
            return refused.answer
        query = parse_body(body, SEARCH)
        if isinstance(query, list):
            return bad_request(query)
        self._views.require_reason(request, set(query.departments) or None)
        try:
            page = await self._finder.find(query, rights)
        except SearchTooBroad as error:
            return problem_response(400, "Bad Request", str(error), code="too_broad")
        except CursorFromOtherSearch as error:
            return bad_request([FieldError(f"/{error.member}", error.SENTENCE)])
        if page.rows:
            await self._views.record_shown(request, "search", page.rows, listed=True)
        else:
            await self._views.record_count(request, "search", page.hits.total)
        return await self._answer(page, rights)

    async def _answer(self, page: SearchPage, rights: Rights) -> web.Response:
        messages = [row["message"] for row in page.rows if row["kind"] == "message"]
        outcomes = await self._store.load_outcomes(messages, rights) if messages else []
        hits = page.hits
        totals = {"total": hits.total, "totalIsExact": hits.exact, "asOf": hits.as_of}
        content = presenter.page_json(page.rows, outcomes)
        destroyed = destroyed_json(page.destroyed, rights)
        gone = {"gone": page.gone, "destroyed": destroyed, "next": hits.next}
        return json_response(content | gone | totals)
