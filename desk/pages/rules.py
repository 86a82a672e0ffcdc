"""For who owns the rules: trying a sentence, and the versions of rules and texts."""

from urllib.parse import quote

from aiohttp import web

from desk.pages.conversation_view import session_of
from desk.pages.forms import read_form
from desk.postkamer.client import Refused
from desk.postkamer.rules import Explanation, Rules
from desk.web.gate import Gate
from desk.web.site import Site, Visit

PATH = "/rules"
MAX_TEXT = 4096
"""Longest sentence to try, as a citizen's message."""
TRIES, READS = frozenset({"kcc", "rules"}), frozenset({"rules"})
"""Roles that may try a sentence, and that may read the rules."""


class RulePages:
    def __init__(self, gate: Gate, site: Site, rules: Rules) -> None:
        self._gate, self._site, self._rules = gate, site, rules

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._show), allow_head=False),
            web.post(PATH, require(self._try)),
            web.get(f"{PATH}/versions/{{id}}", require(self._show_version), allow_head=False),
            web.post(f"{PATH}/versions/{{id}}", require(self._approve)),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /rules: the form, and the versions."""
        return await self._page(visit)

    async def _try(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /rules: the decision about a sentence. It stands in no address."""
        text = (await read_form(request)).text("text").strip()[:MAX_TEXT]
        if not text:
            return await self._page(visit)
        _need(visit, TRIES)
        token = session_of(visit).tokens.access_token
        return await self._page(visit, text, await self._rules.explain(token, text))

    async def _page(
        self, visit: Visit, text: str = "", explanation: Explanation | None = None
    ) -> web.Response:
        session = session_of(visit)
        _need(visit, TRIES)
        may_read = not READS.isdisjoint(session.access.roles)
        versions = await self._rules.versions(session.tokens.access_token) if may_read else ()
        return self._site.page(
            visit,
            "rules.html",
            text=text,
            explanation=explanation,
            versions=versions,
            max_text=MAX_TEXT,
        )

    async def _show_version(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /rules/versions/{id}: the files of a version, and what changed."""
        _need(visit, READS)
        token = session_of(visit).tokens.access_token
        version = await self._rules.version(token, request.match_info["id"])
        return self._site.page(visit, "rule_version.html", version=version)

    async def _approve(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /rules/versions/{id}: the employee stands for it."""
        _need(visit, READS)
        await read_form(request)
        id = request.match_info["id"]
        await self._rules.approve(session_of(visit).tokens.access_token, id)
        location = f"{PATH}/versions/{quote(id, safe='')}"
        return web.Response(status=303, headers={"Location": location})


def _need(visit: Visit, roles: frozenset[str]) -> None:
    if roles.isdisjoint(session_of(visit).access.roles):
        raise Refused(403, "", {})
