"""POST /v1/messages/_search: what is looked for stands in a body, where no log keeps it."""

from aiohttp import web

from archiver.api import presenter
from archiver.api.access_log import Views
from archiver.api.queries import Store
from archiver.search.request import SEARCH
from archiver.search.search import Elsewhere, Finder, Found, TooBroad
from services.api.json_body import Fault, read
from services.api.request_body import Refused, taken, unfit
from services.http.bearer_auth import guarded
from services.http.problems import json, problem
from services.http.rights import Rights
from services.http.token_store import Keyring

PATH = "/v1/messages/_search"


class Searching:
    def __init__(self, finder: Finder, store: Store, views: Views, keyring: Keyring) -> None:
        self._finder, self._store = finder, store
        self._views, self._keyring = views, keyring

    def routes(self) -> list[web.RouteDef]:
        door = self._views.door(self.search)
        return [web.post(PATH, guarded(door, self._keyring, "read"))]

    async def search(self, request: web.Request, rights: Rights) -> web.Response:
        """400 with every fault of the question, or where its answer takes too long."""
        try:
            body = await taken(request)
        except Refused as refused:
            return refused.answer
        asked = read(body, SEARCH)
        if isinstance(asked, list):
            return unfit(asked)
        try:
            found = await self._finder.find(asked, rights)
        except TooBroad as error:
            return problem(400, "Bad Request", str(error), code="too_broad")
        except Elsewhere as error:
            return unfit([Fault(f"/{error.member}", error.SENTENCE)])
        if found.rows:
            await self._views.shown(request, "search", found.rows, listed=True)
        else:
            await self._views.asked(request, "search", found.hits.total)
        return await self._answer(found, rights)

    async def _answer(self, found: Found, rights: Rights) -> web.Response:
        messages = [row["message"] for row in found.rows if row["kind"] == "message"]
        about = await self._store.about(messages, rights) if messages else []
        hits = found.hits
        counted = {"total": hits.total, "totalIsExact": hits.exact, "asOf": hits.as_of}
        shown = presenter.page(found.rows, about)
        return json(shown | {"gone": found.gone, "next": hits.next} | counted)
