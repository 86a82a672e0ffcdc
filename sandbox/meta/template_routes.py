"""Routes by which Meta and the BSP list templates, and one that changes a template."""

import msgspec
from aiohttp import web

from sandbox.meta import graph_errors, message_templates, number_health, webhook_payloads
from sandbox.meta.access import ApiAccess, Caller
from sandbox.meta.message_templates import Json, TemplateChange
from sandbox.meta.send_validation import Refusal
from sandbox.meta.world import World
from sandbox.organisation import Number
from services import clock
from services.http.problems import json_response, problem_response

NO_PERMISSION = 200
MANAGES = number_health.SCOPES[0]


class TemplateRoutes:
    def __init__(self, world: World) -> None:
        self._world = world
        self._access = ApiAccess(world)

    def routes(self) -> list[web.RouteDef]:
        meta, bsp = self._access.meta(self._list_at_meta), self._access.bsp(self._list_at_bsp)
        return [
            web.get("/graph/{version}/{waba}/message_templates", meta),
            web.get("/d360/message_templates", bsp),
            web.post("/phone/numbers/{id}/_template", self._change),
        ]

    async def _list_at_meta(self, request: web.Request, _: Caller) -> web.StreamResponse:
        account = request.match_info["waba"]
        numbers = self._world.numbers.all()
        if MANAGES not in self._world.health.token.scopes:
            return self._refuse(NO_PERMISSION, f"Requires {MANAGES}.")
        if all(n.provider != "meta" or n.account != account for n in numbers):
            return self._refuse(100, "There is no such account.")
        return self._page(request, account)

    async def _list_at_bsp(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        assert caller.number, "the key of the BSP names one"
        return self._page(request, caller.number.account)

    def _page(self, request: web.Request, account: str) -> web.StreamResponse:
        templates, url = self._world.templates.of(account), str(request.url.with_query(None))
        try:
            return json_response(message_templates.describe_page(templates, request.query, url))
        except ValueError:
            return self._refuse(100, "fields, limit or after is not valid.")

    async def _change(self, request: web.Request) -> web.Response:
        number = self._world.numbers.get(request.match_info["id"])
        if number is None:
            return problem_response(404, "there is no such number")
        try:
            change = msgspec.json.decode(await request.read(), type=TemplateChange)
            before = self._world.templates.change(number.account, change)
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
            return problem_response(400, "this is no change of a template", str(error))
        for field, value in webhook_payloads.template_notices(before, change):
            self._notify(number, field, value)
        return json_response(before | msgspec.to_builtins(change))

    def _notify(self, number: Number, field: str, value: Json) -> None:
        def make() -> bytes:
            return webhook_payloads.encode(
                webhook_payloads.account_notice(number, field, value, clock.now())
            )

        self._world.webhooks.post_later(0.0, make, carrier=number.provider)

    def _refuse(self, code: int, details: str) -> web.Response:
        return self._access.refuse(Refusal(graph_errors.ERRORS[code], details))
