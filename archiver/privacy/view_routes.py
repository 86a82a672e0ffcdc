"""POST /v1/views/_search: who viewed the record. The employee is in the body, in no address."""

from contextlib import aclosing
from datetime import datetime
from typing import Any

from aiohttp import web

from archiver.api.access_log import AccessLog
from archiver.api.viewer import BOTH_NEEDED, ShownRange
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.orders import VIEW_SEARCH, ViewSearch
from archiver.privacy.request_routes import ROLE, TOO_LONG, answered, read_order
from archiver.privacy.views import BEGINNING, View, ViewFilter, find_views
from services import clock
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights
from services.http.token_store import TokenStore

PATH = "/v1/views/_search"
SHOWN = (
    "id", "at", "conversation", "department", "token", "employee", "identified", "reason", "what",
    "count", "message",
)  # fmt: skip
"""Fields of a view in an answer."""


class ViewRoutes:
    def __init__(self, archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._views, self._tokens = archive, views, tokens

    def routes(self) -> list[web.RouteDef]:
        identified = self._views.identified(answered(self.search), lambda rights: BOTH_NEEDED)
        return [web.post(PATH, require_token(identified, self._tokens, ROLE))]

    async def search(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer with a page of views, oldest first, of the parts that the token reaches."""
        search: ViewSearch = await read_order(request, VIEW_SEARCH)
        try:
            views = await self._find(search, rights)
        except TimeoutError:
            return problem_response(400, "Bad Request", TOO_LONG, code="too_broad")
        page, has_more = views[: search.limit], len(views) > search.limit
        place = search.conversation if page and search.conversation else ""
        shown = ShownRange(conversation=place, department="", count=len(page), first=0, last=0)
        await self._views.record_ranges(request, "views", [shown])
        body: dict[str, Any] = {"views": [_view_json(each) for each in page]}
        return json_response(body | {"next": page[-1].id if has_more else None})

    async def _find(self, search: ViewSearch, rights: Rights) -> list[View]:
        """Return the views of a page and one more."""
        is_whole = self._archive.reaches_all(rights)
        hashing = await self._archive.keys.index_keys(rights.tenant)
        criteria = filter_of(search, rights.tenant, clock.now())
        views: list[View] = []
        async with (
            self._archive.transaction() as connection,
            aclosing(find_views(connection, self._archive.keys, criteria, hashing.hashes)) as found,
        ):
            async for view in found:
                if is_whole or rights.handles(view.department):
                    views.append(view)
                if len(views) > search.limit:
                    break
        return views


def filter_of(search: ViewSearch, tenant: str, now: datetime) -> ViewFilter:
    """Return the criteria of a search. Pure."""
    return ViewFilter(
        since=search.since or BEGINNING,
        until=search.until or now,
        conversation=search.conversation or "",
        employee=search.employee or "",
        tenant=tenant,
        after=search.after,
    )


def _view_json(view: View) -> dict[str, Any]:
    return {name: getattr(view, name) for name in SHOWN}
