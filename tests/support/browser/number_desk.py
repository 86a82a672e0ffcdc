"""A gateway in one file that takes and shows changes of a number, for the contact centre's
panel."""

from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from gateway.requests.changes import CLEAR_NOTICE, NOTICE, STATE, Notice, State
from services import clock
from services.api.json_body import parse_body
from services.http.problems import problem_response

SAYING: dict[tuple[str, str], TypeAdapter[Any]] = {
    ("PUT", "notice"): NOTICE,
    ("DELETE", "notice"): CLEAR_NOTICE,
    ("PUT", "state"): STATE,
}


class NumberDesk:
    def __init__(self, number: str) -> None:
        self.standing: dict[str, Any] = {"id": number, "state": "open", "text": None}
        self.standing |= {"until": None, "notice": None}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/numbers", self.listed),
            web.put("/v1/numbers/{id}/{what}", self.said),
            web.delete("/v1/numbers/{id}/{what}", self.said),
        ]

    async def listed(self, _: web.Request) -> web.Response:
        return web.json_response({"numbers": [self.standing]})

    async def said(self, request: web.Request) -> web.Response:
        kind = SAYING[request.method, request.match_info["what"]]
        order = parse_body(await request.read(), kind)
        if isinstance(order, list):
            faults = [{"pointer": fault.pointer, "detail": fault.detail} for fault in order]
            return problem_response(400, "this cannot be said", errors=faults)
        if isinstance(order, State):
            until = order.until.isoformat() if order.until else None
            self.standing |= {"state": order.state, "text": order.text, "until": until}
        elif isinstance(order, Notice):
            notice = {"text": order.text, "until": order.until.isoformat()}
            self.standing |= {"notice": notice}
        else:
            self.standing |= {"notice": None}
        return web.json_response({"id": str(clock.new_id()), "status": "accepted"}, status=202)
