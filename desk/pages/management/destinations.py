"""For the owner of a destination: what does not arrive there, and sending it again; and what was
put aside unread, which an operator must look at."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from aiohttp import web

from desk.pages.conversation_view import session_of
from desk.pages.forms import Form, read_form
from desk.postkamer.client import Refused
from desk.postkamer.destinations import PAGE, Delivery, Destination, Destinations, ParkedReason
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from services.ids import parse_uuid

PATH = "/destinations"
SHOWN = 50
"""Deliveries that a page shows one by one, the oldest: who has more sends them by their reason."""
NOTHING_LEFT, RUNNING = "destinations.nothing_left", "destinations.running"
REFUSALS = {409: RUNNING, 410: NOTHING_LEFT}
"""Status of the gateway -> words."""
COMMANDS = {
    "router": "postkamer quarantine list",
    "deliverer": "postkamer parked list",
    "archiver": "postkamer archive aside list",
}
"""Place where messages were put aside -> command by which an operator sees them."""


class DestinationPages:
    def __init__(self, gate: Gate, site: Site, destinations: Destinations) -> None:
        self._gate, self._site, self._destinations = gate, site, destinations

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._list), allow_head=False),
            web.get(f"{PATH}/{{id}}", require(self._show), allow_head=False),
            web.post(f"{PATH}/{{id}}/resend", require(self._resend)),
        ]

    async def _list(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /destinations: each of the employee's own."""
        token = session_of(visit).tokens.access_token
        listed = await self._destinations.list(token)
        return self._site.page(
            visit,
            "destinations.html",
            destinations=listed.destinations,
            unplaced=listed.quarantined,
            commands=COMMANDS,
        )

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /destinations/{id}?order=: one of them, with the progress of an order."""
        destination = await self._find(request, visit)
        order = parse_uuid(request.query.get("order", "")) or destination.resend
        return await self._page(visit, destination, order)

    async def _page(
        self,
        visit: Visit,
        destination: Destination,
        order: UUID | None = None,
        *,
        status: int = 200,
        trouble: str = "",
    ) -> web.Response:
        token = session_of(visit).tokens.access_token
        parked = await self._destinations.parked(token, destination.id)
        progress = await self._destinations.order(token, destination.id, order) if order else None
        return self._site.page(
            visit,
            "destination.html",
            status,
            destination=destination,
            parked=parked[:SHOWN],
            commands=COMMANDS,
            order=progress,
            trouble=trouble,
        )

    async def _resend(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /destinations/{id}/resend: one delivery (`event`), those with a reason (`refused`
        and `reason`), or all that is parked."""
        destination, form = await self._find(request, visit), await read_form(request)
        token, key = session_of(visit).tokens.access_token, form.id("key")
        if key is None:
            return await self._page(visit, destination, status=400)
        body = resend_body(form, await self._destinations.parked(token, destination.id))
        if body is None:
            return await self._page(visit, destination, status=409, trouble=NOTHING_LEFT)
        try:
            order = await self._destinations.resend(token, destination.id, key, body)
        except Refused as refused:
            trouble = REFUSALS.get(refused.status)
            if trouble is None:
                raise
            return await self._page(visit, destination, status=409, trouble=trouble)
        where = f"{PATH}/{destination.id}?order={order}"
        return web.Response(status=303, headers={"Location": where})

    async def _find(self, request: web.Request, visit: Visit) -> Destination:
        listed = await self._destinations.list(session_of(visit).tokens.access_token)
        id = request.match_info["id"]
        found = next((each for each in listed.destinations if each.id == id), None)
        if found is None:
            raise Refused(404, "", {})
        return found


def resend_body(form: Form, parked: Sequence[Delivery]) -> dict[str, Any] | None:
    """Return the order that a form asks for; None if nothing of it is parked any more. Pure."""
    if form.text("all"):
        return {"since": parked[0].at, "state": "parked"} if parked else None
    event = form.id("event")
    chosen = [
        each.id
        for each in parked
        if (each.id == event if event else reason_of(each) == _asked(form))
    ]
    return {"events": chosen[:PAGE], "state": "parked"} if chosen else None


def reason_of(each: Delivery | ParkedReason) -> tuple[int, str]:
    return each.status or 0, each.reason or ""


def _asked(form: Form) -> tuple[int, str]:
    return form.number("refused"), form.text("reason")
