"""Confirming an alarm about a conversation of any department, by who is on duty."""

from aiohttp import web

from desk.inbox.alarms import AlarmStore
from desk.pages.changes import FAILED, await_fate
from desk.pages.conversation_view import session_of
from desk.pages.forms import read_form
from desk.postkamer.client import Refused
from desk.postkamer.gateway import Gateway
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from services.ids import CONVERSATION


class AlarmPages:
    def __init__(self, gate: Gate, site: Site, alarms: AlarmStore, gateway: Gateway) -> None:
        self._gate, self._site, self._alarms, self._gateway = gate, site, alarms, gateway

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/alarms/{id}/confirm", self._gate.require(self._confirm))]

    async def _confirm(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /alarms/{id}/confirm: say that a person has seen it, so that no other is woken."""
        session, form, id = session_of(visit), await read_form(request), request.match_info["id"]
        key, token = form.id("key"), session.tokens.access_token
        if not session.access.is_on_duty or not CONVERSATION.fullmatch(id):
            raise Refused(404, "", {})
        if key is None:
            return self._site.page(visit, "problem.html", 400, reason="alarm.refused")
        command = await self._gateway.change(token, key, id, "confirm", {})
        fate = await await_fate(self._gateway, token, command)
        if fate.status == FAILED:
            return self._site.page(visit, "problem.html", 409, reason="alarm.refused")
        await self._alarms.remove(id, session.access)
        return web.Response(status=303, headers={"Location": "/inbox"})
