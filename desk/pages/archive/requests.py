"""For the privacy officer: requests of citizens about their data, with their terms."""

from datetime import date
from http import HTTPStatus
from typing import Any

from aiohttp import web

from desk.conversation.reasons import MAX_CHARACTERS
from desk.pages.archive.reason import (
    PRIVACY,
    id_of,
    identities_of,
    read_reason,
    token_of,
    trouble_of,
)
from desk.pages.forms import NOTHING_TYPED, Form, read_form
from desk.postkamer.client import Refused
from desk.postkamer.destruction import DestructionLists
from desk.postkamer.privacy import PrivacyOffice
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from services.calendar.opening_hours import AMSTERDAM

PATH = "/archive/requests"
ONE = f"{PATH}/{{id}}"
KINDS = ("access", "rectification", "erasure", "restriction", "objection")
OUTCOMES = ("granted", "partly", "refused")
MAX_TEXT = 4000
"""Longest text that is added to a decision, in characters."""
NEW_FIELDS = ("kind", "received_on", "phone", "bsuid")


class RequestPages:
    def __init__(
        self, gate: Gate, site: Site, office: PrivacyOffice, lists: DestructionLists
    ) -> None:
        self._gate, self._site = gate, site
        self._office, self._lists = office, lists

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._list), allow_head=False),
            web.post(PATH, require(self._open)),
            web.get(ONE, require(self._ask_reason), allow_head=False),
            web.post(ONE, require(self._show)),
            web.post(f"{ONE}/extend", require(self._extend)),
            web.post(f"{ONE}/decide", require(self._decide)),
            web.post(f"{ONE}/erase", require(self._erase)),
        ]

    async def _list(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/requests: the earliest due first, so that overdue ones come first."""
        return await self._list_page(visit, Form({}))

    async def _list_page(
        self, visit: Visit, form: Form, status: int = 200, trouble: str = ""
    ) -> web.Response:
        token = token_of(visit, PRIVACY)
        requests = await self._office.requests(token)
        return self._site.page(
            visit,
            "archive_requests.html",
            status,
            requests=requests,
            today=today_of(visit),
            fields={name: form.text(name) for name in NEW_FIELDS},
            kinds=KINDS,
            trouble=trouble,
        )

    async def _open(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/requests: register a request."""
        token, form = token_of(visit, PRIVACY), await read_form(request)
        body = {
            "kind": form.text("kind"),
            "receivedOn": form.text("received_on"),
            "identities": identities_of(form),
        }
        try:
            opened = await self._office.open_request(token, body)
        except Refused as refused:
            return await self._list_page(visit, form, 400, trouble_of(refused))
        return web.Response(status=303, headers={"Location": f"{PATH}/{opened.id}"})

    async def _ask_reason(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/requests/{id}: the question why, before anything of it is shown."""
        token_of(visit, PRIVACY)
        return self._reason_page(visit, id_of(request))

    def _reason_page(self, visit: Visit, id: str, status: int = 200) -> web.Response:
        trouble = "" if status == HTTPStatus.OK else "archive.reason_needed"
        return self._site.page(
            visit,
            "archive_reason.html",
            status,
            kind="requests",
            id=id,
            trouble=trouble,
            max_reason=MAX_CHARACTERS,
        )

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/requests/{id}: its steps, its letter, and what can be done."""
        token_of(visit, PRIVACY)
        return await self._page(visit, id_of(request), await read_form(request))

    async def _page(
        self, visit: Visit, id: str, form: Form, trouble: str = "", verb: str = ""
    ) -> web.Response:
        """Return the page of a request; with `verb`, the form of which was refused, as typed."""
        reason = read_reason(form)
        if not reason:
            return self._reason_page(visit, id, 400)
        found = await self._office.request(token_of(visit, PRIVACY), id, reason)
        return self._site.page(
            visit,
            "archive_request.html",
            400 if trouble else 200,
            request=found,
            today=today_of(visit),
            reason=reason,
            outcomes=OUTCOMES,
            max_text=MAX_TEXT,
            trouble=trouble,
            verb=verb,
            typed=form if verb else NOTHING_TYPED,
        )

    async def _extend(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/requests/{id}/extend: a longer term."""
        token_of(visit, PRIVACY)
        form = await read_form(request)
        body = {"until": form.text("until"), "ground": form.text("ground")}
        return await self._change(request, visit, form, "extend", body)

    async def _decide(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/requests/{id}/decide: the decision, once."""
        token_of(visit, PRIVACY)
        form = await read_form(request)
        return await self._change(request, visit, form, "decide", decision_body(form))

    async def _erase(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/requests/{id}/erase: draw the list of an erasure that was granted."""
        token, form = token_of(visit, PRIVACY), await read_form(request)
        id = id_of(request)
        if not read_reason(form):
            return self._reason_page(visit, id, 400)
        try:
            await self._lists.erase(token, id)
        except Refused as refused:
            return await self._page(visit, id, form, trouble_of(refused))
        return await self._page(visit, id, form)

    async def _change(
        self, request: web.Request, visit: Visit, form: Form, verb: str, body: dict[str, Any]
    ) -> web.Response:
        id, token = id_of(request), token_of(visit, PRIVACY)
        if not read_reason(form):  # nothing is changed that is not shown afterwards
            return self._reason_page(visit, id, 400)
        try:
            await self._office.change_request(token, id, verb, body)
        except Refused as refused:
            return await self._page(visit, id, form, trouble_of(refused), verb)
        return await self._page(visit, id, form)


def decision_body(form: Form) -> dict[str, str]:
    """Return the decision of the API for the fields of the form. Pure."""
    fields = {
        "decision": form.text("decision"),
        "ground": form.text("ground"),
        "text": form.text("text").strip(),
        "holdReviewOn": form.text("hold_review_on"),
    }
    return {name: value for name, value in fields.items() if value}


def today_of(visit: Visit) -> date:
    return visit.now.astimezone(AMSTERDAM).date()
