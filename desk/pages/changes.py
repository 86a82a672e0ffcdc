"""Changes of a conversation: who has it, notes, another department, a zaak, its end."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from aiohttp import web

from desk.access import Access
from desk.inbox.conversation import Conversation
from desk.pages.conversation import PATH
from desk.pages.conversation_view import (
    ConversationViews,
    Typed,
    done,
    refusal_words,
    session_of,
)
from desk.pages.forms import Form, read_form
from desk.postkamer.client import Refused
from desk.postkamer.gateway import CommandStatus, Gateway
from desk.web.gate import Gate
from desk.web.site import Visit
from services.retention.selection_list import RESULTS

DONE, FAILED, NO_RESULT = "done", "failed", ""
ATTEMPTS, PAUSE_SECONDS = 12, 0.25
"""Looks at a command, three seconds together: the router decides within one. Later the page shows
it all the same."""
Body = Callable[[Conversation, Form, Access], dict[str, Any]]


def _note(_: Conversation, form: Form, __: Access) -> dict[str, Any]:
    return {"text": form.text("note")}


def _transfer(conversation: Conversation, form: Form, __: Access) -> dict[str, Any]:
    return {
        "department": form.text("department"),
        "reason": form.text("reason"),
        "from": conversation.department,
    }


def _close(_: Conversation, form: Form, __: Access) -> dict[str, Any]:
    given = {
        "outcome": form.text("outcome"),
        "reason": form.text("reason"),
        "retentionCode": given_result(form.text("result")),
    }
    return {name: value for name, value in given.items() if value}


def given_result(typed: str) -> str:
    """Return the code of the result that was typed or chosen, with or without its name."""
    return (typed.split() or [""])[0]


def _reopen(_: Conversation, form: Form, __: Access) -> dict[str, Any]:
    return {"reason": form.text("reason")}


def _link(_: Conversation, form: Form, __: Access) -> dict[str, Any]:
    return {"zaak": form.text("zaak").strip()}


def _confirm(_: Conversation, form: Form, __: Access) -> dict[str, Any]:
    return {}


def _settle(_: Conversation, form: Form, access: Access) -> dict[str, Any]:
    given = {each: form.text(each).strip() for each in ("message", "seen", "reason")}
    return given | {"author": {"kind": "employee", "id": access.person}}


VERBS: Mapping[str, Body] = {
    "note": _note,
    "transfer": _transfer,
    "close": _close,
    "reopen": _reopen,
    "link": _link,
    "confirm": _confirm,
    "settle": _settle,
}
"""Verb of the API -> its body, of the fields of a form."""
KEPT = {"note": "note", "link": "zaak"}
"""Verb -> the field into which one types, if that is not the reason."""


class ChangePages:
    def __init__(self, gate: Gate, views: ConversationViews, gateway: Gateway) -> None:
        self._gate, self._views, self._gateway = gate, views, gateway

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.post(f"{PATH}/take", require(self._take)),
            web.post(f"{PATH}/give-back", require(self._give_back)),
            web.get("/selection-list", require(self._list_results), allow_head=False),
            *(
                web.post(f"{PATH}/{verb}", require(partial(self._change, verb=verb)))
                for verb in VERBS
            ),
        ]

    async def _take(self, request: web.Request, visit: Visit) -> web.Response:
        """POST …/take: have a conversation, if whoever had it on the page still has."""
        return await self._assign(request, visit, session_of(visit).access.person)

    async def _list_results(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /selection-list: its results as options. A page fetches them when its form of closing
        is opened, since they are ten times as long as the page."""
        return self._views.site.page(visit, "selection_list.html", results=RESULTS.values())

    async def _give_back(self, request: web.Request, visit: Visit) -> web.Response:
        """POST …/give-back: let others have it."""
        return await self._assign(request, visit, "")

    async def _assign(self, request: web.Request, visit: Visit, to: str) -> web.Response:
        conversation, form = await self._views.find(request, visit), await read_form(request)
        access = session_of(visit).access
        if not access.may_answer:
            raise Refused(403, "", {})
        has_it = await self._views.stores.conversations.assign(
            conversation.id, access, to=to, instead_of=form.text("assignee")
        )
        if has_it == to:
            return done(visit, conversation)
        return await self._views.page(visit, conversation, 409, Typed("take.late"))

    async def _change(self, request: web.Request, visit: Visit, verb: str) -> web.Response:
        """POST …/{verb}: a command of the API, once for each form that was drawn."""
        conversation, form = await self._views.find(request, visit), await read_form(request)
        key, token = form.id("key"), session_of(visit).tokens.access_token
        if key is None:
            return await self._views.page(visit, conversation, 400, Typed("change.refused"))
        body = VERBS[verb](conversation, form, session_of(visit).access)
        if body.get("retentionCode", NO_RESULT) not in (NO_RESULT, *RESULTS):
            return await self._show_again(visit, conversation, "close.no_result", verb, form)
        try:
            id = await self._gateway.change(token, key, conversation.id, verb, body)
            fate = await await_fate(self._gateway, token, id)
        except Refused as refused:
            trouble = refusal_words(refused.code, "change.refused")
            return await self._show_again(visit, conversation, trouble, verb, form)
        if fate.status == FAILED:
            trouble = refusal_words(fate.code, "change.refused")
            return await self._show_again(visit, conversation, trouble, verb, form)
        return _after(visit, conversation, verb, form)

    async def _show_again(
        self, visit: Visit, conversation: Conversation, trouble: str, verb: str, form: Form
    ) -> web.Response:
        """Show why a change was refused, with what was typed."""
        kept, result = form.text(KEPT.get(verb, "reason")), form.text("result")
        typed = Typed(trouble, verb=verb, kept=kept, result=result)
        return await self._views.page(visit, conversation, 409, typed)


def _after(visit: Visit, conversation: Conversation, verb: str, form: Form) -> web.Response:
    """Send the browser back to the conversation, or to the inbox if it went where the employee does
    not reach it."""
    access = session_of(visit).access
    if verb == "transfer" and not access.reaches(conversation.source, form.text("department")):
        return web.Response(status=303, headers={"Location": "/inbox?said=transferred"})
    return done(visit, conversation)


async def await_fate(gateway: Gateway, token: str, id: UUID) -> CommandStatus:
    """Return what became of a command: the router has the last word, a moment later."""
    for _ in range(ATTEMPTS):
        fate = await gateway.status(token, id)
        if fate.status in (FAILED, DONE):
            break
        await asyncio.sleep(PAUSE_SECONDS)
    return fate
