"""For those who keep the record: what is not destroyed, why, and when somebody must look again."""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from desk.conversation.reasons import MAX_CHARACTERS
from desk.pages.archive.reason import (
    HOLDERS,
    id_of,
    identities_of,
    period_of,
    read_reason,
    token_of_any,
    trouble_of,
)
from desk.pages.archive.requests import today_of
from desk.pages.archive.search import MAX_WORDS
from desk.pages.conversation_view import session_of
from desk.pages.forms import NOTHING_TYPED, Form, read_form
from desk.postkamer.client import Refused
from desk.postkamer.holds import Hold, HoldOffice
from desk.web.gate import Gate
from desk.web.site import Site, Visit

PATH = "/archive/holds"
NEW, ONE = f"{PATH}/new", f"{PATH}/{{id}}"
GROUNDS = ("woo", "access", "objection", "limitation", "dispute", "audit")
FIELDS = (
    "ground", "review_on", "text", "conversation", "phone", "bsuid", "words", "department", "since",
    "until",
)  # fmt: skip
MAX_TEXT = 500
"""Longest reference of a case, in characters, as the record takes it."""


class HoldPages:
    def __init__(self, gate: Gate, site: Site, office: HoldOffice) -> None:
        self._gate, self._site, self._office = gate, site, office

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._list), allow_head=False),
            web.post(PATH, require(self._place)),
            web.get(NEW, require(self._new), allow_head=False),
            web.post(NEW, require(self._propose)),
            web.get(ONE, require(self._ask_reason), allow_head=False),
            web.post(ONE, require(self._show)),
            web.post(f"{ONE}/review", require(self._review)),
            web.post(f"{ONE}/lift", require(self._lift)),
        ]

    async def _list(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/holds: the earliest due for review first, so that overdue ones lead."""
        return await self._list_page(visit)

    async def _list_page(self, visit: Visit, placed: Hold | None = None) -> web.Response:
        token, trouble, holds = token_of_any(visit, *HOLDERS), "", tuple[Hold, ...]()
        try:
            holds = await self._office.list(token)
        except Refused as refused:
            trouble = trouble_of(refused)
        return self._site.page(
            visit,
            "archive_holds.html",
            403 if trouble else 200,
            access=session_of(visit).access,
            holds=holds,
            placed=placed,
            trouble=trouble,
            today=today_of(visit),
        )

    async def _new(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/holds/new: the form."""
        token_of_any(visit, *HOLDERS)
        return self._form_page(visit, Form({}))

    async def _propose(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/holds/new: the form for what was found on another page. What was searched
        for stands in no address."""
        token_of_any(visit, *HOLDERS)
        return self._form_page(visit, await read_form(request))

    def _form_page(
        self, visit: Visit, form: Form, status: int = 200, trouble: str = ""
    ) -> web.Response:
        return self._site.page(
            visit,
            "archive_hold_new.html",
            status,
            access=session_of(visit).access,
            fields={name: form.text(name) for name in FIELDS},
            grounds=GROUNDS,
            trouble=trouble,
            max_text=MAX_TEXT,
            max_words=MAX_WORDS,
        )

    async def _place(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/holds: place a hold, and show it in the list with how much it covers. The
        same one once more adds none."""
        token, form = token_of_any(visit, *HOLDERS), await read_form(request)
        body = hold_body(form)
        if len(body.keys() & {"conversation", "identities", "selection"}) != 1:
            return self._form_page(visit, form, 400, "holds.one_of")
        try:
            placed = await self._office.place(token, body)
        except Refused as refused:
            return self._form_page(visit, form, 400, trouble_of(refused))
        return await self._list_page(visit, placed)

    async def _ask_reason(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/holds/{id}: the question why, before anything of it is shown."""
        token_of_any(visit, *HOLDERS)
        return self._reason_page(visit, id_of(request))

    def _reason_page(self, visit: Visit, id: str, status: int = 200) -> web.Response:
        trouble = "" if status == HTTPStatus.OK else "archive.reason_needed"
        return self._site.page(
            visit,
            "archive_reason.html",
            status,
            kind="holds",
            id=id,
            trouble=trouble,
            max_reason=MAX_CHARACTERS,
        )

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/holds/{id}: its steps, its extent, and what can be done."""
        token_of_any(visit, *HOLDERS)
        return await self._page(visit, id_of(request), await read_form(request))

    async def _page(
        self, visit: Visit, id: str, form: Form, trouble: str = "", verb: str = ""
    ) -> web.Response:
        """Return the page of a hold; with `verb`, the form of which was refused, as typed."""
        reason = read_reason(form)
        if not reason:
            return self._reason_page(visit, id, 400)
        found = await self._office.read(token_of_any(visit, *HOLDERS), id, reason)
        return self._site.page(
            visit,
            "archive_hold.html",
            400 if trouble else 200,
            access=session_of(visit).access,
            hold=found,
            today=today_of(visit),
            reason=reason,
            max_text=MAX_TEXT,
            trouble=trouble,
            verb=verb,
            typed=form if verb else NOTHING_TYPED,
        )

    async def _review(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/holds/{id}/review: it is still needed, until another look."""
        token_of_any(visit, *HOLDERS)
        form = await read_form(request)
        body = {"reviewOn": form.text("review_on"), "text": form.text("text").strip()}
        return await self._change(request, visit, form, "review", body)

    async def _lift(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/holds/{id}/lift: it is not needed any more."""
        token_of_any(visit, *HOLDERS)
        form = await read_form(request)
        return await self._change(request, visit, form, "lift", {"text": form.text("text").strip()})

    async def _change(
        self, request: web.Request, visit: Visit, form: Form, verb: str, body: dict[str, Any]
    ) -> web.Response:
        id, token = id_of(request), token_of_any(visit, *HOLDERS)
        if not read_reason(form):  # nothing is changed that is not shown afterwards
            return self._reason_page(visit, id, 400)
        try:
            await self._office.change(token, id, verb, body)
        except Refused as refused:
            return await self._page(visit, id, form, trouble_of(refused), verb)
        return await self._page(visit, id, form)


def hold_body(form: Form) -> dict[str, Any]:
    """Return the order of the API for the fields of the form. Pure."""
    words, department = form.text("words").strip()[:MAX_WORDS], form.text("department")
    selection = {"words": words, "departments": [department] if department else []}
    given = {name: value for name, value in selection.items() if value} | period_of(form)
    members: dict[str, Any] = {
        "ground": form.text("ground"),
        "reviewOn": form.text("review_on"),
        "text": form.text("text").strip(),
        "conversation": form.text("conversation").strip(),
        "identities": identities_of(form),
        "selection": given,
    }
    return {name: value for name, value in members.items() if value}
