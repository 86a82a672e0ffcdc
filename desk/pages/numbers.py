"""For the contact centre: the notice on a number, and its state, each with an end."""

from datetime import datetime
from typing import Any

from aiohttp import web

from desk.pages.conversation_view import session_of
from desk.pages.forms import NOTHING_TYPED, Form, read_form
from desk.postkamer.client import Refused
from desk.postkamer.gateway import Gateway
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from desk.web.times import local_time

PATH = "/numbers"
ROLE = "kcc"
STATES = ("open", "receive-only", "closed")


class NumberPages:
    def __init__(self, gate: Gate, site: Site, gateway: Gateway) -> None:
        self._gate, self._site, self._gateway = gate, site, gateway

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._show), allow_head=False),
            web.post(f"{PATH}/{{id}}/notice", require(self._set_notice)),
            web.post(f"{PATH}/{{id}}/state", require(self._set_state)),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /numbers: each with its notice and its state."""
        return await self._page(visit)

    async def _page(
        self,
        visit: Visit,
        status: int = 200,
        faults: tuple[str, ...] = (),
        refused: tuple[str, str] = ("", ""),
        typed: Form = NOTHING_TYPED,
    ) -> web.Response:
        """Return the page, with what was typed into a form that was `refused`: of which number, and
        whether its notice or its state."""
        session = session_of(visit)
        if ROLE not in session.access.roles:
            raise Refused(403, "", {})
        numbers = await self._gateway.numbers(session.tokens.access_token)
        return self._site.page(
            visit,
            "numbers.html",
            status,
            numbers=numbers,
            states=STATES,
            faults=faults,
            refused=refused,
            typed=typed,
        )

    async def _set_notice(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /numbers/{id}/notice: set one, or remove it (`remove`)."""
        form = await read_form(request)
        if form.text("remove"):
            return await self._command(request, visit, form, "DELETE", "notice", {})
        body = {"text": form.text("text").strip()} | _until(form)
        return await self._command(request, visit, form, "PUT", "notice", body)

    async def _set_state(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /numbers/{id}/state: open it, let it only receive, or close it."""
        form = await read_form(request)
        text = form.text("text").strip()
        body = {"state": form.text("state")} | ({"text": text} if text else {}) | _until(form)
        return await self._command(request, visit, form, "PUT", "state", body)

    async def _command(
        self,
        request: web.Request,
        visit: Visit,
        form: Form,
        method: str,
        resource: str,
        body: dict[str, Any],
    ) -> web.Response:
        key, token = form.id("key"), session_of(visit).tokens.access_token
        number = request.match_info["id"]
        if key is None:
            return await self._page(visit, 400, (), (number, resource), form)
        try:
            await self._gateway.change_number(token, key, method, number, resource, body)
        except Refused as refused:
            if refused.status != web.HTTPBadRequest.status_code:
                raise
            faults = fault_sentences(refused.body)
            return await self._page(visit, 400, faults, (number, resource), form)
        return web.Response(status=303, headers={"Location": PATH})


def fault_sentences(problem: Any) -> tuple[str, ...]:
    """Return the faults that the gateway names, each with its place in the body. Pure."""
    errors = problem.get("errors") if isinstance(problem, dict) else None
    listed = errors if isinstance(errors, list) else []
    return tuple(
        f"{each.get('pointer', '')}: {each.get('detail', '')}"
        for each in listed
        if isinstance(each, dict)
    )


def _until(form: Form) -> dict[str, datetime]:
    until = local_time(form.text("until"))
    return {"until": until} if until else {}
