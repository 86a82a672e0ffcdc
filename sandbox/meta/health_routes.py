"""Routes by which Meta shows the state of numbers and token, and those that change it."""

import hmac
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from sandbox.meta import graph_errors, number_health
from sandbox.meta.access import ApiAccess, Caller, Handler
from sandbox.meta.number_health import NumberHealth, TokenHealth
from sandbox.meta.send_validation import Refusal
from sandbox.meta.world import World
from sandbox.organisation import Number
from services import clock
from services.http.problems import json_response, problem_response

Health = TypeVar("Health", NumberHealth, TokenHealth)


class HealthRoutes:
    """An address with one id is a number or a file; `describe_file` answers for a file."""

    def __init__(self, world: World, describe_file: Handler) -> None:
        self._world, self._describe_file = world, describe_file
        self._access = ApiAccess(world)

    def routes(self) -> list[web.RouteDef]:
        graph, meta = "/graph/{version}", self._access.meta
        return [
            web.get(graph + "/debug_token", meta(self._token)),
            web.get(graph + "/{waba}/subscribed_apps", meta(self._apps)),
            web.get(graph + f"/{number_health.APP}/subscriptions", self._subscriptions),
            web.get(graph + "/{id}", meta(self._node)),
            web.get("/d360/health_status", self._access.bsp(self._status)),
            web.post("/phone/numbers/{id}/_health", self._change_number),
            web.post("/phone/token/_health", self._change_token),
        ]

    async def _token(self, request: web.Request, _: Caller) -> web.StreamResponse:
        if request.query.get("input_token") != self._world.settings.access_token:
            return self._refuse(100, "The input token is not one of this app.")
        token = self._world.health.token
        return json_response(number_health.describe_token(token, clock.now()))

    async def _apps(self, request: web.Request, _: Caller) -> web.StreamResponse:
        waba = request.match_info["waba"]
        numbers = self._world.numbers.all()
        found = next((n for n in numbers if n.provider == "meta" and n.account == waba), None)
        if found is None:
            return self._refuse(100, "There is no such account.")
        return json_response(number_health.describe_apps(self._world.health.of(found)))

    async def _subscriptions(self, request: web.Request) -> web.StreamResponse:
        """Show the webhook to the app itself: its id and secret are the token. The fields of all
        numbers are those of the one whose fields were changed."""
        given = request.headers.get("Authorization", "").encode()
        app = f"Bearer {number_health.APP}|".encode()
        if not hmac.compare_digest(given, app + self._world.settings.app_secret.encode()):
            return self._refuse(190 if given.startswith(app) else 15, "")
        numbers = [self._world.health.of(number) for number in self._world.numbers.all()]
        fewest = min(numbers, key=lambda each: len(each.fields))
        return json_response(
            number_health.describe_subscriptions(fewest.fields, self._callback(fewest))
        )

    async def _node(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        number = self._world.numbers.find_at_meta(request.match_info["id"])
        if number is None:
            return await self._describe_file(request, caller)
        health = self._world.health.of(number)
        known = number_health.describe_fields(number, health, request.match_info["version"])
        known["webhook_configuration"] = {"application": self._callback(health)}
        asked = request.query.get("fields", ",".join(number_health.DEFAULT_FIELDS)).split(",")
        if missing := [name for name in asked if name not in known]:
            return self._refuse(100, f"Tried accessing nonexisting field ({missing[0]}).")
        return json_response({name: known[name] for name in dict.fromkeys([*asked, "id"])})

    async def _status(self, _: web.Request, caller: Caller) -> web.StreamResponse:
        assert caller.number, "the key of the BSP names one"
        status = number_health.describe_status(caller.number, self._world.health.of(caller.number))
        return json_response({"health_status": status, "id": caller.number.meta_id})

    async def _change_number(self, request: web.Request) -> web.Response:
        number = self._world.numbers.get(request.match_info["id"])
        if number is None:
            return problem_response(404, "there is no such number")

        def change(health: NumberHealth, of: Number = number) -> None:
            self._world.health.change(of, health)

        return _change(await request.read(), NumberHealth, change)

    async def _change_token(self, request: web.Request) -> web.Response:
        def change(token: TokenHealth) -> None:
            self._world.health.token = token

        return _change(await request.read(), TokenHealth, change)

    def _callback(self, health: NumberHealth) -> str:
        return health.callback or f"{self._world.settings.gateway_url}/webhooks/whatsapp"

    def _refuse(self, code: int, details: str) -> web.Response:
        return self._access.refuse(Refusal(graph_errors.ERRORS[code], details))


def _change(body: bytes, kind: type[Health], change: Callable[[Health], Any]) -> web.Response:
    try:
        health = msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return problem_response(400, "this is no state that Meta gives", str(error))
    change(health)
    return json_response(msgspec.to_builtins(health))
