"""Routes of the contact centre: set a number's notice or state through the gateway."""

import msgspec
from aiohttp import web

from sandbox.crm.desk import AUTHOR
from sandbox.crm.postkamer_client import PostkamerClient
from services.http.problems import problem_response


class ContactCentre:
    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/desk/numbers", self._list),
            web.put("/desk/numbers/{id:[0-9]+}/{what:notice|state}", self._set),
            web.delete("/desk/numbers/{id:[0-9]+}/{what:notice}", self._set),
        ]

    async def _list(self, _: web.Request) -> web.Response:
        return await self._client.gateway("GET", "/v1/numbers")

    async def _set(self, request: web.Request) -> web.Response:
        """Pass a body to the gateway with the desk as its author."""
        try:
            body_fields = msgspec.json.decode(await request.read() or b"{}", type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "this cannot be said", str(error))
        id, what = request.match_info["id"], request.match_info["what"]
        body = msgspec.json.encode(body_fields | {"author": AUTHOR})
        return await self._client.gateway(request.method, f"/v1/numbers/{id}/{what}", body)
