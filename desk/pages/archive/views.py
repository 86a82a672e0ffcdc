"""For the privacy officer: who viewed a conversation, and what an employee viewed."""

from typing import Any

from aiohttp import web

from desk.conversation.reasons import MAX_CHARACTERS
from desk.pages.archive.reason import (
    PRIVACY,
    period_of,
    read_reason,
    token_of,
    trouble_of,
)
from desk.pages.conversation_view import session_of
from desk.pages.forms import Form, read_form
from desk.postkamer.client import Refused
from desk.postkamer.privacy import PrivacyOffice, Views
from desk.web.gate import Gate
from desk.web.site import Site, Visit

PATH = "/archive/views"
FIELDS = ("conversation", "employee", "since", "until", "reason")


class ViewPages:
    def __init__(self, gate: Gate, site: Site, office: PrivacyOffice) -> None:
        self._gate, self._site, self._office = gate, site, office

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._show), allow_head=False),
            web.post(PATH, require(self._search)),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/views: the form."""
        token_of(visit, PRIVACY)
        return self._page(visit, Form({}))

    async def _search(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/views: a page of views. The employee stands in no address."""
        token, form = token_of(visit, PRIVACY), await read_form(request)
        reason, body = read_reason(form), view_body(form)
        if not reason:
            return self._page(visit, form, status=400, trouble="archive.reason_needed")
        if not body.keys() & {"conversation", "employee"}:
            return self._page(visit, form, status=400, trouble="archive.whose")
        try:
            found = await self._office.views(token, body, reason)
        except Refused as refused:
            return self._page(visit, form, status=400, trouble=trouble_of(refused))
        return self._page(visit, form, found=found)

    def _page(
        self,
        visit: Visit,
        form: Form,
        *,
        status: int = 200,
        trouble: str = "",
        found: Views | None = None,
    ) -> web.Response:
        return self._site.page(
            visit,
            "archive_views.html",
            status,
            access=session_of(visit).access,
            fields={name: form.text(name) for name in FIELDS},
            trouble=trouble,
            found=found,
            max_reason=MAX_CHARACTERS,
        )


def view_body(form: Form) -> dict[str, Any]:
    """Return the search of the API for the fields of the form. Pure."""
    named = {name: form.text(name).strip() for name in ("conversation", "employee", "after")}
    return {name: value for name, value in named.items() if value} | period_of(form)
