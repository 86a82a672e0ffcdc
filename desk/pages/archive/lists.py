"""For who keeps the archive: destruction lists, from drawing them to the declaration."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from desk.access import Access
from desk.pages.archive.reason import ARCHIVIST, RECORDS, id_of, token_of, token_of_any
from desk.pages.archive.requests import today_of
from desk.pages.conversation_view import session_of
from desk.pages.forms import NOTHING_TYPED, Form, read_form
from desk.postkamer.client import Refused
from desk.postkamer.destruction import DestructionLists, FullList
from desk.web.gate import Gate
from desk.web.site import Site, Visit

PATH = "/archive/lists"
ONE = f"{PATH}/{{id}}"
STEPS = {
    "review": (RECORDS,),
    "return": (RECORDS, ARCHIVIST),
    "approve": (ARCHIVIST,),
    "withdraw": (RECORDS, ARCHIVIST),
}
"""Verb of a step -> roles, of which an employee needs one."""
STEPS_OF = {
    "drawn": ("review", "withdraw"),
    "reviewed": ("approve", "return", "withdraw"),
    "approved": ("withdraw",),
    "destroying": ("withdraw",),
}
"""State of a list -> verbs of the steps that it may take."""
REASONS = ("dispute", "woo", "unfinished", "wrong_term", "historic", "other")
CHOICES = ("department", "code", "state", "after")
SPARE = "spare"
SPARING = ("reason", "text", "until")
MAX_TEXT = 500
"""Longest words about a step, in characters."""
REFUSALS = (
    "drawer_does_not_review",
    "drawer_does_not_approve",
    "reviewer_does_not_approve",
    "wrong_state",
    "nothing",
)
"""Codes of refusals that have words of their own."""
POINTERS = {"/until": "lists.wrong_until", "/text": "lists.text_needed", "/upTo": "lists.wrong_day"}
CONVERSATIONS = "conversation"
"""Name of the boxes in the form, one for each conversation."""


class ListPages:
    def __init__(self, gate: Gate, site: Site, lists: DestructionLists) -> None:
        self._gate, self._site, self._lists = gate, site, lists

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._list), allow_head=False),
            web.post(PATH, require(self._draw)),
            web.get(ONE, require(self._show), allow_head=False),
            web.post(f"{ONE}/step", require(self._step)),
            web.post(f"{ONE}/spare", require(self._spare)),
            web.get(f"{ONE}/declaration", require(self._declaration), allow_head=False),
            web.get(f"{ONE}/declaration.pdf", require(self._download), allow_head=False),
        ]

    async def _list(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/lists: the newest first."""
        return await self._list_page(visit)

    async def _list_page(self, visit: Visit, status: int = 200, trouble: str = "") -> web.Response:
        lists = await self._lists.all(token_of_any(visit, RECORDS, ARCHIVIST))
        return self._site.page(
            visit,
            "archive_lists.html",
            status,
            lists=lists,
            may_draw=RECORDS in _access_of(visit).roles,
            today=today_of(visit),
            trouble=trouble,
        )

    async def _draw(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/lists: draw a list of what is due."""
        token, form = token_of(visit, RECORDS), await read_form(request)
        day = form.text("up_to").strip()
        try:
            drawn = await self._lists.draw(token, {"upTo": day} if day else {})
        except Refused as refused:
            return await self._list_page(visit, 400, trouble_of_list(refused))
        return _to(drawn.id)

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/lists/{id}: its steps, its groups, a page of it, and what can be done."""
        return await self._page(request, visit)

    async def _page(
        self,
        request: web.Request,
        visit: Visit,
        trouble: str = "",
        verb: str = "",
        typed: Form = NOTHING_TYPED,
    ) -> web.Response:
        """Return the page of a list; with `verb`, the form of which was refused, as typed."""
        token, id = token_of_any(visit, RECORDS, ARCHIVIST), id_of(request)
        found, chosen = await self._lists.find(token, id), choices_of(request.query)
        page, access = await self._lists.items(token, id, chosen), _access_of(visit)
        return self._site.page(
            visit,
            "archive_list.html",
            400 if trouble else 200,
            list=found,
            items=page.items,
            next=page.next,
            chosen=chosen,
            steps=list_steps(found, access),
            may_spare=found.state == "drawn" and RECORDS in access.roles,
            reasons=REASONS,
            access=access,
            max_text=MAX_TEXT,
            trouble=trouble,
            verb=verb,
            typed=typed,
            boxes=frozenset(typed.texts(CONVERSATIONS)),
        )

    async def _step(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/lists/{id}/step: review, return, approve or withdraw it."""
        token_of_any(visit, RECORDS, ARCHIVIST)
        id, form = id_of(request), await read_form(request)
        verb = form.text("step")
        token_of_any(visit, *STEPS.get(verb, ()))
        if verb == "approve" and form.text("typed").strip() != id:
            return await self._page(request, visit, "lists.type_it", verb, form)
        return await self._change(request, visit, form, verb, text_of(form))

    async def _spare(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/lists/{id}/spare: take conversations off, or put them off."""
        token_of(visit, RECORDS)
        form = await read_form(request)
        body = sparing_body(form)
        if not body["conversations"]:
            return await self._page(request, visit, "lists.choose_some", SPARE, form)
        return await self._change(request, visit, form, SPARE, body)

    async def _change(
        self, request: web.Request, visit: Visit, form: Form, verb: str, body: Mapping[str, Any]
    ) -> web.Response:
        id, token = id_of(request), session_of(visit).tokens.access_token
        try:
            await self._lists.change(token, id, verb, body)
        except Refused as refused:
            return await self._page(request, visit, trouble_of_list(refused), verb, form)
        return _to(id)

    async def _declaration(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/lists/{id}/declaration."""
        token = token_of_any(visit, RECORDS, ARCHIVIST)
        made = await self._lists.declaration(token, id_of(request))
        access = _access_of(visit)
        return self._site.page(visit, "archive_declaration.html", made=made, access=access)

    async def _download(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/lists/{id}/declaration.pdf."""
        token, id = token_of_any(visit, RECORDS, ARCHIVIST), id_of(request)
        content = await self._lists.printed_declaration(token, id)
        disposition = f'attachment; filename="{id}.pdf"'
        headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
        return web.Response(body=content, content_type="application/pdf", headers=headers)


def list_steps(found: FullList, access: Access) -> tuple[str, ...]:
    """Return the verbs of the steps that an employee may take with a list now. Pure."""
    verbs = STEPS_OF.get(found.state, ())
    return tuple(verb for verb in verbs if not access.roles.isdisjoint(STEPS[verb]))


def choices_of(query: Mapping[str, str]) -> dict[str, str]:
    """Return what is chosen of a list. An erasure has no result: that is chosen too. Pure."""
    return {name: query[name] for name in CHOICES if name in query}


def text_of(form: Form) -> dict[str, str]:
    text = form.text("text").strip()
    return {"text": text} if text else {}


def sparing_body(form: Form) -> dict[str, Any]:
    """Return the order of the API for the fields of the form. Pure."""
    given = {name: form.text(name).strip() for name in SPARING}
    return {"conversations": form.texts(CONVERSATIONS)} | {
        name: value for name, value in given.items() if value
    }


def trouble_of_list(refused: Refused) -> str:
    """Return the key of the words that explain a refusal. Raises it again if the list is not there
    for the employee, or their token has ended. Pure."""
    if refused.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        raise refused
    if refused.status == HTTPStatus.FORBIDDEN:
        return "archive.not_whole"
    if refused.code in REFUSALS:
        return f"lists.{refused.code}"
    errors = refused.body.get("errors") or ()
    pointers = [each.get("pointer") for each in errors]
    return next(filter(None, map(POINTERS.get, pointers)), "archive.refused")


def _access_of(visit: Visit) -> Access:
    return session_of(visit).access


def _to(id: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"{PATH}/{id}"})
