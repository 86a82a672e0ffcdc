"""Routes to move numbers between Meta and the BSP, also while messages are on their way."""

import msgspec
from aiohttp import web

from sandbox.meta.number_directory import Move
from sandbox.meta.world import World
from sandbox.organisation import Number
from services.http.problems import json_response, problem_response


class NumberMoveRoutes:
    def __init__(self, world: World) -> None:
        self._numbers = world.numbers

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/phone/numbers", self._list),
            web.post("/phone/numbers/{id}/_provider", self._move),
        ]

    async def _list(self, _: web.Request) -> web.Response:
        return json_response([describe_number(number) for number in self._numbers.all()])

    async def _move(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        if self._numbers.get(id) is None:
            return problem_response(404, "there is no such number")
        try:
            move = msgspec.json.decode(await request.read(), type=Move)
            after = self._numbers.move(id, move)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            return problem_response(400, "the number cannot be moved", str(error))
        return json_response(describe_number(after))


def describe_number(number: Number) -> dict[str, str]:
    return {
        "id": number.id,
        "tenant": number.tenant,
        "phone": number.phone,
        "provider": number.provider,
        "phoneNumberId": number.meta_id,
        "waba": number.account,
        "portfolio": number.portfolio,
        "key": number.api_key,
    }
