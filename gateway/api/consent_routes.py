"""The door of consent: what citizens agreed to be sent that they did not ask for.

It is the municipality's as a whole: the role is enough, whatever departments a token has.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from gateway.api.command_endpoint import CommandEndpoint, CommandRequest, validation_problem
from gateway.commands import builder
from gateway.requests import changes
from services import clock
from services.config.model import Configuration


class Consents:
    def __init__(self, orders: CommandEndpoint, config: Configuration) -> None:
        self._orders, self._config = orders, config

    def routes(self) -> list[web.RouteDef]:
        """No citizen's number stands in an address: those are logged everywhere."""
        return [
            web.post("/v1/consents", self._taking(changes.AGREED)),
            web.post("/v1/consents/_end", self._taking(changes.ENDED)),
        ]

    def _taking(
        self, kind: TypeAdapter[Any]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """202 once a quorum holds it."""

        async def take(_: web.Request, order: CommandRequest) -> web.Response:
            body = self._orders.read(order, kind)
            faults = builder.terms_faults(body, order.rights, self._config, whole=True)
            faults += builder.consent_date_errors(body, clock.now())
            if faults:
                await self._orders.raise_unless_accepted(order, validation_problem(sorted(faults)))
            return await self._orders.accept(
                order, order.acceptance(), lambda given: builder.consent_command(body, given)
            )

        return self._orders.handler(take, "send")
