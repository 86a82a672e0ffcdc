"""Authentication at the two APIs of Meta: its own Graph API, and 360dialog, which relays to it."""

import hmac
from collections.abc import Awaitable, Callable
from random import Random

import msgspec
from aiohttp import web

from sandbox.meta import graph_errors
from sandbox.meta.send_validation import Refusal
from sandbox.meta.world import World
from sandbox.organisation import Carrier, Number
from services.http.problems import json_response


class Caller(msgspec.Struct, frozen=True):
    """Carrier whose API is called, and the caller's number; None if the address names no number."""

    carrier: Carrier
    number: Number | None


Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
Guarded = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiAccess:
    def __init__(self, world: World) -> None:
        self._world = world

    def meta(self, handler: Handler) -> Guarded:
        """Require the access token; the address names the number."""
        expected = f"Bearer {self._world.settings.access_token}".encode()

        async def guarded(request: web.Request) -> web.StreamResponse:
            token = request.headers.get("Authorization", "").encode()
            is_ours = hmac.compare_digest(token, expected)
            if not is_ours or self._world.health.token.revoked:
                return self.refuse(Refusal(graph_errors.ERRORS[190]))
            id = request.match_info.get("number")
            number = self._world.numbers.find_at_meta(id) if id else None
            if id and not number:
                return self.refuse(self._unknown_number(id))
            return await handler(request, Caller("meta", number))

        return guarded

    def bsp(self, handler: Handler) -> Guarded:
        """Require an API key, which identifies the number."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            number = self._world.numbers.find_by_key(request.headers.get("D360-API-KEY", ""))
            if number is None:
                return self.refuse(Refusal(graph_errors.ERRORS[190], "The API key is not valid."))
            return await handler(request, Caller("360dialog", number))

        return guarded

    def _unknown_number(self, id: str) -> Refusal:
        if self._world.numbers.has_left(id):
            return Refusal(graph_errors.ERRORS[133010])
        return Refusal(graph_errors.ERRORS[100], "There is no such phone number id.")

    def refuse(self, refusal: Refusal) -> web.Response:
        return error_response(refusal, self._world.chance)


def error_response(refusal: Refusal, chance: Random) -> web.Response:
    """Return an error response in Meta's form."""
    trace = f"A{chance.getrandbits(64):016x}"
    body = graph_errors.error_body(refusal.error, details=refusal.details, trace=trace)
    return json_response(body, status=refusal.error.http)
