"""For managers: the month's figures, and what waits now."""

from aiohttp import web

from desk.inbox.store import ConversationStore
from desk.pages.conversation_view import session_of
from desk.pages.management.figure_table import (
    MONTH,
    TABLES,
    WAITS,
    bars,
    csv_text,
    months_to_choose,
)
from desk.postkamer.client import Refused
from desk.postkamer.figure_reader import FigureReader
from desk.postkamer.figures import Month
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from services.calendar.opening_hours import AMSTERDAM

PATH = "/figures"
ROLES = frozenset({"kcc", "rules"})


class FigurePages:
    def __init__(
        self, gate: Gate, site: Site, reader: FigureReader, store: ConversationStore
    ) -> None:
        self._gate, self._site, self._reader, self._store = gate, site, reader, store

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._show), allow_head=False),
            web.get(f"{PATH}/file", require(self._download), allow_head=False),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /figures?month=: the figures of a month, and what waits now."""
        month = await self._load(request, visit)
        today = visit.now.astimezone(AMSTERDAM).date()
        listed, longest = bars(month)
        access = session_of(visit).access
        waiting = await self._store.count_waiting(access.tenant.source)
        names = {each.id: each.name for each in month.departments}
        return self._site.page(
            visit,
            "figures.html",
            month=month,
            months=months_to_choose(today, month.counted_since),
            tables=TABLES,
            waits=WAITS,
            bars=listed,
            longest=longest,
            waiting=[(names.get(each.department, each.department), each) for each in waiting],
        )

    async def _download(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /figures/file?month=: the same, for a spreadsheet."""
        month = await self._load(request, visit)
        name = f"postkamer-{month.month}.csv"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        }
        text = csv_text(month, visit.say)
        return web.Response(text=text, content_type="text/csv", charset="utf-8", headers=headers)

    async def _load(self, request: web.Request, visit: Visit) -> Month:
        session = session_of(visit)
        if ROLES.isdisjoint(session.access.roles):
            raise Refused(403, "", {})
        given = request.query.get("month", "")
        chosen = given if MONTH.fullmatch(given) else ""
        try:
            return await self._reader.month(session.tokens.access_token, chosen)
        except Refused as refused:
            if refused.status != web.HTTPBadRequest.status_code:
                raise
            return await self._reader.month(session.tokens.access_token)
