"""For managers: the month's figures, and what waits now."""

from http import HTTPStatus

from aiohttp import web

from desk.inbox.store import ConversationStore
from desk.login.sessions import Session
from desk.pages.conversation_view import session_of
from desk.pages.management.figure_table import (
    MONTH,
    TABLES,
    bars,
    csv_text,
    formatted,
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
FORMS = {"pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}
NO_REPORT = {
    "not_settled": "figures.not_settled",
    "not_counted": "figures.not_counted",
    "pdf_missing": "figures.pdf_missing",
}
"""Code of the router's refusal -> what it means for the reader."""


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
            web.get(f"{PATH}/report/{{form}}", require(self._report), allow_head=False),
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
            formatted=formatted,
            has_report=month.report_from is not None and month.report_from <= today,
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

    async def _report(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /figures/report/{pdf|csv}?month=: what of a month may leave the house."""
        form, month = request.match_info["form"], request.query.get("month", "")
        if form not in FORMS or not MONTH.fullmatch(month):
            raise Refused(404, "", {})
        token = _manager(visit).tokens.access_token
        try:
            body = await self._reader.report(token, month, FORMS[form])
        except Refused as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise
            words = NO_REPORT.get(refused.code, "figures.no_report")
            return self._site.page(visit, "problem.html", HTTPStatus.CONFLICT, reason=words)
        headers = {
            "Content-Type": FORMS[form],
            "Content-Disposition": f'attachment; filename="whatsapp-{month}.{form}"',
            "Cache-Control": "no-store",
        }
        return web.Response(body=body, headers=headers)

    async def _load(self, request: web.Request, visit: Visit) -> Month:
        session = _manager(visit)
        given = request.query.get("month", "")
        chosen = given if MONTH.fullmatch(given) else ""
        try:
            return await self._reader.month(session.tokens.access_token, chosen)
        except Refused as refused:
            if refused.status != web.HTTPBadRequest.status_code:
                raise
            return await self._reader.month(session.tokens.access_token)


def _manager(visit: Visit) -> Session:
    """Return the session of a manager. Raises Refused for another."""
    session = session_of(visit)
    if ROLES.isdisjoint(session.access.roles):
        raise Refused(403, "", {})
    return session
